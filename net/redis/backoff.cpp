#include "net/redis/backoff.hpp"

#include <algorithm>

namespace tiketi::net {

backoff::backoff(backoff_options options) : options_(options) {
  options_.first = std::max(options_.first, milliseconds{1});
  options_.max = std::max(options_.max, options_.first);
  wait_ = options_.first;
}

milliseconds backoff::next(std::uint64_t chance) {
  const auto whole = wait_;
  wait_ = std::min(wait_ * 2, options_.max);
  const auto half = static_cast<std::uint64_t>(whole.count() / 2);
  return whole - milliseconds{static_cast<std::int64_t>(chance % (half + 1))};
}

} // namespace tiketi::net
