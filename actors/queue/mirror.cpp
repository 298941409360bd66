#include "actors/queue/mirror.hpp"

#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

#include <fmt/format.h>

namespace tiketi::queue {

namespace {

constexpr std::size_t cleanup_max = 1'000;

std::string key(const event_id& event, std::string_view name) {
  return fmt::format("{{{}}}:{}", to_string(event), name);
}

} // namespace

queue_mirror::queue_mirror(event_id event, std::uint64_t incarnation, mirror_options options)
    : event_(event), incarnation_(incarnation), options_(options) {}

void queue_mirror::changed(const journal_op& op) {
  if (const auto* purge = std::get_if<purge_expired>(&op)) {
    clean_before_ = purge->before;
    return;
  }
  if (phase_ == phase::behind || void_)
    return; // a copy will have it
  std::visit(
      [this](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, join_line>)
          pending_.push_back({'J', x.user, static_cast<std::int64_t>(x.sequence)});
        else if constexpr (std::is_same_v<T, admit_user>)
          pending_.push_back({'A', x.user, to_millis(x.expires_at)});
        else if constexpr (std::is_same_v<T, renew_slot>)
          pending_.push_back({'R', x.user, to_millis(x.expires_at)});
        else if constexpr (std::is_same_v<T, drop_waiting> || std::is_same_v<T, drop_active>)
          pending_.push_back({'L', x.user, 0});
        else if constexpr (std::is_same_v<T, set_limit>)
          pending_.push_back({'T', {}, x.threshold});
        else if constexpr (std::is_same_v<T, clear_line>)
          pending_.push_back({'C', {}, 0});
      },
      op);
  if (pending_.size() > options_.waiting_max)
    restart();
}

void queue_mirror::restart() {
  lag(time_point{});
}

void queue_mirror::lag(time_point until) {
  phase_ = phase::behind;
  void_ = call_ == call_kind::changes;
  retry_at_ = until;
  pending_ = {};
  copy_active_ = {};
}

/// What the change says in lua/queue_mirror.lua.
void queue_mirror::add(redis::call& c, const change& x) const {
  c.words.emplace_back(1, x.what);
  switch (x.what) {
  case 'T':
    c.words.push_back(std::to_string(x.value));
    c.words.emplace_back("-");
    break;
  case 'C':
    c.words.emplace_back("-");
    c.words.emplace_back("-");
    break;
  default:
    c.words.push_back(to_string(x.user));
    c.words.push_back(x.what == 'L' ? "-" : std::to_string(x.value));
  }
}

/// A part of the room as it is now. Changes that are pending repeat what led to it, so whatever
/// they undo they do again.
std::size_t queue_mirror::add_copy(redis::call& c, const waiting_room& room) {
  std::size_t count = 0;
  for (; !copy_active_.empty() && count < options_.changes_max; copy_active_.pop_back())
    if (const auto* slot = room.slot_of(copy_active_.back())) {
      add(c, {'A', copy_active_.back(), to_millis(slot->expires_at)});
      ++count;
    }
  if (count >= options_.changes_max)
    return count;
  const auto wanted = options_.changes_max - count;
  const auto line = room.line_after(copy_after_, wanted);
  for (const auto& waiting : line)
    add(c, {'J', waiting.user, static_cast<std::int64_t>(waiting.sequence)});
  if (!line.empty())
    copy_after_ = line.back().sequence;
  copied_ = line.size() < wanted;
  return count + line.size();
}

std::optional<redis::call> queue_mirror::next(const waiting_room& room, time_point now) {
  if (call_ != call_kind::none || (phase_ == phase::behind && now < retry_at_))
    return std::nullopt;
  redis::call c;
  c.deadline = options_.deadline;
  c.route = std::hash<event_id>{}(event_);
  if (phase_ == phase::following && pending_.empty() && clean_before_) {
    c.run = &redis::find_script("queue_cleanup");
    c.keys = 1;
    c.words = {key(event_, "active"), std::to_string(to_millis(*clean_before_)),
               std::to_string(cleanup_max)};
    call_ = call_kind::cleanup;
    return c;
  }
  if (phase_ == phase::following && pending_.empty() && now < told_at_ + options_.verify_every)
    return std::nullopt;
  c.run = &redis::find_script("queue_mirror");
  for (const auto* name : {"queue", "active", "seen", "threshold", "revision"})
    c.words.push_back(key(event_, name));
  c.keys = c.words.size();
  const auto revision = [this](std::uint64_t n) { return fmt::format("{:x}-{}", incarnation_, n); };
  const bool anew = phase_ == phase::behind;
  c.words.push_back(anew ? std::string{} : revision(revision_));
  c.words.push_back(revision(revision_ + 1));
  c.words.push_back(std::to_string(to_millis(now)));
  std::size_t count = 0;
  copied_ = false;
  if (anew) {
    phase_ = phase::copying;
    ++copies_;
    copy_active_ = room.active_users();
    copy_after_ = 0;
    add(c, {'T', {}, room.threshold()});
  }
  if (phase_ == phase::copying)
    count = add_copy(c, room);
  for (; !pending_.empty() && count < options_.changes_max; ++count) {
    add(c, pending_.front());
    pending_.pop_front();
  }
  call_ = call_kind::changes;
  return c;
}

void queue_mirror::answered(const redis::outcome& what, time_point now) {
  const auto kind = std::exchange(call_, call_kind::none);
  if (kind == call_kind::cleanup) {
    // Not repeated after a failure: readers go by the ends of the slots, and the next one cleans.
    if (!what.ok() || what.value.integer < static_cast<std::int64_t>(cleanup_max))
      clean_before_.reset();
    return;
  }
  ++revision_; // never used twice, whatever became of it
  if (std::exchange(void_, false))
    return;
  if (!what.ok()) {
    lag(now + options_.retry_after);
  } else if (what.value.items.empty() || what.value.items[0].integer != 1) {
    lag(now); // Redis lost its copy
  } else {
    told_at_ = now;
    if (phase_ == phase::copying && copied_)
      phase_ = phase::following;
  }
}

} // namespace tiketi::queue
