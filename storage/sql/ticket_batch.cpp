#include "storage/sql/ticket_batch.hpp"

#include "storage/sql/postgresql.hpp"
#include "storage/sql/query_guard.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace tiketi::sql {

using namespace ticket;

namespace {

// Joins with unnest compare columns of the tables' own type, so that their indexes serve.

struct lock_reservations : server_statement {
  explicit lock_reservations(soci::session& sql)
      : server_statement(
          sql, "SELECT id, status, coalesce((SELECT max(h.position) FROM reservation_history h "
               "WHERE h.reservation_id = r.id), 0) FROM reservations r "
               "WHERE id = ANY (CAST($1 AS VARCHAR[])) ORDER BY id FOR UPDATE") {}
};

struct lock_seats : server_statement {
  explicit lock_seats(soci::session& sql)
      : server_statement(
          sql, "SELECT id, status, version, fencing_token, coalesce(holder, ''), retired, "
               "event_id FROM seats WHERE id = ANY (CAST($1 AS VARCHAR[])) ORDER BY id "
               "FOR UPDATE") {}
};

struct lock_types : server_statement {
  explicit lock_types(soci::session& sql)
      : server_statement(sql, "SELECT id, event_id, available_quantity FROM ticket_types "
                              "WHERE id = ANY (CAST($1 AS VARCHAR[])) ORDER BY id FOR UPDATE") {}
};

struct find_keys : server_statement {
  explicit find_keys(soci::session& sql)
      : server_statement(sql, "SELECT r.user_id, r.idempotency_key, r.id FROM unnest("
                              "CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[])) AS k(u, i) "
                              "JOIN reservations r ON r.user_id = k.u "
                              "AND r.idempotency_key = k.i") {}
};

struct find_processed : server_statement {
  explicit find_processed(soci::session& sql)
      : server_statement(sql, "SELECT event_id FROM processed_events WHERE consumer = 'ticket' "
                              "AND event_id = ANY (CAST($1 AS VARCHAR[]))") {}
};

struct write_seats : server_statement {
  explicit write_seats(soci::session& sql)
      : server_statement(
          sql, "UPDATE seats s SET status = n.status, version = n.version, "
               "fencing_token = n.token, holder = nullif(n.holder, '') FROM unnest("
               "CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), CAST($3 AS BIGINT[]), "
               "CAST($4 AS BIGINT[]), CAST($5 AS VARCHAR[]), CAST($6 AS BIGINT[]), "
               "CAST($7 AS BIGINT[])) AS n(id, status, version, token, holder, before, old_token) "
               "WHERE s.id = n.id AND s.version = n.before AND s.fencing_token = n.old_token") {}
};

struct write_types : server_statement {
  explicit write_types(soci::session& sql)
      : server_statement(sql, "UPDATE ticket_types t SET available_quantity = n.available "
                              "FROM unnest(CAST($1 AS VARCHAR[]), CAST($2 AS INTEGER[])) "
                              "AS n(id, available) WHERE t.id = n.id") {}
};

struct insert_reservations : server_statement {
  explicit insert_reservations(soci::session& sql)
      : server_statement(
          sql, "INSERT INTO reservations(id, user_id, event_id, reservation_number, total_amount, "
               "status, payment_status, payment_method, paid_by, idempotency_key, created_at, "
               "expires_at) SELECT id, user_id, event_id, number, amount, status, payment, method, "
               "nullif(paid_by, ''), nullif(key, ''), created, expires FROM unnest("
               "CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), CAST($3 AS VARCHAR[]), "
               "CAST($4 AS TEXT[]), CAST($5 AS BIGINT[]), CAST($6 AS VARCHAR[]), "
               "CAST($7 AS VARCHAR[]), CAST($8 AS TEXT[]), CAST($9 AS VARCHAR[]), "
               "CAST($10 AS VARCHAR[]), CAST($11 AS BIGINT[]), CAST($12 AS BIGINT[])) "
               "AS n(id, user_id, event_id, number, amount, status, payment, method, paid_by, key, "
               "created, expires) ON CONFLICT DO NOTHING") {}
};

struct insert_items : server_statement {
  explicit insert_items(soci::session& sql)
      : server_statement(
          sql, "INSERT INTO reservation_items(reservation_id, line, seat_id, ticket_type_id, "
               "quantity, unit_price, fencing_token, seat_version) SELECT reservation, line, "
               "nullif(seat, ''), nullif(type, ''), quantity, price, token, version FROM unnest("
               "CAST($1 AS VARCHAR[]), CAST($2 AS INTEGER[]), CAST($3 AS VARCHAR[]), "
               "CAST($4 AS VARCHAR[]), CAST($5 AS INTEGER[]), CAST($6 AS BIGINT[]), "
               "CAST($7 AS BIGINT[]), CAST($8 AS BIGINT[])) AS n(reservation, line, seat, type, "
               "quantity, price, token, version)") {}
};

struct write_reservations : server_statement {
  explicit write_reservations(soci::session& sql)
      : server_statement(sql,
                         "UPDATE reservations r SET status = n.status, payment_status = n.payment, "
                         "payment_method = coalesce(nullif(n.method, ''), r.payment_method), "
                         "paid_by = coalesce(nullif(n.paid_by, ''), r.paid_by) FROM unnest("
                         "CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), CAST($3 AS VARCHAR[]), "
                         "CAST($4 AS TEXT[]), CAST($5 AS VARCHAR[]), CAST($6 AS VARCHAR[])) "
                         "AS n(id, status, payment, method, paid_by, before) "
                         "WHERE r.id = n.id AND r.status = n.before") {}
};

struct insert_lines : server_statement {
  explicit insert_lines(soci::session& sql)
      : server_statement(sql, "INSERT INTO reservation_history(reservation_id, position, at, "
                              "action, detail) SELECT * FROM unnest(CAST($1 AS VARCHAR[]), "
                              "CAST($2 AS INTEGER[]), CAST($3 AS BIGINT[]), CAST($4 AS TEXT[]), "
                              "CAST($5 AS TEXT[]))") {}
};

struct insert_messages : server_statement {
  explicit insert_messages(soci::session& sql)
      : server_statement(sql, "INSERT INTO processed_events(consumer, event_id, processed_at) "
                              "SELECT 'ticket', id, CAST($2 AS BIGINT) FROM unnest("
                              "CAST($1 AS VARCHAR[])) AS n(id)") {}
};

struct insert_new_seats : server_statement {
  explicit insert_new_seats(soci::session& sql)
      : server_statement(
          sql,
          "INSERT INTO seats(id, event_id, section, row_number, seat_number, seat_label, price, "
          "status, version, fencing_token, holder) SELECT id, CAST($1 AS VARCHAR), section, "
          "row, number, label, price, status, version, token, nullif(holder, '') FROM unnest("
          "CAST($2 AS VARCHAR[]), CAST($3 AS TEXT[]), CAST($4 AS INTEGER[]), "
          "CAST($5 AS INTEGER[]), CAST($6 AS TEXT[]), CAST($7 AS BIGINT[]), "
          "CAST($8 AS VARCHAR[]), CAST($9 AS BIGINT[]), CAST($10 AS BIGINT[]), "
          "CAST($11 AS VARCHAR[])) AS n(id, section, row, number, label, price, status, "
          "version, token, holder) ON CONFLICT DO NOTHING") {}
};

struct plan_known_seats : server_statement {
  explicit plan_known_seats(soci::session& sql)
      : server_statement(sql, "UPDATE seats s SET retired = n.retired, price = n.price FROM unnest("
                              "CAST($1 AS VARCHAR[]), CAST($2 AS INTEGER[]), "
                              "CAST($3 AS BIGINT[])) AS n(id, retired, price) "
                              "WHERE s.id = n.id AND s.status = 'available'") {}
};

/// A hall of any size in parameters of bounded size, and without a long silence in the transaction
/// while they are put together.
constexpr std::size_t seats_at_once = 500;

// -- the rows in hand ----------------------------------------------------------------------------

struct seat_state {
  std::string event;
  std::string status;
  std::int64_t version = 0;
  std::int64_t token = 0;
  std::string holder;
  bool retired = false;
  // As they were read: an update without a lock would be noticed.
  std::int64_t version_read = 0;
  std::int64_t token_read = 0;
  bool changed = false;
};

struct type_state {
  std::string event;
  std::int64_t available = 0;
  bool changed = false;
};

struct reservation_state {
  std::string status;
  std::string status_read; ///< empty: made by this batch
  std::int64_t lines = 0;  ///< of its history
  std::string payment;
  std::string method;  ///< empty: unchanged
  std::string paid_by; ///< empty: unchanged
  const create_reservation* made = nullptr;
  bool changed = false;
};

reservation_status status_from(const std::string& word) {
  for (int i = 0; i <= static_cast<int>(reservation_status::expired); ++i)
    if (to_string(static_cast<reservation_status>(i)) == word)
      return static_cast<reservation_status>(i);
  throw std::runtime_error("unknown word in the database: " + word);
}

/// Ids once each, as the parameter of a query.
std::string as_array(const std::set<std::string>& ids) {
  array_text out;
  for (const auto& id : ids)
    out.add(id);
  return out.take();
}

class working_set {
public:
  working_set(database& db, time_point now) : db_(db), now_(now) {}

