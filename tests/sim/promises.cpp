#include "tests/sim/promises.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace tiketi::sim {

using ticket::reservation_status;

void require(bool holds, const std::string& what) {
  if (!holds)
    throw violation(what);
}

std::string brief(const uuid& id) {
  return to_string(id).substr(0, 8);
}

void sale_promises::check(const memory::ticket_state& s, bool every_commit) {
  // P1: one live reservation per seat at most, and both sides agree.
  std::map<seat_id, reservation_id> live;
  std::set<std::pair<user_id, std::string>> keys;
  std::map<ticket_type_id, std::int32_t> tickets;
  for (const auto& [id, r] : s.reservations) {
    const auto& v = r.view;
    const bool lives =
        v.status == reservation_status::pending || v.status == reservation_status::confirmed;
    for (const auto& item : v.items) {
      if (!lives)
        continue;
      if (item.seat.is_nil()) {
        tickets[item.ticket_type] += item.quantity;
        continue;
      }
      require(live.emplace(item.seat, id).second, "P1: two live reservations have one seat");
      const auto& seat = s.seats.at(item.seat).row;
      require(seat.holder == id, "P1: a live reservation's seat has another holder");
      require(seat.token == item.token, "P6: a live reservation's token is not the seat's");
      require(seat.status
                  == (v.status == reservation_status::confirmed ? ticket::seat_status::reserved
                                                                : ticket::seat_status::locked),
              "P1: seat and reservation disagree");
    }
    check_history(id, v, every_commit);
    require(r.key.empty() || keys.emplace(v.user, r.key).second,
            "P2: a repeated hold did not find the first one");
  }
  for (const auto& [id, seat] : s.seats) {
    require((seat.row.status == ticket::seat_status::available) == !live.contains(id),
            "P3: a seat is taken by a reservation that has ended, or the other way round");
    auto& last = last_token_[id];
    require(seat.row.token >= last, "P6: a token went back");
    last = seat.row.token;
  }
  // P1 for stock.
  for (const auto& [id, type] : s.types)
    require(type.available + tickets[id] == type.total, "P1: stock and reservations disagree");
}

void sale_promises::held(const ticket::reservation_view& v) {
  for (const auto& item : v.items)
    if (!item.seat.is_nil()) {
      auto& last = last_hold_[item.seat];
      require(item.token > last, "P6: a hold has no greater token than the one before");
      last = item.token;
    }
}

/// P3: each reservation ends once; P6: each hold of a seat has a greater token.
void sale_promises::check_history(const reservation_id& id, const ticket::reservation_view& v,
                                  bool every_commit) {
  const auto known = statuses_.find(id);
  if (known == statuses_.end()) {
    require(v.status == reservation_status::pending || !every_commit, "a reservation began ended");
    if (every_commit)
      held(v);
  } else if (known->second != v.status) {
    const bool ends_once = known->second == reservation_status::pending
                           || (known->second == reservation_status::confirmed
                               && v.status == reservation_status::cancelled);
    require(ends_once, "P3: " + to_string(known->second) + " became " + to_string(v.status));
  }
  statuses_[id] = v.status;
  std::map<std::string, int> ends;
  for (const auto& h : v.history)
    ++ends[h.action];
  for (const char* once : {"confirmed", "expired", "cancelled"})
    require(ends[once] <= 1, std::string{"P3: twice "} + once);
  // P5: what a payment event says is noted once, however often the event comes.
  std::set<std::pair<std::string, std::string>> noted;
  for (const auto& h : v.history)
    require(noted.emplace(h.action, h.detail).second,
            "P5: applied twice: " + h.action + ", " + h.detail);
}

void line_promises::written(const std::vector<queue::queue_write>& batch) {
  for (const auto& command : batch) {
    auto& waiting = lines_[command.event];
    for (const auto& op : command.ops) {
      if (const auto* join = std::get_if<queue::join_line>(&op)) {
        require(waiting.empty() || join->sequence >= waiting.rbegin()->first,
                "P4: a join got an earlier place");
        waiting[join->sequence] = join->user;
        joined_.insert(join->user);
      } else if (const auto* admit = std::get_if<queue::admit_user>(&op)) {
        entered_.insert(admit->user);
        if (admit->sequence == 0) {
          require(waiting.empty(), "P4: somebody entered past the line");
          continue;
        }
        const auto found = waiting.find(admit->sequence);
        if (found == waiting.end())
          continue; // repeated after a lost answer
        require(found == waiting.begin(), "P4: admitted out of order");
        require(found->second == admit->user, "P4: admitted with somebody else's place");
        waiting.erase(found);
      } else if (const auto* drop = std::get_if<queue::drop_waiting>(&op)) {
        waiting.erase(drop->sequence);
      } else if (std::holds_alternative<queue::clear_line>(op)) {
        waiting.clear();
      }
    }
  }
}

std::ptrdiff_t active_at(const memory::queue_rows& rows, time_point now) {
  return std::count_if(rows.active.begin(), rows.active.end(),
                       [&](const auto& a) { return a.second.first > now; });
}

} // namespace tiketi::sim
