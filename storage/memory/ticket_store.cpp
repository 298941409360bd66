#include "storage/memory/ticket_store.hpp"

#include "storage/memory/ticket_benefits.hpp"
#include "storage/memory/ticket_store_impl.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <tuple>

namespace tiketi::memory {

using namespace ticket;

namespace {

// Every command is checked whole before anything of it is written, so nothing has to be undone.

std::optional<reservation_status> status_of(const ticket_state& s, reservation_id id) {
  const auto found = s.reservations.find(id);
  if (found == s.reservations.end())
    return std::nullopt;
  return found->second.view.status;
}

const ticket_state::reservation* find_key(const ticket_state& s, user_id user,
                                          const std::string& key) {
  if (key.empty())
    return nullptr;
  for (const auto& [id, r] : s.reservations)
    if (r.view.user == user && r.key == key)
      return &r;
  return nullptr;
}

void append(ticket_state& s, const std::vector<domain_event>& events) {
  for (const auto& e : events) {
    s.outbox.push_back(e);
    s.outbox.back().sequence = ++s.last_sequence;
  }
}

ticket_written rejected() {
  ticket_written out;
  out.status = commit_status::rejected;
  return out;
}

ticket_written committed(bool duplicate = false) {
  ticket_written out;
  out.status = commit_status::committed;
  out.duplicate = duplicate;
  return out;
}

std::size_t characters(const std::string& utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

/// The rules that the schema states with CHECK and REFERENCES.
bool is_sound(const ticket_state& s, const create_reservation& c) {
  const auto& r = c.reservation;
  return s.events.contains(r.event) && r.total_amount >= 0 && characters(c.idempotency_key) <= 64
         && std::all_of(r.items.begin(), r.items.end(), [](const reservation_item& i) {
              return i.seat.is_nil() != i.ticket_type.is_nil() && i.quantity > 0
                     && i.unit_price >= 0 && (i.seat.is_nil() || i.quantity == 1);
            });
}

ticket_written apply(ticket_state& s, const create_reservation& c) {
  const auto& r = c.reservation;
  auto refusal = rejected();
  std::set<seat_id> seats;
  std::map<ticket_type_id, std::int64_t> stock;
  for (const auto& item : r.items) {
    if (!item.seat.is_nil()) {
      const auto found = s.seats.find(item.seat);
      if (found == s.seats.end() || found->second.retired
          || (s.checks.state
              && (found->second.row.status != seat_status::available
                  || found->second.row.version + 1 != item.seat_version))
          || (s.checks.token && found->second.row.token >= item.token)
          || !seats.insert(item.seat).second)
        refusal.conflicts.push_back(item.seat);
    } else {
      const auto found = s.types.find(item.ticket_type);
      if (found == s.types.end() || found->second.event != r.event || item.quantity <= 0
          || found->second.available < stock[item.ticket_type] + item.quantity)
        refusal.sold_out.push_back(item.ticket_type);
      else
        stock[item.ticket_type] += item.quantity;
    }
  }
  const auto* same_key = find_key(s, r.user, c.idempotency_key);
  if (!refusal.conflicts.empty() || !refusal.sold_out.empty() || same_key
      || s.reservations.contains(r.id)) {
    refusal.found = status_of(s, r.id);
    if (same_key)
      refusal.same_key = same_key->view.id;
    return refusal;
  }
  if (!is_sound(s, c))
    return refusal;
  for (const auto& item : r.items) {
    if (item.seat.is_nil()) {
      s.types[item.ticket_type].available -= item.quantity;
      continue;
    }
    auto& seat = s.seats[item.seat].row;
    seat.status = seat_status::locked;
    seat.version = item.seat_version;
    seat.token = item.token;
    seat.holder = r.id;
  }
  auto& row = s.reservations[r.id];
  row.view = r;
  row.view.history.clear();
  row.view.replayed = false;
  row.key = c.idempotency_key;
  append(s, c.events);
  return committed();
}

ticket_written apply(ticket_state& s, const change_reservation& c) {
  if (!c.message.is_nil() && s.processed.contains(c.message))
    return committed(true);
  auto refusal = rejected();
  refusal.found = status_of(s, c.reservation);
  refusal.found_listing = status_of_listing(s, c.listing.terms.id);
  if (refusal.found != c.from || !may_change_listing(s, c))
    return refusal;
  const bool moves = c.from != c.to;
  std::map<ticket_type_id, std::int64_t> stock;
  for (const auto& item : c.items) {
    if (!moves)
      break;
    if (c.stock == stock_effect::sell && !item.seat.is_nil()) {
      const auto found = s.seats.find(item.seat);
      if (found == s.seats.end() || found->second.row.status != seat_status::locked
          || found->second.row.holder != c.reservation || found->second.row.token != item.token)
        refusal.conflicts.push_back(item.seat);
    } else if (c.stock == stock_effect::free && item.seat.is_nil()) {
      const auto found = s.types.find(item.ticket_type);
      if (found != s.types.end()
          && found->second.available + (stock[item.ticket_type] += item.quantity)
                 > found->second.total)
        return rejected(); // more would come back than was ever sold
    }
  }
  if (!refusal.conflicts.empty())
    return refusal;
  for (const auto& item : c.items) {
    if (!moves || c.stock == stock_effect::keep)
      break;
    if (item.seat.is_nil()) {
      const auto found = s.types.find(item.ticket_type);
      if (c.stock == stock_effect::free && found != s.types.end())
        found->second.available += item.quantity;
      continue;
    }
    const auto found = s.seats.find(item.seat);
    if (found == s.seats.end() || found->second.row.holder != c.reservation)
      continue;
    auto& seat = found->second.row;
    if (c.stock == stock_effect::sell) {
      seat.status = seat_status::reserved;
    } else {
      seat.status = seat_status::available;
      seat.holder = {};
    }
  }
  change_listing(s, c);
  auto& view = s.reservations[c.reservation].view;
  view.status = c.to;
  view.payment = c.payment;
  if (!c.payment_method.empty())
    view.payment_method = c.payment_method;
  if (!c.paid_by.is_nil())
    view.paid_by = c.paid_by;
  if (!c.history.action.empty())
    view.history.push_back(c.history);
  if (!c.message.is_nil())
    s.processed.insert(c.message);
  append(s, c.events);
  return committed();
}

ticket_written apply(ticket_state& s, const change_catalog& c) {
  if (!c.message.is_nil() && s.processed.contains(c.message))
    return committed(true);
  const bool sound =
      std::all_of(c.seats.begin(), c.seats.end(), [](const seat_row& x) { return x.price >= 0; })
      && std::all_of(c.types.begin(), c.types.end(), [&](const ticket_type_view& x) {
           return x.price >= 0 && x.total >= 0
                  && (s.types.contains(x.id) || (x.available >= 0 && x.available <= x.total));
         });
  if (!sound)
    return rejected();
  s.events[c.event.id] = c.event;
  if (c.layout)
    s.layouts[c.layout->id] = *c.layout;
  std::set<std::tuple<std::string, std::int32_t, std::int32_t>> places;
  for (const auto& [id, seat] : s.seats)
    if (seat.event == c.event.id)
      places.emplace(seat.row.section, seat.row.row, seat.row.number);
  if (c.whole_plan)
    for (auto& [id, seat] : s.seats)
      if (seat.event == c.event.id && seat.row.status == seat_status::available)
        seat.retired = true;
  for (const auto& seat : c.seats) {
    if (const auto known = s.seats.find(seat.id); known != s.seats.end()) {
      auto& old = known->second;
      if (c.whole_plan && old.row.status == seat_status::available) {
        old.retired = false;
        old.row.price = seat.price;
      }
    } else if (places.emplace(seat.section, seat.row, seat.number).second) {
      s.seats[seat.id] = {c.event.id, seat, false};
    }
  }
  for (const auto& type : c.types) {
    const auto [at, is_new] = s.types.try_emplace(type.id, type);
    auto& t = at->second;
    if (is_new) {
      t.event = c.event.id;
      continue;
    }
    const auto sold = t.total - t.available;
    t.name = type.name;
    t.description = type.description;
    t.price = type.price;
    t.total = std::max(type.total, sold);
    t.available = t.total - sold;
  }
  if (!c.message.is_nil())
    s.processed.insert(c.message);
  return committed();
}

ticket_written apply(ticket_state& s, const look_up& c) {
  auto out = committed();
  out.found = status_of(s, c.reservation);
  return out;
}

std::vector<ticket_written> apply_all(ticket_state& s, const std::vector<ticket_write>& batch) {
  std::vector<ticket_written> out;
  out.reserve(batch.size());
  for (const auto& write : batch)
    out.push_back(std::visit([&](const auto& c) { return apply(s, c); }, write.command));
  return out;
}

/// The stored reservation with what other tables know about it.
reservation_view joined(const ticket_state& s, const ticket_state::reservation& r) {
  auto out = r.view;
  out.history.clear();
  out.event_title.clear();
  out.venue.clear();
  out.address.clear();
  out.event_date = {};
  if (const auto event = s.events.find(out.event); event != s.events.end()) {
    out.event_title = event->second.title;
    out.venue = event->second.venue;
    out.address = event->second.address;
    out.event_date = event->second.event_date;
  }
  for (auto& item : out.items) {
    if (const auto seat = s.seats.find(item.seat); seat != s.seats.end()) {
      const auto& row = seat->second.row;
      item.name = row.label;
      item.section = row.section;
      item.row = row.row;
      item.number = row.number;
    } else if (const auto type = s.types.find(item.ticket_type); type != s.types.end()) {
      item.name = type->second.name;
    }
  }
  return out;
}

reservation_view whole(const ticket_state& s, const ticket_state::reservation& r) {
  auto out = joined(s, r);
  out.history.push_back({out.created_at, "created", ""});
  out.history.insert(out.history.end(), r.view.history.begin(), r.view.history.end());
  add_resale(s, out);
  return out;
}

bool is_live(reservation_status status) {
  return status == reservation_status::pending || status == reservation_status::confirmed;
}

} // namespace

class ticket_store::query_view final : public ticket_queries {
public:
  explicit query_view(std::shared_ptr<shared> s) : shared_(std::move(s)) {}