  void load(std::span<const ticket_write> batch);
  ticket_written apply(const create_reservation& command);
  ticket_written apply(const change_reservation& command);
  ticket_written apply(const look_up& command) const;
  /// False: a row that was not there when it was looked for is there now.
  bool write();

private:
  using key = std::pair<std::string, std::string>;

  std::optional<reservation_status> status_of(const std::string& id) const;
  void write_stock();
  bool write_sales();

  database& db_;
  time_point now_;
  std::map<std::string, seat_state> seats_;
  std::map<std::string, type_state> types_;
  std::map<std::string, reservation_state> reservations_;
  std::map<key, std::string> keys_;
  std::unordered_set<std::string> processed_;

  // What is to be written besides.
  std::vector<std::string> made_; ///< in the order of the commands
  std::vector<std::tuple<std::string, std::int64_t, const history_entry*>> history_;
  std::vector<std::string> messages_;
  std::vector<domain_event> events_;
};

void working_set::load(std::span<const ticket_write> batch) {
  std::set<std::string> seats;
  std::set<std::string> types;
  std::set<std::string> reservations;
  std::set<std::string> messages;
  std::set<key> keys;
  const auto add_items = [&](const std::vector<reservation_item>& items) {
    for (const auto& item : items)
      if (!item.seat.is_nil())
        seats.insert(to_string(item.seat));
      else
        types.insert(to_string(item.ticket_type));
  };
  for (const auto& write : batch) {
    if (const auto* c = std::get_if<create_reservation>(&write.command)) {
      reservations.insert(to_string(c->reservation.id));
      add_items(c->reservation.items);
      if (!c->idempotency_key.empty())
        keys.emplace(to_string(c->reservation.user), c->idempotency_key);
    } else if (const auto* m = std::get_if<change_reservation>(&write.command)) {
      reservations.insert(to_string(m->reservation));
      if (m->stock != stock_effect::keep && m->from != m->to)
        add_items(m->items);
      if (!m->message.is_nil())
        messages.insert(to_string(m->message));
    } else if (const auto* l = std::get_if<look_up>(&write.command)) {
      reservations.insert(to_string(l->reservation));
    }
  }
  // The same order of tables and of rows for everybody: whoever comes second waits.
  const auto found = db_.prepared<lock_reservations>().run_with(as_array(reservations));
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto& r = reservations_[std::string{found.text(i, 0)}];
    r.status = r.status_read = found.text(i, 1);
    r.lines = found.number(i, 2);
  }
  if (!seats.empty()) {
    const auto rows = db_.prepared<lock_seats>().run_with(as_array(seats));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto& s = seats_[std::string{rows.text(i, 0)}];
      s.status = rows.text(i, 1);
      s.version = s.version_read = rows.number(i, 2);
      s.token = s.token_read = rows.number(i, 3);
      s.holder = rows.text(i, 4);
      s.retired = rows.number(i, 5) != 0;
      s.event = rows.text(i, 6);
    }
  }
  if (!types.empty()) {
    const auto rows = db_.prepared<lock_types>().run_with(as_array(types));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto& t = types_[std::string{rows.text(i, 0)}];
      t.event = rows.text(i, 1);
      t.available = rows.number(i, 2);
    }
  }
  if (!keys.empty()) {
    array_text users;
    array_text words;
    for (const auto& [user, word] : keys) {
      users.add(user);
      words.add(word);
    }
    const auto rows = db_.prepared<find_keys>().run_with(users.take(), words.take());
    for (std::size_t i = 0; i < rows.size(); ++i)
      keys_[{std::string{rows.text(i, 0)}, std::string{rows.text(i, 1)}}] = rows.text(i, 2);
  }
  if (!messages.empty()) {
    const auto rows = db_.prepared<find_processed>().run_with(as_array(messages));
    for (std::size_t i = 0; i < rows.size(); ++i)
      processed_.emplace(rows.text(i, 0));
  }
}

