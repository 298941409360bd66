#include "tests/stats/world.hpp"

#include "actors/payment/payment.hpp"
#include "actors/reservation/domain_events.hpp"
#include "actors/reservation/reservation.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::test {

using namespace std::chrono_literals;

world::world(std::uint64_t seed)
    : now(from_millis(1'771'754'400'000)), // 2026-02-22T10:00:00Z
      chance_(seed),
      env_(make_seeded_environment(seed, [this] { return now; })) {
  const char* names[] = {"Floor", "VIP", "R-1", "Balcony"};
  for (int i = 0; i < 12; ++i) {
    ledger_event e;
    e.row.id = event_id{make_uuid(*env_)};
    e.row.title = fmt::format("Event {}", i);
    e.row.venue = fmt::format("Hall {}", i % 3);
    e.row.event_date = now + std::chrono::days{20 + i};
    e.row.sale_start = now - std::chrono::days{i};
    if (i % 4 != 0)
      e.row.sale_end = now + std::chrono::days{3 * i};
    e.row.cancelled = i == 7;
    if (i % 3 == 2) {
      for (int t = 0; t < 2; ++t)
        e.types.push_back({ticket_type_id{make_uuid(*env_)}, fmt::format("type {}", t),
                           std::nullopt, 30'000 + 40'000 * t, 500 + i});
    } else {
      for (int s = 0; s < 2 + i % 3; ++s)
        for (int r = 0; r < 5; ++r)
          e.rows.push_back({names[s], 1 + r + 5 * s, 30'000 + 45'000 * s, 10 + i});
    }
    events.push_back(std::move(e));
  }
}

std::vector<domain_event> world::opening() {
  std::vector<domain_event> out;
  for (const auto& e : events) {
    catalog::event_changed change;
    change.event = e.row;
    change.types = e.types;
    if (!e.rows.empty()) {
      nlohmann::json sections = nlohmann::json::array();
      for (const auto& r : e.rows)
        sections.push_back({{"name", r.section},
                            {"rows", 1},
                            {"seatsPerRow", r.seats},
                            {"price", r.price},
                            {"startRow", r.row}});
      auto& layout = change.layout.emplace();
      layout.id = layout_id{make_uuid(*env_)};
      layout.name = e.row.title;
      layout.config = nlohmann::json{{"sections", sections}}.dump();
    }
    domain_event event;
    event.id = make_uuid(*env_);
    event.topic = catalog::catalog_topic;
    event.key = to_string(e.row.id);
    event.type = catalog::event_changed_type;
    event.occurred_at = now;
    event.payload = catalog::to_json(change);
    out.push_back(std::move(event));
  }
  return out;
}

std::optional<std::size_t>
world::pick(const std::function<bool(const ledger_reservation&)>& wanted) {
  if (reservations.empty())
    return std::nullopt;
  // From a random place on, so that old ones have their turn too.
  const auto from = below(reservations.size());
  for (std::size_t n = 0; n < reservations.size(); ++n) {
    const auto i = (from + n) % reservations.size();
    if (wanted(reservations[i]))
      return i;
  }
  return std::nullopt;
}