  result<event_snapshot> load_event(event_id id) override {
    return shared_->read<event_snapshot>([&](const ticket_state& s) -> result<event_snapshot> {
      const auto event = s.events.find(id);
      if (event == s.events.end())
        return failure{errc::not_found, "Event not found"};
      event_snapshot out;
      out.event = event->second;
      for (const auto& [seat, record] : s.seats)
        if (record.event == id && !record.retired)
          out.seats.push_back(record.row);
      std::sort(out.seats.begin(), out.seats.end(), [](const seat_row& a, const seat_row& b) {
        return std::tie(a.section, a.row, a.number) < std::tie(b.section, b.row, b.number);
      });
      out.types = types_of(s, id);
      std::map<user_id, std::int32_t> live;
      for (const auto& [reservation, r] : s.reservations) {
        if (r.view.event != id || !is_live(r.view.status))
          continue;
        for (const auto& item : r.view.items)
          live[r.view.user] += item.quantity;
        if (r.view.status == reservation_status::pending) {
          out.pending.push_back(joined(s, r));
          out.pending_keys.push_back(r.key);
        }
      }
      out.live_items.assign(live.begin(), live.end());
      return out;
    });
  }

  result<std::vector<event_id>> event_ids() override {
    return shared_->read<std::vector<event_id>>([&](const ticket_state& s) {
      std::vector<event_id> out;
      for (const auto& [id, event] : s.events)
        out.push_back(id);
      return out;
    });
  }

