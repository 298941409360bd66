#include "actors/store/mailbox_depth.hpp"

namespace tiketi {

prometheus::Histogram& mailbox_depth(prometheus::Registry& registry, const std::string& actor) {
  return prometheus::BuildHistogram()
      .Name("tiketi_mailbox_depth")
      .Help("Messages waiting for an actor when it looked, once per tick")
      .Register(registry)
      .Add({{"actor", actor}},
           prometheus::Histogram::BucketBoundaries{0, 1, 10, 100, 1000, 10'000});
}

} // namespace tiketi