void world::step(std::vector<domain_event>& out) {
  now += std::chrono::milliseconds{below(20) == 0 ? below(7'200'000) : below(900'000)};
  const auto dice = below(100);
  if (users.empty() || dice < 8)
    register_user(out);
  else if (dice < 50)
    create(out);
  else if (dice < 74)
    confirm(out);
  else if (dice < 84)
    cancel(out);
  else if (dice < 94)
    expire(out);
  else
    refund(out);
}

void world::register_user(std::vector<domain_event>& out) {
  ledger_user u{user_id{make_uuid(*env_)}, below(10) == 0 ? "admin" : "user", now};
  domain_event e;
  e.id = u.id.value;
  e.topic = "user-events";
  e.key = to_string(u.id);
  e.type = "USER_REGISTERED";
  e.occurred_at = now;
  e.payload = nlohmann::json{{"userId", e.key}, {"role", u.role}}.dump();
  users.push_back(u);
  out.push_back(std::move(e));
}

namespace {

std::int64_t count_of(const std::vector<ticket::reservation_item>& items, const ledger_row& row) {
  return std::ranges::count_if(items, [&](const auto& i) {
    return !i.seat.is_nil() && i.section == row.section && i.row == row.row
           && i.unit_price == row.price;
  });
}

} // namespace

std::int64_t world::taken(std::size_t event, const ledger_row& row) const {
  std::int64_t sum = 0;
  for (const auto& r : reservations)
    if (r.event == event
        && (r.view.status == ticket::reservation_status::pending
            || r.view.status == ticket::reservation_status::confirmed))
      sum += count_of(r.view.items, row);
  return sum;
}

void world::create(std::vector<domain_event>& out) {
  ledger_reservation r;
  r.event = below(events.size());
  r.user = below(users.size());
  r.created = now;
  const auto& event = events[r.event];
  auto& v = r.view;
  r.owner = r.user;
  v.id = make_reservation_id(event.row.id, *env_);
  v.user = users[r.user].id;
  v.event = event.row.id;
  v.created_at = now;
  const auto lines = 1 + below(4);
  for (std::uint64_t i = 0; i < lines; ++i) {
    ticket::reservation_item item;
    if (event.rows.empty()) {
      const auto& type = event.types[below(event.types.size())];
      item.ticket_type = type.id;
      item.name = type.name;
      item.quantity = static_cast<std::int32_t>(1 + below(3));
      item.unit_price = type.price;
    } else {
      const auto& row = event.rows[below(event.rows.size())];
      if (taken(r.event, row) + count_of(v.items, row) >= row.seats)
        continue; // sold out: nobody sells a seat twice
      item.seat = seat_id{make_uuid(*env_)};
      item.section = row.section;
      item.row = row.row;
      item.number = 1;
      item.name = fmt::format("{}-{}-1", row.section, row.row);
      item.unit_price = row.price;
    }
    v.total_amount += item.unit_price * item.quantity;
    v.items.push_back(std::move(item));
  }
  if (v.items.empty())
    return;
  r.spent = v.total_amount;
  out.push_back(ticket::created_event(v, now, *env_));
  reservations.push_back(std::move(r));
}

void world::confirm(std::vector<domain_event>& out) {
  const auto found =
      pick([](const auto& r) { return r.view.status == ticket::reservation_status::pending; });
  if (!found)
    return;
  auto& r = reservations[*found];
  const char* methods[] = {"toss", "naver_pay", "kakao_pay", "bank_transfer", "card"};
  if (below(8) == 0) {
    auto no = payment::new_payment(payment::make_fresh_ids(*env_), r.view.id, r.view.event,
                                   r.view.user, r.view.total_amount, now);
    no = payment::start_capture(no, {"key", "card", "demo", true}, now).value();
    no = payment::fail(no, "no money", now).value();
    out.push_back(payment::failed_event(no, now));
    declined.push_back(now);
    return;
  }
  auto p = payment::new_payment(payment::make_fresh_ids(*env_), r.view.id, r.view.event,
                                r.view.user, r.view.total_amount, now);
  p = payment::start_capture(p, {"key", methods[below(5)], "demo", true}, now).value();
  p = payment::approve(p, now, "DONE", now).value();
  out.push_back(payment::confirmed_event(p, now));
  const auto machine = ticket::reservation::restore(r.view, {});
  const auto decided = machine.decide(
      ticket::apply_payment{p.confirm_message, r.view.id, p.id, r.view.user, p.amount, p.method});
  out.push_back(ticket::changed_event(r.view, std::get<ticket::change>(decided), now, *env_));
  r.view.status = ticket::reservation_status::confirmed;
  r.view.payment = ticket::payment_state::completed;
  r.view.payment_method = p.method;
  r.view.paid_by = p.id;
  r.confirmed = now;
  r.payment = payments.size();
  payments.push_back({p, r.event, now, std::nullopt});
}

void world::cancel(std::vector<domain_event>& out) {
  const auto found = pick([](const auto& r) {
    return r.view.status == ticket::reservation_status::pending
           || r.view.status == ticket::reservation_status::confirmed;
  });
  if (!found)
    return;
  auto& r = reservations[*found];
  const auto machine = ticket::reservation::restore(r.view, {});
  const auto decided =
      machine.decide(ticket::cancel_reservation{r.view.id, r.view.user}, now).value();
  out.push_back(ticket::changed_event(r.view, decided, now, *env_));
  r.view.status = ticket::reservation_status::cancelled;
  r.view.payment = decided.payment;
  r.ended = now;
}

void world::expire(std::vector<domain_event>& out) {
  const auto found =
      pick([](const auto& r) { return r.view.status == ticket::reservation_status::pending; });
  if (!found)
    return;
  auto& r = reservations[*found];
  ticket::change change;
  change.to = ticket::reservation_status::expired;
  change.event_type = "RESERVATION_EXPIRED";
  change.reason = "Payment time is over";
  out.push_back(ticket::changed_event(r.view, change, now, *env_));
  r.view.status = ticket::reservation_status::expired;
  r.ended = now;
}

void world::refund(std::vector<domain_event>& out) {
  // Of what was cancelled; or of a live one, which thereby ends.
  const auto found = pick([this](const auto& r) {
    return r.payment && !payments[*r.payment].refunded
           && r.view.status != ticket::reservation_status::pending;
  });
  if (!found)
    return;
  auto& r = reservations[*found];
  auto& p = payments[*r.payment];
  p.view = payment::start_refund(p.view, "asked for", now).value();
  p.view = payment::finish_refund(p.view, now).value();
  out.push_back(payment::refunded_event(p.view, now));
  p.refunded = now;
  const auto machine = ticket::reservation::restore(r.view, {});
  const auto decided = machine.decide(
      ticket::apply_refund{p.view.refund_message, r.view.id, p.view.id, "asked for"});
  const auto* change = std::get_if<ticket::change>(&decided);
  if (change && !change->event_type.empty()) {
    out.push_back(ticket::changed_event(r.view, *change, now, *env_));
    r.view.status = ticket::reservation_status::cancelled;
    r.ended = now;
  }
  r.view.payment = ticket::payment_state::refunded;
}

} // namespace tiketi::test
