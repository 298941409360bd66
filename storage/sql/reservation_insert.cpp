#include "storage/sql/reservation_insert.hpp"

#include "storage/sql/outbox_insert.hpp"
#include "storage/sql/postgresql.hpp"
#include "storage/sql/query_guard.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tiketi::sql {

using namespace ticket;

namespace {

constexpr std::size_t line_columns = 9;
constexpr std::size_t reservation_columns = 8;

/// The last line is the check: what was taken is not all that was wanted, so everything is undone
/// by an error. Whoever is first to a seat or to an idempotency key has it: the second one's row is
/// not found by the update, or breaks the unique key.
std::string text_of_insert() {
  const auto first = line_columns + reservation_columns + 1;
  const auto seats = std::to_string(first + outbox_insert::parameters);
  const auto types = std::to_string(first + outbox_insert::parameters + 1);
  return "WITH line AS MATERIALIZED (SELECT * FROM unnest(CAST($1 AS VARCHAR[]), "
         "CAST($2 AS INTEGER[]), CAST($3 AS VARCHAR[]), CAST($4 AS VARCHAR[]), "
         "CAST($5 AS INTEGER[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]), "
         "CAST($8 AS BIGINT[]), CAST($9 AS VARCHAR[])) AS n(reservation, line, seat, type, "
         "quantity, price, token, version, event)), "
         "held AS (UPDATE seats s SET status = 'locked', version = line.version, "
         "fencing_token = line.token, holder = line.reservation FROM line "
         "WHERE s.id = line.seat AND s.status = 'available' AND s.retired = 0 "
         "AND s.version = line.version - 1 AND s.fencing_token < line.token "
         "AND s.event_id = line.event RETURNING 1), "
         "taken AS (UPDATE ticket_types t SET available_quantity = "
         "t.available_quantity - w.quantity FROM (SELECT type, event, "
         "CAST(sum(quantity) AS INTEGER) AS quantity FROM line WHERE type <> '' "
         "GROUP BY type, event) w WHERE t.id = w.type AND t.event_id = w.event "
         "AND t.available_quantity >= w.quantity RETURNING 1), "
         "made AS (INSERT INTO reservations(id, user_id, event_id, reservation_number, "
         "total_amount, status, payment_status, payment_method, idempotency_key, created_at, "
         "expires_at) SELECT id, usr, event, number, amount, 'pending', 'pending', '', "
         "nullif(key, ''), created, expires FROM unnest(CAST($10 AS VARCHAR[]), "
         "CAST($11 AS VARCHAR[]), CAST($12 AS VARCHAR[]), CAST($13 AS TEXT[]), "
         "CAST($14 AS BIGINT[]), CAST($15 AS VARCHAR[]), CAST($16 AS BIGINT[]), "
         "CAST($17 AS BIGINT[])) AS n(id, usr, event, number, amount, key, created, expires)), "
         "lines AS (INSERT INTO reservation_items(reservation_id, line, seat_id, ticket_type_id, "
         "quantity, unit_price, fencing_token, seat_version) SELECT reservation, line, "
         "nullif(seat, ''), nullif(type, ''), quantity, price, token, version FROM line), "
         + outbox_insert::take_lock() + ", told AS (" + outbox_insert::insert(first)
         + ") SELECT 1 / CASE WHEN (SELECT count(*) FROM held) = CAST($" + seats
         + " AS BIGINT) AND (SELECT count(*) FROM taken) = CAST($" + types
         + " AS BIGINT) THEN 1 ELSE 0 END";
}

struct insert_holds : server_statement {
  explicit insert_holds(soci::session& sql) : server_statement(sql, text_of_insert()) {}
};

} // namespace

bool are_fresh_holds(std::span<const ticket_write> batch) {
  return std::all_of(batch.begin(), batch.end(), [](const ticket_write& write) {
    const auto* c = std::get_if<create_reservation>(&write.command);
    return c != nullptr && !c->reservation.items.empty()
           && c->reservation.status == reservation_status::pending
           && c->reservation.payment == payment_state::pending
           && c->reservation.payment_method.empty() && c->reservation.paid_by.is_nil();
  });
}

bool commit_holds(database& db, std::span<const ticket_write> batch) {
  std::vector<array_text> lines(line_columns);
  std::vector<array_text> reservations(reservation_columns);
  std::vector<domain_event> events;
  std::set<std::pair<ticket_type_id, event_id>> types;
  std::size_t seats = 0;
  for (const auto& write : batch) {
    const auto& command = std::get<create_reservation>(write.command);
    const auto& view = command.reservation;
    const auto id = to_string(view.id);
    const auto event = to_string(view.event);
    reservations[0].add(id);
    reservations[1].add(to_string(view.user));
    reservations[2].add(event);
    reservations[3].add(view.number);
    reservations[4].add(view.total_amount);
    reservations[5].add(command.idempotency_key);
    reservations[6].add(to_millis(view.created_at));
    reservations[7].add(to_millis(view.expires_at));
    std::int64_t line = 0;
    for (const auto& item : view.items) {
      lines[0].add(id);
      lines[1].add(++line);
      lines[2].add(id_text(item.seat));
      lines[3].add(id_text(item.ticket_type));
      lines[4].add(std::int64_t{item.quantity});
      lines[5].add(item.unit_price);
      lines[6].add(static_cast<std::int64_t>(item.token));
      lines[7].add(static_cast<std::int64_t>(item.seat_version));
      lines[8].add(event);
      if (item.seat.is_nil())
        types.emplace(item.ticket_type, view.event);
      else
        ++seats;
    }
    events.insert(events.end(), command.events.begin(), command.events.end());
  }
  auto parameters = take_all(lines);
  for (auto more : {take_all(reservations), outbox_insert::values(events)})
    parameters.insert(parameters.end(), more.begin(), more.end());
  parameters.push_back(std::to_string(seats));
  parameters.push_back(std::to_string(types.size()));
  try {
    db.prepared<insert_holds>().run(parameters);
    return true;
  } catch (const std::exception& e) {
    // The server has undone the statement, and with it the transaction.
    if (is_constraint_violation(e, db.kind()))
      return false;
    throw;
  }
}

} // namespace tiketi::sql
