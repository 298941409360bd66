#include "net/streams/event_ring.hpp"

#include <algorithm>
#include <utility>

namespace tiketi::net {

void event_ring::restart(std::string version) {
  events_.clear();
  bytes_ = 0;
  version_ = std::move(version);
}

void event_ring::push(std::string version, shared_text bytes) {
  bytes_ += bytes->size();
  events_.push_back({std::exchange(version_, std::move(version)), std::move(bytes)});
  while (!events_.empty() && (events_.size() > count_max_ || bytes_ > bytes_max_)) {
    bytes_ -= events_.front().bytes->size();
    events_.pop_front();
  }
}

std::optional<std::vector<shared_text>> event_ring::after(std::string_view version) const {
  if (version.empty())
    return std::nullopt;
  if (version == version_)
    return std::vector<shared_text>{};
  const auto first = std::find_if(events_.begin(), events_.end(),
                                  [&](const entry& e) { return e.from == version; });
  if (first == events_.end())
    return std::nullopt;
  std::vector<shared_text> out;
  for (auto e = first; e != events_.end(); ++e)
    out.push_back(e->bytes);
  return out;
}

} // namespace tiketi::net
