#include "actors/community/view_counter.hpp"

namespace tiketi::community {

void view_counter::forget_before(time_point horizon) {
  while (!order_.empty() && (order_.front().at <= horizon || order_.size() > limits_.viewers_max)) {
    // Only the latest look of a viewer counts, and each one that counts has its own entry.
    const auto found = last_.find(order_.front().key);
    if (found != last_.end() && found->second == order_.front().at)
      last_.erase(found);
    order_.pop_front();
  }
}

void view_counter::seen(const uuid& item, const std::string& viewer, time_point now) {
  if (viewer.empty())
    return;
  forget_before(now - limits_.period);
  auto key = to_string(item) + viewer;
  if (last_.contains(key))
    return;
  if (!waiting_.contains(item) && waiting_.size() >= limits_.items_max)
    return;
  ++waiting_[item];
  last_.emplace(key, now);
  order_.push_back({now, std::move(key)});
  forget_before(now - limits_.period);
}

std::int64_t view_counter::unsaved(const uuid& item) const {
  std::int64_t out = 0;
  for (const auto* part : {&waiting_, &under_way_})
    if (const auto found = part->find(item); found != part->end())
      out += found->second;
  return out;
}

std::vector<std::pair<uuid, std::int64_t>> view_counter::take() {
  if (!under_way_.empty())
    return {};
  under_way_.swap(waiting_);
  return {under_way_.begin(), under_way_.end()};
}

void view_counter::stored(bool in_store) {
  if (!in_store)
    for (const auto& [item, count] : under_way_)
      waiting_[item] += count;
  under_way_.clear();
}

} // namespace tiketi::community