std::optional<reservation_status> working_set::status_of(const std::string& id) const {
  const auto found = reservations_.find(id);
  if (found == reservations_.end())
    return std::nullopt;
  return status_from(found->second.status);
}

ticket_written working_set::apply(const look_up& command) const {
  ticket_written out;
  out.status = commit_status::committed;
  out.found = status_of(to_string(command.reservation));
  return out;
}

ticket_written working_set::apply(const create_reservation& command) {
  const auto& r = command.reservation;
  const auto id = to_string(r.id);
  const auto event = to_string(r.event);
  ticket_written out;
  // Taken for this command only, until all of them are.
  std::map<std::string, seat_state> seats;
  std::map<std::string, std::int64_t> stock;
  for (const auto& item : r.items) {
    if (!item.seat.is_nil()) {
      const auto seat = to_string(item.seat);
      const auto found = seats_.find(seat);
      const std::int64_t before = static_cast<std::int64_t>(item.seat_version) - 1;
      const auto token = static_cast<std::int64_t>(item.token);
      if (found == seats_.end() || seats.contains(seat) || found->second.status != "available"
          || found->second.retired || found->second.event != event
          || found->second.version != before || found->second.token >= token) {
        out.conflicts.push_back(item.seat);
        continue;
      }
      auto& s = seats[seat] = found->second;
      s.status = "locked";
      s.version = item.seat_version;
      s.token = token;
      s.holder = id;
      s.changed = true;
    } else {
      const auto type = to_string(item.ticket_type);
      const auto found = types_.find(type);
      if (found == types_.end() || item.quantity <= 0 || found->second.event != event
          || found->second.available - stock[type] < item.quantity) {
        out.sold_out.push_back(item.ticket_type);
        continue;
      }
      stock[type] += item.quantity;
    }
  }
  const key own{to_string(r.user), command.idempotency_key};
  const auto same_key = own.second.empty() ? keys_.end() : keys_.find(own);
  if (!out.conflicts.empty() || !out.sold_out.empty() || reservations_.contains(id)
      || same_key != keys_.end()) {
    out.status = commit_status::rejected;
    out.found = status_of(id);
    if (same_key != keys_.end())
      out.same_key = text_id<reservation_id>(same_key->second);
    return out;
  }
  for (auto& [seat, state] : seats)
    seats_[seat] = std::move(state);
  for (const auto& [type, quantity] : stock) {
    auto& t = types_[type];
    t.available -= quantity;
    t.changed = t.changed || quantity != 0;
  }
  auto& made = reservations_[id];
  made.status = to_string(r.status);
  made.payment = to_string(r.payment);
  made.method = r.payment_method;
  made.paid_by = id_text(r.paid_by);
  made.made = &command;
  made_.push_back(id);
  if (!own.second.empty())
    keys_[own] = id;
  events_.insert(events_.end(), command.events.begin(), command.events.end());
  out.status = commit_status::committed;
  return out;
}