  result<std::vector<event_id>> events_with_pending() override {
    return shared_->read<std::vector<event_id>>([&](const ticket_state& s) {
      std::set<event_id> out;
      for (const auto& [id, r] : s.reservations)
        if (r.view.status == reservation_status::pending
            || (r.view.status == reservation_status::confirmed && is_cancelled(s, r.view.event)))
          out.insert(r.view.event);
      return std::vector<event_id>(out.begin(), out.end());
    });
  }

  result<std::vector<reservation_id>> live_of_cancelled(event_id event,
                                                        std::int32_t limit) override {
    return shared_->read<std::vector<reservation_id>>([&](const ticket_state& s) {
      std::vector<reservation_id> out;
      for (const auto& [id, r] : s.reservations)
        if (r.view.event == event && is_live(r.view.status) && is_cancelled(s, event)
            && out.size() < static_cast<std::size_t>(std::max(limit, 0)))
          out.push_back(id);
      return out;
    });
  }

  result<std::optional<reservation_view>> find_reservation(reservation_id id) override {
    using found = std::optional<reservation_view>;
    return shared_->read<found>([&](const ticket_state& s) -> found {
      const auto r = s.reservations.find(id);
      if (r == s.reservations.end())
        return std::nullopt;
      return whole(s, r->second);
    });
  }

