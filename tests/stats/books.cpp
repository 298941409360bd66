// The tables of the roles, read with queries of this file's own.

#include "storage/sql/built_query.hpp"
#include "tests/stats/ledgers.hpp"

#include <stdexcept>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace tiketi::test {

namespace {

using sql::built_query;

template <class Id>
Id to_id(const std::string& text) {
  const auto id = parse_id<Id>(text);
  if (!id)
    throw std::runtime_error("no id: " + text);
  return *id;
}

std::optional<time_point> time_or_none(long long ms) {
  return ms == 0 ? std::nullopt : std::optional{from_millis(ms)};
}

using places = std::unordered_map<std::string, std::size_t>;

void read_events(sql::database catalog, sql::database ticket, ledgers& out, places& known) {
  std::string id, title, venue;
  long long date = 0, start = 0, end = 0;
  soci::indicator has_start{}, has_end{};
  int cancelled = 0;
  built_query q{catalog};
  q << "SELECT id, title, venue, event_date, sale_start, sale_end, cancelled FROM events ORDER BY "
       "id";
  q.into(id).into(title).into(venue).into(date).into(start, has_start).into(end, has_end);
  q.into(cancelled);
  for (bool more = q.run(); more; more = q.next()) {
    known[id] = out.events.size();
    auto& e = out.events.emplace_back().row;
    e.id = to_id<event_id>(id);
    e.title = title;
    e.venue = venue;
    e.event_date = from_millis(date);
    if (has_start == soci::i_ok)
      e.sale_start = from_millis(start);
    if (has_end == soci::i_ok)
      e.sale_end = from_millis(end);
    e.cancelled = cancelled != 0;
  }
  std::string section;
  int row = 0;
  long long price = 0, count = 0;
  built_query seats{ticket};
  seats << "SELECT event_id, section, row_number, price, count(*) FROM seats WHERE retired = 0 "
           "GROUP BY event_id, section, row_number, price";
  seats.into(id).into(section).into(row).into(price).into(count);
  for (bool more = seats.run(); more; more = seats.next())
    out.events[known.at(id)].rows.push_back({section, row, price, count});
  int total = 0;
  built_query types{ticket};
  types << "SELECT event_id, total_quantity FROM ticket_types";
  types.into(id).into(total);
  for (bool more = types.run(); more; more = types.next())
    out.events[known.at(id)].types.emplace_back().total = total;
}

void read_users(sql::database auth, ledgers& out, places& known) {
  std::string id, role;
  long long created = 0;
  built_query q{auth};
  q << "SELECT id, role, created_at FROM users ORDER BY id";
  q.into(id).into(role).into(created);
  for (bool more = q.run(); more; more = q.next()) {
    known[id] = out.users.size();
    out.users.push_back({to_id<user_id>(id), role, from_millis(created)});
  }
}

ticket::reservation_status status_of(const std::string& word) {
  for (const auto s : {ticket::reservation_status::pending, ticket::reservation_status::confirmed,
                       ticket::reservation_status::cancelled, ticket::reservation_status::expired})
    if (ticket::to_string(s) == word)
      return s;
  throw std::runtime_error("no status: " + word);
}

void read_reservations(sql::database ticket, ledgers& out, const places& events,
                       const places& users) {
  places known;
  std::string id, user, event, status, paid_by;
  soci::indicator has_payment{};
  long long amount = 0, created = 0;
  built_query q{ticket};
  q << "SELECT id, user_id, event_id, total_amount, status, created_at, paid_by FROM reservations "
       "ORDER BY id";
  q.into(id).into(user).into(event).into(amount).into(status).into(created);
  q.into(paid_by, has_payment);
  for (bool more = q.run(); more; more = q.next()) {
    known[id] = out.reservations.size();
    auto& r = out.reservations.emplace_back();
    r.event = events.at(event);
    r.user = users.at(user);
    r.owner = r.user;
    r.spent = amount;
    r.created = from_millis(created);
    r.view.id = to_id<reservation_id>(id);
    r.view.status = status_of(status);
    r.view.total_amount = amount;
    if (has_payment == soci::i_ok)
      r.view.paid_by = to_id<payment_id>(paid_by);
  }
  std::string section;
  soci::indicator has_seat{};
  int row = 0, quantity = 0;
  long long price = 0;
  built_query items{ticket};
  items << "SELECT i.reservation_id, i.quantity, i.unit_price, coalesce(s.section, ''), "
           "coalesce(s.row_number, 0), i.seat_id FROM reservation_items i LEFT JOIN seats s ON "
           "s.id = i.seat_id ORDER BY i.reservation_id, i.line";
  std::string seat;
  items.into(id).into(quantity).into(price).into(section).into(row).into(seat, has_seat);
  for (bool more = items.run(); more; more = items.next()) {
    auto& item = out.reservations[known.at(id)].view.items.emplace_back();
    item.quantity = quantity;
    item.unit_price = price;
    if (has_seat == soci::i_ok) {
      item.seat = to_id<seat_id>(seat);
      item.section = section;
      item.row = row;
    }
  }
  std::string action, detail;
  long long at = 0;
  built_query history{ticket};
  history << "SELECT reservation_id, at, action, detail FROM reservation_history ORDER BY "
             "reservation_id, position";
  history.into(id).into(at).into(action).into(detail);
  for (bool more = history.run(); more; more = history.next()) {
    auto& r = out.reservations[known.at(id)];
    if (action == "confirmed")
      r.confirmed = from_millis(at);
    if (action == "cancelled" || action == "expired")
      r.ended = from_millis(at);
    // Money that went back ends what was paid with it, unless that had ended before.
    if (action == "refunded" && !r.ended && !r.view.paid_by.is_nil()
        && detail.ends_with(to_string(r.view.paid_by)))
      r.ended = from_millis(at);
  }
}

void read_transfers(sql::database ticket, ledgers& out, const places& users) {
  places known;
  for (std::size_t i = 0; i < out.reservations.size(); ++i)
    known[to_string(out.reservations[i].view.id)] = i;
  std::string reservation, seller, buyer;
  long long price = 0, at = 0;
  built_query q{ticket};
  q << "SELECT reservation_id, seller_id, buyer_id, total_price, completed_at FROM "
       "ticket_transfers WHERE status = 'completed' ORDER BY completed_at DESC";
  q.into(reservation).into(seller).into(buyer).into(price).into(at);
  std::unordered_set<std::string> resold;
  for (bool more = q.run(); more; more = q.next()) {
    out.transfers.push_back({users.at(buyer), from_millis(at)});
    auto& r = out.reservations[known.at(reservation)];
    // The reservation belongs to its last buyer now; it was made by its first seller.
    r.user = users.at(seller);
    if (!resold.insert(reservation).second)
      continue;
    if (r.owner != users.at(buyer))
      throw std::runtime_error("the last buyer does not own the reservation " + reservation);
    r.spent = price;
  }
  long long joined = 0;
  built_query members{ticket};
  members << "SELECT count(*) FROM membership_points WHERE action_type IN ('MEMBERSHIP_JOIN', "
             "'MEMBERSHIP_RENEW')";
  members.into(joined).run();
  out.memberships = joined;
}

void read_payments(sql::database payment, ledgers& out, const places& events) {
  std::string id, event, method, kind;
  long long amount = 0, approved = 0, refunded = 0;
  built_query q{payment};
  q << "SELECT id, payment_type, event_id, method, amount, approved_at, refunded_at FROM payments "
       "WHERE status "
       "IN ('captured', 'refunding', 'refunded') ORDER BY id";
  q.into(id).into(kind).into(event).into(method).into(amount).into(approved).into(refunded);
  for (bool more = q.run(); more; more = q.next()) {
    auto& p = out.payments.emplace_back();
    p.view.id = to_id<payment_id>(id);
    p.view.amount = amount;
    p.view.method = method;
    if (const auto found = events.find(event); found != events.end())
      p.event = found->second;
    else if (kind != "membership")
      throw std::runtime_error("a payment for no event: " + id);
    p.confirmed = from_millis(approved);
    p.refunded = time_or_none(refunded);
  }
  long long at = 0;
  built_query failed{payment};
  failed << "SELECT updated_at FROM payments WHERE status = 'failed' AND provider <> ''";
  failed.into(at);
  for (bool more = failed.run(); more; more = failed.next())
    out.declined.push_back(from_millis(at));
}

} // namespace

ledgers read_books(const open_database& open) {
  ledgers out;
  places events;
  places users;
  read_events(open("catalog"), open("ticket"), out, events);
  read_users(open("auth"), out, users);
  read_reservations(open("ticket"), out, events, users);
  read_transfers(open("ticket"), out, users);
  read_payments(open("payment"), out, events);
  return out;
}

} // namespace tiketi::test