ticket_written working_set::apply(const change_reservation& command) {
  ticket_written out;
  const auto message = command.message.is_nil() ? std::string{} : to_string(command.message);
  if (!message.empty() && processed_.contains(message)) {
    out.status = commit_status::committed;
    out.duplicate = true;
    return out;
  }
  const auto id = to_string(command.reservation);
  const auto found = reservations_.find(id);
  if (found == reservations_.end() || found->second.status != to_string(command.from)) {
    out.status = commit_status::rejected;
    out.found = status_of(id);
    return out;
  }
  std::map<std::string, seat_state> seats;
  std::map<std::string, std::int64_t> stock;
  if (command.from != command.to && command.stock != stock_effect::keep)
    for (const auto& item : command.items) {
      if (item.seat.is_nil()) {
        if (command.stock == stock_effect::free)
          stock[to_string(item.ticket_type)] += item.quantity;
        continue;
      }
      const auto seat = to_string(item.seat);
      const auto own = seats.find(seat);
      const auto known = seats_.find(seat);
      const seat_state* now = own != seats.end()      ? &own->second
                              : known != seats_.end() ? &known->second
                                                      : nullptr;
      if (command.stock == stock_effect::sell) {
        if (now == nullptr || now->status != "locked" || now->holder != id
            || now->token != static_cast<std::int64_t>(item.token)) {
          out.conflicts.push_back(item.seat);
          continue;
        }
      } else if (now == nullptr || now->holder != id) {
        continue; // somebody else's by now
      }
      auto next = *now;
      next.changed = true;
      if (command.stock == stock_effect::sell) {
        next.status = "reserved";
      } else {
        next.status = "available";
        next.holder.clear();
      }
      seats[seat] = std::move(next);
    }
  if (!out.conflicts.empty()) {
    out.status = commit_status::rejected;
    out.found = command.from;
    return out;
  }
  for (auto& [seat, state] : seats)
    seats_[seat] = std::move(state);
  for (const auto& [type, quantity] : stock)
    if (const auto t = types_.find(type); t != types_.end()) {
      t->second.available += quantity;
      t->second.changed = true;
    }
  auto& r = found->second;
  r.status = to_string(command.to);
  r.payment = to_string(command.payment);
  if (!command.payment_method.empty())
    r.method = command.payment_method;
  if (!command.paid_by.is_nil())
    r.paid_by = to_string(command.paid_by);
  r.changed = true;
  if (!message.empty()) {
    processed_.insert(message);
    messages_.push_back(message);
  }
  if (!command.history.action.empty())
    history_.emplace_back(id, ++r.lines, &command.history);
  events_.insert(events_.end(), command.events.begin(), command.events.end());
  out.status = commit_status::committed;
  return out;
}