  result<std::optional<reservation_view>> find_by_key(user_id user,
                                                      const std::string& key) override {
    using found = std::optional<reservation_view>;
    return shared_->read<found>([&](const ticket_state& s) -> found {
      const auto* r = find_key(s, user, key);
      if (!r)
        return std::nullopt;
      return whole(s, *r);
    });
  }

  result<std::vector<reservation_view>> reservations_of(user_id user, std::int32_t limit) override {
    return shared_->read<std::vector<reservation_view>>([&](const ticket_state& s) {
      std::vector<reservation_view> out;
      for (const auto& [id, r] : s.reservations)
        if (r.view.user == user)
          out.push_back(joined(s, r));
      std::sort(out.begin(), out.end(), [](const reservation_view& a, const reservation_view& b) {
        return std::tie(a.created_at, a.id) > std::tie(b.created_at, b.id);
      });
      out.resize(std::min(out.size(), static_cast<std::size_t>(std::max(limit, 0))));
      return out;
    });
  }

  result<std::vector<ticket_type_view>> ticket_types(event_id event) override {
    return shared_->read<std::vector<ticket_type_view>>(
        [&](const ticket_state& s) { return types_of(s, event); });
  }

  result<std::optional<ticket_type_view>> ticket_type(ticket_type_id id) override {
    using found = std::optional<ticket_type_view>;
    return shared_->read<found>([&](const ticket_state& s) -> found {
      const auto type = s.types.find(id);
      if (type == s.types.end())
        return std::nullopt;
      return type->second;
    });
  }

  result<std::vector<layout_view>> layouts() override {
    return shared_->read<std::vector<layout_view>>([&](const ticket_state& s) {
      std::vector<layout_view> out;
      for (const auto& [id, layout] : s.layouts)
        out.push_back(layout);
      std::sort(out.begin(), out.end(), [](const layout_view& a, const layout_view& b) {
        return std::tie(a.total_seats, a.name, a.id) < std::tie(b.total_seats, b.name, b.id);
      });
      return out;
    });
  }

private:
  static bool is_cancelled(const ticket_state& s, event_id event) {
    const auto found = s.events.find(event);
    return found != s.events.end() && found->second.cancelled;
  }

  static std::vector<ticket_type_view> types_of(const ticket_state& s, event_id event) {
    std::vector<ticket_type_view> out;
    for (const auto& [id, type] : s.types)
      if (type.event == event)
        out.push_back(type);
    std::sort(out.begin(), out.end(), [](const ticket_type_view& a, const ticket_type_view& b) {
      return std::tie(b.price, a.name, a.id) < std::tie(a.price, b.name, b.id);
    });
    return out;
  }

  std::shared_ptr<shared> shared_;
};

class ticket_store::outbox_view final : public outbox_store {
public:
  explicit outbox_view(std::shared_ptr<shared> s) : shared_(std::move(s)) {}

