#include "storage/sql/stats_batch.hpp"

#include "storage/sql/postgresql.hpp"

#include <set>
#include <utility>
#include <variant>

namespace tiketi::sql {

using namespace stats;

namespace {

struct mark_messages : server_statement {
  explicit mark_messages(soci::session& sql)
      : server_statement(sql, "INSERT INTO processed_events(consumer, event_id, processed_at) "
                              "SELECT 'stats', id, at FROM unnest(CAST($1 AS VARCHAR[]), "
                              "CAST($2 AS BIGINT[])) AS n(id, at) ON CONFLICT DO NOTHING "
                              "RETURNING event_id") {}
};

struct read_ledger : server_statement {
  explicit read_ledger(soci::session& sql)
      : server_statement(sql, "SELECT id, status, created_at, seats + tickets, event_id "
                              "FROM reservations WHERE id = ANY (CAST($1 AS VARCHAR[]))") {}
};

struct insert_ledger : server_statement {
  explicit insert_ledger(soci::session& sql)
      : server_statement(sql, "INSERT INTO reservations(id, user_id, event_id, amount, seats, "
                              "tickets, status, created_at) SELECT id, usr, event, amount, seats, "
                              "tickets, 'pending', created FROM unnest(CAST($1 AS VARCHAR[]), "
                              "CAST($2 AS VARCHAR[]), CAST($3 AS VARCHAR[]), CAST($4 AS BIGINT[]), "
                              "CAST($5 AS INTEGER[]), CAST($6 AS INTEGER[]), CAST($7 AS BIGINT[])) "
                              "AS n(id, usr, event, amount, seats, tickets, created)") {}
};

struct insert_rows : server_statement {
  explicit insert_rows(soci::session& sql)
      : server_statement(sql, "INSERT INTO reservation_rows(reservation_id, section, row_number, "
                              "seats) SELECT * FROM unnest(CAST($1 AS VARCHAR[]), "
                              "CAST($2 AS TEXT[]), CAST($3 AS INTEGER[]), CAST($4 AS INTEGER[]))") {
  }
};

struct move_ledger : server_statement {
  explicit move_ledger(soci::session& sql)
      : server_statement(
          sql, "UPDATE reservations r SET status = n.status, "
               "confirmed_at = coalesce(nullif(n.confirmed, 0), r.confirmed_at), "
               "ended_at = coalesce(nullif(n.ended, 0), r.ended_at) FROM unnest("
               "CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[]), CAST($3 AS BIGINT[]), "
               "CAST($4 AS BIGINT[])) AS n(id, status, confirmed, ended) WHERE r.id = n.id") {}
};

/// Rows that the catalog has not told of yet begin with what is sold of them.
struct know_rows : server_statement {
  explicit know_rows(soci::session& sql)
      : server_statement(sql, "INSERT INTO event_rows(event_id, section, row_number) "
                              "SELECT DISTINCT n.event, r.section, r.row_number FROM unnest("
                              "CAST($1 AS VARCHAR[]), CAST($2 AS VARCHAR[])) AS n(id, event) "
                              "JOIN reservation_rows r ON r.reservation_id = n.id "
                              "ON CONFLICT DO NOTHING") {}
};

struct sum_rows : server_statement {
  explicit sum_rows(soci::session& sql)
      : server_statement(
          sql, "UPDATE event_rows e SET sold = e.sold + d.sold FROM (SELECT n.event, r.section, "
               "r.row_number, sum(n.times * r.seats) AS sold FROM unnest(CAST($1 AS VARCHAR[]), "
               "CAST($2 AS VARCHAR[]), CAST($3 AS BIGINT[])) AS n(id, event, times) "
               "JOIN reservation_rows r ON r.reservation_id = n.id GROUP BY 1, 2, 3) d "
               "WHERE e.event_id = d.event AND e.section = d.section "
               "AND e.row_number = d.row_number") {}
};

} // namespace

void stats_batch::load(std::span<const stats_write> batch) {
  array_text messages;
  array_text times;
  std::set<std::string> reservations;
  for (const auto& write : batch)
    if (const auto* x = std::get_if<apply_fact>(&write.command)) {
      messages.add(to_string(x->message));
      times.add(to_millis(write.now));
      if (const auto* r = std::get_if<reservation_fact>(&x->what))
        reservations.insert(to_string(r->id));
    }
  if (!messages.empty()) {
    const auto rows = db_.prepared<mark_messages>().run_with(messages.take(), times.take());
    for (std::size_t i = 0; i < rows.size(); ++i)
      fresh_.emplace(rows.text(i, 0));
  }
  if (reservations.empty())
    return;
  array_text ids;
  for (const auto& id : reservations)
    ids.add(id);
  const auto rows = db_.prepared<read_ledger>().run_with(ids.take());
  for (std::size_t i = 0; i < rows.size(); ++i)
    ledger_[std::string{rows.text(i, 0)}] = {std::string{rows.text(i, 1)},
                                             from_millis(rows.number(i, 2)), rows.number(i, 3),
                                             std::string{rows.text(i, 4)}};
}

std::optional<ledger_row> stats_batch::find(const std::string& reservation) const {
  const auto found = ledger_.find(reservation);
  if (found == ledger_.end())
    return std::nullopt;
  return found->second;
}

void stats_batch::create(const reservation_fact& x, time_point at) {
  ledger_[to_string(x.id)] = {"pending", at, std::int64_t{x.seats} + x.tickets, to_string(x.event)};
  created_.emplace_back(x, at);
}

void stats_batch::move(const std::string& reservation, std::string_view status,
                       std::string_view column, time_point at) {
  ledger_[reservation].status = status;
  auto& next = moved_[reservation];
  next.status = status;
  (column == "confirmed_at" ? next.confirmed_at : next.ended_at) = to_millis(at);
}

void stats_batch::sell_rows(const std::string& reservation, const std::string& event, int sign) {
  auto& [of, times] = sold_[reservation];
  of = event;
  times += sign;
}

void stats_batch::write() {
  write_created();
  write_moved();
  write_sold();
}

void stats_batch::write_created() {
  std::vector<array_text> r(7);
  std::vector<array_text> l(4);
  for (const auto& [x, at] : created_) {
    const auto id = to_string(x.id);
    r[0].add(id);
    r[1].add(to_string(x.user));
    r[2].add(to_string(x.event));
    r[3].add(x.amount);
    r[4].add(std::int64_t{x.seats});
    r[5].add(std::int64_t{x.tickets});
    r[6].add(to_millis(at));
    for (const auto& line : x.rows) {
      l[0].add(id);
      l[1].add(line.section);
      l[2].add(std::int64_t{line.row});
      l[3].add(std::int64_t{line.seats});
    }
  }
  if (created_.empty())
    return;
  created_.clear();
  const auto texts = [](std::vector<array_text>& columns) {
    std::vector<std::string> out;
    for (auto& c : columns)
      out.push_back(c.take());
    return out;
  };
  const bool rows = !l[0].empty();
  db_.prepared<insert_ledger>().run(texts(r));
  if (rows)
    db_.prepared<insert_rows>().run(texts(l));
}

void stats_batch::write_moved() {
  array_text ids;
  array_text status;
  array_text confirmed;
  array_text ended;
  for (const auto& [id, to] : moved_) {
    ids.add(id);
    status.add(to.status);
    confirmed.add(to.confirmed_at);
    ended.add(to.ended_at);
  }
  moved_.clear();
  if (!ids.empty())
    db_.prepared<move_ledger>().run_with(ids.take(), status.take(), confirmed.take(), ended.take());
}

void stats_batch::write_sold() {
  array_text ids;
  array_text events;
  array_text times;
  for (const auto& [id, sale] : sold_) {
    ids.add(id);
    events.add(sale.first);
    times.add(sale.second);
  }
  sold_.clear();
  if (ids.empty())
    return;
  const auto id = ids.take();
  const auto event = events.take();
  db_.prepared<know_rows>().run_with(id, event);
  db_.prepared<sum_rows>().run_with(id, event, times.take());
}

} // namespace tiketi::sql