void working_set::write_stock() {
  array_text ids;
  array_text status;
  array_text version;
  array_text token;
  array_text holder;
  array_text before;
  array_text old_token;
  std::size_t count = 0;
  for (const auto& [id, s] : seats_) {
    if (!s.changed)
      continue;
    ++count;
    ids.add(id);
    status.add(s.status);
    version.add(s.version);
    token.add(s.token);
    holder.add(s.holder);
    before.add(s.version_read);
    old_token.add(s.token_read);
  }
  if (count > 0
      && db_.prepared<write_seats>()
                 .run_with(ids.take(), status.take(), version.take(), token.take(), holder.take(),
                           before.take(), old_token.take())
                 .touched()
             != count)
    throw std::runtime_error("a locked seat has changed");
  array_text types;
  array_text available;
  for (const auto& [id, t] : types_)
    if (t.changed) {
      types.add(id);
      available.add(t.available);
    }
  if (!types.empty())
    db_.prepared<write_types>().run_with(types.take(), available.take());
}

bool working_set::write_sales() {
  if (!made_.empty()) {
    // One array per column.
    std::vector<array_text> r(12);
    std::vector<array_text> i(8);
    for (const auto& id : made_) {
      const auto& state = reservations_[id];
      const auto& view = state.made->reservation;
      r[0].add(id);
      r[1].add(to_string(view.user));
      r[2].add(to_string(view.event));
      r[3].add(view.number);
      r[4].add(view.total_amount);
      r[5].add(state.status);
      r[6].add(state.payment);
      r[7].add(state.method);
      r[8].add(state.paid_by);
      r[9].add(state.made->idempotency_key);
      r[10].add(to_millis(view.created_at));
      r[11].add(to_millis(view.expires_at));
      std::int64_t line = 0;
      for (const auto& item : view.items) {
        i[0].add(id);
        i[1].add(++line);
        i[2].add(id_text(item.seat));
        i[3].add(id_text(item.ticket_type));
        i[4].add(std::int64_t{item.quantity});
        i[5].add(item.unit_price);
        i[6].add(static_cast<std::int64_t>(item.token));
        i[7].add(static_cast<std::int64_t>(item.seat_version));
      }
    }
    const bool items = !i[0].empty();
    if (db_.prepared<insert_reservations>().run(take_all(r)).touched() != made_.size())
      return false;
    if (items)
      db_.prepared<insert_items>().run(take_all(i));
  }
  array_text ids;
  array_text status;
  array_text payment;
  array_text method;
  array_text paid_by;
  array_text before;
  std::size_t count = 0;
  for (const auto& [id, r] : reservations_) {
    if (!r.changed || r.made != nullptr)
      continue;
    ++count;
    ids.add(id);
    status.add(r.status);
    payment.add(r.payment);
    method.add(r.method);
    paid_by.add(r.paid_by);
    before.add(r.status_read);
  }
  if (count > 0
      && db_.prepared<write_reservations>()
                 .run_with(ids.take(), status.take(), payment.take(), method.take(), paid_by.take(),
                           before.take())
                 .touched()
             != count)
    throw std::runtime_error("a locked reservation has changed");
  return true;
}