  result<std::vector<domain_event>> read(std::int64_t sequence, std::size_t limit) override {
    return shared_->read<std::vector<domain_event>>([&](const ticket_state& s) {
      std::vector<domain_event> out;
      auto at =
          std::upper_bound(s.outbox.begin(), s.outbox.end(), sequence,
                           [](std::int64_t x, const domain_event& e) { return x < e.sequence; });
      for (; at != s.outbox.end() && out.size() < limit; ++at)
        out.push_back(*at);
      return out;
    });
  }

  result<std::map<std::string, std::int64_t>> cursors() override {
    return shared_->read<std::map<std::string, std::int64_t>>(
        [](const ticket_state& s) { return s.cursors; });
  }

  result<void> save_cursor(const std::string& consumer, std::int64_t sequence) override {
    return write([&](ticket_state& s) { s.cursors[consumer] = sequence; });
  }

  result<void> set_aside(const std::string& consumer, const domain_event& event,
                         const std::string& reason, time_point) override {
    return write([&](ticket_state& s) {
      const auto same = [&](const ticket_state::dead_event& d) {
        return d.consumer == consumer && d.event.id == event.id;
      };
      if (std::none_of(s.dead.begin(), s.dead.end(), same))
        s.dead.push_back({consumer, event, reason});
    });
  }

  result<void> purge(time_point before) override {
    return write([&](ticket_state& s) {
      if (s.cursors.empty())
        return;
      auto applied = s.last_sequence;
      for (const auto& [consumer, sequence] : s.cursors)
        applied = std::min(applied, sequence);
      const auto keep = std::find_if(s.outbox.begin(), s.outbox.end(), [&](const domain_event& e) {
        return e.sequence > applied || e.occurred_at >= before;
      });
      s.outbox.erase(s.outbox.begin(), keep);
    });
  }

private:
  template <class F>
  result<void> write(F f) {
    std::lock_guard guard(shared_->lock);
    if (shared_->away)
      return failure{errc::unavailable};
    f(shared_->state);
    return {};
  }

  std::shared_ptr<shared> shared_;
};

ticket_store::ticket_store() : shared_(std::make_shared<shared>()) {}

std::vector<ticket_written> ticket_store::commit(std::vector<ticket_write>& batch) {
  std::lock_guard guard(shared_->lock);
  std::vector<ticket_written> failed(batch.size());
  if (shared_->away)
    return failed;
  const auto fault = shared_->on_batch ? shared_->on_batch(batch) : commit_fault::none;
  if (fault == commit_fault::refused)
    return failed;
  if (fault == commit_fault::none)
    return apply_all(shared_->state, batch);
  auto lost = shared_->state;
  auto out = apply_all(fault == commit_fault::answer_lost ? shared_->state : lost, batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const bool wrote = out[i].status == commit_status::committed
                       && !std::holds_alternative<look_up>(batch[i].command);
    out[i] = {};
    out[i].status = wrote ? commit_status::unknown : commit_status::failed;
  }
  return out;
}

void ticket_store::leave_out(ticket_state::hold_checks checks) {
  std::lock_guard guard(shared_->lock);
  shared_->state.checks = checks;
}

void ticket_store::on_batch(std::function<commit_fault(const std::vector<ticket_write>&)> hook) {
  std::lock_guard guard(shared_->lock);
  shared_->on_batch = std::move(hook);
}

void ticket_store::set_away(bool away) {
  std::lock_guard guard(shared_->lock);
  shared_->away = away;
}

std::unique_ptr<ticket_queries> ticket_store::queries() const {
  return std::make_unique<query_view>(shared_);
}

std::unique_ptr<ticket::transfer_queries> ticket_store::transfers() const {
  return std::make_unique<transfer_view>(shared_);
}

std::unique_ptr<membership::membership_queries> ticket_store::memberships() const {
  return std::make_unique<membership_view>(shared_);
}

std::unique_ptr<outbox_store> ticket_store::outbox() const {
  return std::make_unique<outbox_view>(shared_);
}

const ticket_state& ticket_store::state() const {
  return shared_->state;
}

} // namespace tiketi::memory
