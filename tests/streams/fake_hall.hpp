#pragma once

#include "actors/event/handle.hpp"
#include "actors/event/seat_map.hpp"
#include "actors/system/caf_error.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::test {

/// The seats of one event as the ticket role would answer for them, without a sale. Thread-safe.
class fake_hall {
public:
  explicit fake_hall(int seats, std::uint64_t nonce = 0xabc, std::string layout = {}) {
    row_.id = event;
    row_.title = "Night";
    row_.layout_config = std::move(layout);
    for (int i = 0; i < seats; ++i) {
      ticket::seat_row s;
      s.id.value.bytes[0] = static_cast<std::uint8_t>(i >> 8);
      s.id.value.bytes[1] = static_cast<std::uint8_t>(i);
      s.id.value.bytes[15] = 1;
      s.section = "A";
      s.row = 1 + i / 50;
      s.number = 1 + i % 50;
      s.label = "A-" + std::to_string(s.row) + "-" + std::to_string(s.number);
      seats_.push_back(s);
    }
    map_ = ticket::seat_map(row_, seats_, nonce);
  }

  void set(int seat, ticket::seat_status status) {
    const std::lock_guard lock{mutex_};
    seats_[static_cast<std::size_t>(seat)].status = status;
    map_.set(static_cast<std::size_t>(seat), status);
  }

  /// As after the event's actor was started again.
  void start_again(std::uint64_t nonce) {
    const std::lock_guard lock{mutex_};
    map_ = ticket::seat_map(row_, seats_, nonce);
  }

  std::string version() const {
    const std::lock_guard lock{mutex_};
    return map_.version();
  }

  std::string body() {
    const std::lock_guard lock{mutex_};
    return *map_.publish().body;
  }

  std::string id(int seat) const { return to_string(seats_[static_cast<std::size_t>(seat)].id); }

  result<ticket::seat_changes> answer(const ticket::get_seat_changes& m) {
    const std::lock_guard lock{mutex_};
    ++asked;
    with_map += m.with_map;
    if (broken != errc{})
      return broken;
    if (m.event != event)
      return failure{errc::not_found, "Event not found"};
    ticket::seat_changes out;
    out.version = map_.version();
    const auto changed = map_.changed_since(m.since);
    out.whole = !changed;
    if (changed)
      for (const auto i : *changed)
        out.changes.push_back({seats_[i].id, map_.status(i)});
    if (out.whole || m.with_map)
      out.map = map_.publish();
    return out;
  }

  ticket::seat_changes_view spawn(caf::actor_system& sys) {
    using view = ticket::seat_changes_view;
    return sys.spawn([this](view::pointer self) -> view::behavior_type {
      return {[this, self](const ticket::get_seat_changes& m) -> caf::result<ticket::seat_changes> {
        if (silent)
          return self->make_response_promise<ticket::seat_changes>();
        auto out = answer(m);
        if (!out)
          return to_caf(out.error());
        return std::move(*out);
      }};
    });
  }

  const event_id event = *parse_id<event_id>("00000000-0000-4000-8000-00000000000e");
  int asked = 0;
  int with_map = 0;
  errc broken{}; ///< not 0: the only answer
  bool silent = false;

private:
  mutable std::mutex mutex_;
  ticket::event_row row_;
  std::vector<ticket::seat_row> seats_;
  ticket::seat_map map_;
};

} // namespace tiketi::test