bool working_set::write() {
  write_stock();
  if (!write_sales())
    return false;
  if (!history_.empty()) {
    array_text id;
    array_text position;
    array_text at;
    array_text action;
    array_text detail;
    for (const auto& [reservation, line, entry] : history_) {
      id.add(reservation);
      position.add(line);
      at.add(to_millis(entry->at));
      action.add(entry->action);
      detail.add(entry->detail);
    }
    db_.prepared<insert_lines>().run_with(id.take(), position.take(), at.take(), action.take(),
                                          detail.take());
  }
  if (!messages_.empty()) {
    array_text ids;
    for (const auto& id : messages_)
      ids.add(id);
    db_.prepared<insert_messages>().run_with(ids.take(), std::to_string(to_millis(now_)));
  }
  append_outbox(db_, events_);
  return true;
}

} // namespace

bool fits_batch(const ticket_write& write) {
  if (const auto* change = std::get_if<change_reservation>(&write.command))
    return change->listing.effect == listing_effect::keep;
  return std::holds_alternative<create_reservation>(write.command)
         || std::holds_alternative<look_up>(write.command);
}

void insert_seats(database& db, const std::string& event, std::span<const seat_row* const> seats) {
  while (!seats.empty()) {
    const auto part = seats.first(std::min(seats.size(), seats_at_once));
    seats = seats.subspan(part.size());
    std::vector<array_text> columns(10);
    for (const auto* seat : part) {
      columns[0].add(to_string(seat->id));
      columns[1].add(seat->section);
      columns[2].add(std::int64_t{seat->row});
      columns[3].add(std::int64_t{seat->number});
      columns[4].add(seat->label);
      columns[5].add(seat->price);
      columns[6].add(to_string(seat->status));
      columns[7].add(static_cast<std::int64_t>(seat->version));
      columns[8].add(static_cast<std::int64_t>(seat->token));
      columns[9].add(id_text(seat->holder));
    }
    auto parameters = take_all(columns);
    parameters.insert(parameters.begin(), event);
    db.prepared<insert_new_seats>().run(parameters);
  }
}

void plan_seats(database& db, std::span<const planned_seat> seats) {
  while (!seats.empty()) {
    const auto part = seats.first(std::min(seats.size(), seats_at_once));
    seats = seats.subspan(part.size());
    array_text ids;
    array_text retired;
    array_text price;
    for (const auto& seat : part) {
      ids.add(seat.id);
      retired.add(std::int64_t{seat.retired ? 1 : 0});
      price.add(seat.price);
    }
    db.prepared<plan_known_seats>().run_with(ids.take(), retired.take(), price.take());
  }
}

std::optional<std::vector<ticket_written>>
apply_batch(database& db, std::span<const ticket_write> batch, time_point now) {
  working_set rows(db, now);
  rows.load(batch);
  std::vector<ticket_written> out;
  out.reserve(batch.size());
  for (const auto& write : batch) {
    if (const auto* c = std::get_if<create_reservation>(&write.command))
      out.push_back(rows.apply(*c));
    else if (const auto* m = std::get_if<change_reservation>(&write.command))
      out.push_back(rows.apply(*m));
    else
      out.push_back(rows.apply(std::get<look_up>(write.command)));
  }
  if (!rows.write())
    return std::nullopt;
  return out;
}

} // namespace tiketi::sql
