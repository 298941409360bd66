#include "actors/event/map_copy.hpp"

#include <utility>

namespace tiketi::ticket {

follow_seat_map map_copy::question() const {
  if (!frame_.empty())
    return {event_, frame_version_, frame_.size()};
  return {event_, map_ ? map_->version() : std::string{}, 0};
}

bool map_copy::take(const seat_map_update& update) {
  if (!update.whole) {
    if (frame_.empty() && map_ && map_->follow(update))
      return true;
    ++beginnings_;
    map_.reset();
    frame_.clear();
    return false;
  }
  if (update.begin == 0) {
    ++beginnings_;
    map_.reset();
    frame_.clear();
    frame_version_ = update.version;
  } else if (update.begin != frame_.size() || update.version != frame_version_) {
    ++beginnings_;
    frame_.clear();
    return false;
  }
  frame_ += update.part;
  if (frame_.size() < update.size && !update.part.empty())
    return false;
  map_ = seat_map::from_frame(std::exchange(frame_, {}), update.seats_at, update.version);
  // Later parts may say more than the version of the first.
  return map_ && update.begin == 0;
}

} // namespace tiketi::ticket
