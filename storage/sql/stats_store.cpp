#include "storage/sql/stats_store.hpp"

#include "storage/sql/stats_batch.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

using namespace stats;

/// Statements that write, kept prepared by their text. The kinds of the values of one text never
/// change.
class statements {
public:
  using value = std::variant<std::int64_t, std::string>;

  explicit statements(database& db) : db_(db) {}

  /// Returns the number of rows it touched.
  std::size_t write(const std::string& text, std::vector<value> values) {
    auto& slot = slots_[text];
    if (!slot)
      slot = std::make_unique<prepared>(db_, text, values);
    slot->assign(std::move(values));
    return run(slot->statement);
  }

  /// Whatever was prepared is void after an error.
  void forget() noexcept { slots_.clear(); }

private:
  struct prepared {
    prepared(database& db, const std::string& text, const std::vector<value>& values)
        : statement(db.session()) {
      for (const auto& v : values) {
        if (std::holds_alternative<std::int64_t>(v))
          statement.exchange(soci::use(numbers.emplace_back()));
        else
          statement.exchange(soci::use(texts.emplace_back()));
      }
      statement.alloc();
      statement.prepare(text);
      statement.define_and_bind();
    }

    void assign(std::vector<value> values) {
      std::size_t number = 0;
      std::size_t word = 0;
      for (auto& v : values) {
        if (auto* n = std::get_if<std::int64_t>(&v))
          numbers.at(number++) = *n;
        else
          texts.at(word++) = std::move(std::get<std::string>(v));
      }
    }

    // SOCI keeps references; these do not move.
    std::deque<long long> numbers;
    std::deque<std::string> texts;
    soci::statement statement;
  };

  database& db_;
  std::map<std::string, std::unique_ptr<prepared>> slots_;
};

struct select_reservation {
  explicit select_reservation(soci::session& sql)
      : run((sql.prepare << "SELECT status, created_at, seats, tickets, event_id FROM "
                            "reservations WHERE id = :id",
             soci::use(id), soci::into(status), soci::into(created_at), soci::into(seats),
             soci::into(tickets), soci::into(event))) {}

  std::string id, status, event;
  long long created_at = 0;
  int seats = 0, tickets = 0;
  soci::statement run;
};

struct select_payment {
  explicit select_payment(soci::session& sql)
      : run((sql.prepare << "SELECT amount, refunded_at, event_id FROM payments WHERE id = :id",
             soci::use(id), soci::into(amount), soci::into(refunded_at), soci::into(event))) {}

  std::string id, event;
  long long amount = 0, refunded_at = 0;
  soci::statement run;
};

/// What a batch adds to the sums of an event, by column.
struct event_sums_change {
  std::int64_t pending = 0;
  std::int64_t confirmed = 0;
  std::int64_t given_up = 0;
  std::int64_t expired = 0;
  std::int64_t held = 0;
  std::int64_t sold = 0;
  std::int64_t paid = 0;
  std::int64_t refunded = 0;

  bool operator==(const event_sums_change&) const = default;
};

class sql_stats_writes final : public stats_writes {
public:
  explicit sql_stats_writes(database db) : db_(std::move(db)), run_(db_) {}

  std::vector<stats_written> commit(std::vector<stats_write>& batch) override {
    std::vector<stats_written> out(batch.size());
    if (commit_range(batch, out, 0, batch.size()) || batch.size() == 1)
      return out;
    // One command may have spoilt the transaction for the others, so each gets its own.
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (out[i].status == commit_status::failed)
        commit_range(batch, out, i, i + 1);
    return out;
  }

private:
  /// False: nothing of it is written, or (`unknown`) that is in doubt.
  bool commit_range(const std::vector<stats_write>& batch, std::vector<stats_written>& out,
                    std::size_t first, std::size_t last) {
    if (!connected_ && !(connected_ = db_.reconnect().has_value()))
      return false;
    bool committing = false;
    try {
      transaction tx{db_};
      write_alone(db_); // other nodes write here too
      hours_.clear();
      events_.clear();
      ledger_.reset();
      if (db_.kind() == dialect::postgresql) {
        ledger_.emplace(db_);
        ledger_->load(std::span{batch}.subspan(first, last - first));
      }
      for (auto i = first; i < last; ++i)
        out[i] =
            std::visit([&](const auto& x) { return apply(x, batch[i].now); }, batch[i].command);
      if (ledger_)
        ledger_->write();
      write_sums();
      committing = true;
      tx.commit();
      return true;
    } catch (const std::exception& e) {
      spdlog::error("stats store: {}", cause_of(e));
      const bool doubt = committing && leaves_doubt(e, db_.kind());
      for (auto i = first; i < last; ++i)
        out[i] = {doubt ? commit_status::unknown : commit_status::failed, false};
      run_.forget();
      db_.forget_prepared();
      connected_ = false;
      return false;
    }
  }

  stats_written apply(const apply_fact& x, time_point now) {
    if (ledger_ ? !ledger_->is_new(x.message) : !mark_processed(db_, "stats", x.message, now))
      return {commit_status::committed, true};
    std::visit([&](const auto& what) { record(what, x.at); }, x.what);
    return {commit_status::committed, false};
  }

  stats_written apply(const add_requests& x, time_point) {
    bump(x.hour, "requests", x.requests);
    bump(x.hour, "failed_requests", x.failed);
    return {commit_status::committed, false};
  }

  // -- sums --------------------------------------------------------------------------------------

  // Most facts of a batch go into the same few sums: each is written once, at the end.

  void bump(hour_number hour, std::string_view column, std::int64_t by) {
    hours_[{hour, column}] += by;
  }

  event_sums_change& sums_of(const std::string& event) { return events_[event]; }

  void write_sums() {
    for (const auto& [sum, by] : hours_)
      if (by != 0)
        run_.write(fmt::format("INSERT INTO hours(hour, {0}) VALUES (:h, :n) ON CONFLICT (hour) DO "
                               "UPDATE SET {0} = hours.{0} + excluded.{0}",
                               sum.second),
                   {sum.first, by});
    for (const auto& [event, by] : events_) {
      if (by == event_sums_change{})
        continue;
      know_event(event);
      run_.write("UPDATE events SET pending = pending + :p, confirmed = confirmed + :c, "
                 "given_up = given_up + :g, expired = expired + :x, held = held + :h, "
                 "sold = sold + :s, paid = paid + :a, refunded = refunded + :r WHERE id = :id",
                 {by.pending, by.confirmed, by.given_up, by.expired, by.held, by.sold, by.paid,
                  by.refunded, event});
    }
  }

  void know_event(const std::string& event) {
    run_.write("INSERT INTO events(id) VALUES (:id) ON CONFLICT (id) DO NOTHING", {event});
  }

  // -- reservations ------------------------------------------------------------------------------

  std::optional<ledger_row> find(reservation_id id) {
    if (ledger_)
      return ledger_->find(to_string(id));
    auto& q = db_.prepared<select_reservation>();
    q.id = to_string(id);
    if (!one(q.run))
      return std::nullopt;
    return ledger_row{q.status, from_millis(q.created_at), std::int64_t{q.seats} + q.tickets,
                      q.event};
  }

  void create(const reservation_fact& x, time_point at) {
    auto& sums = sums_of(to_string(x.event));
    sums.pending += 1;
    sums.held += std::int64_t{x.seats} + x.tickets;
    bump(hour_of(at), "created", 1);
    if (ledger_) {
      ledger_->create(x, at);
      return;
    }
    const auto id = to_string(x.id);
    run_.write("INSERT INTO reservations(id, user_id, event_id, amount, seats, tickets, status, "
               "created_at) VALUES (:i, :u, :e, :a, :s, :t, 'pending', :c)",
               {id, to_string(x.user), to_string(x.event), x.amount, std::int64_t{x.seats},
                std::int64_t{x.tickets}, to_millis(at)});
    for (const auto& line : x.rows)
      run_.write("INSERT INTO reservation_rows(reservation_id, section, row_number, seats) VALUES "
                 "(:i, :s, :r, :n)",
                 {id, line.section, std::int64_t{line.row}, std::int64_t{line.seats}});
  }

  /// Adds the reservation's seats, or takes them away, in the sums of its event's rows.
  void sell_rows(const std::string& id, const std::string& event, int sign) {
    if (ledger_) {
      ledger_->sell_rows(id, event, sign);
      return;
    }
    // Rows that the catalog has not told of yet begin with what is sold of them.
    run_.write("INSERT INTO event_rows(event_id, section, row_number) SELECT :e, section, "
               "row_number FROM reservation_rows WHERE reservation_id = :i ON CONFLICT DO NOTHING",
               {event, id});
    run_.write("UPDATE event_rows SET sold = sold + :n * (SELECT r.seats FROM reservation_rows r "
               "WHERE r.reservation_id = :i AND r.section = event_rows.section AND r.row_number = "
               "event_rows.row_number) WHERE event_id = :e AND EXISTS (SELECT 1 FROM "
               "reservation_rows r WHERE r.reservation_id = :j AND r.section = event_rows.section "
               "AND r.row_number = event_rows.row_number)",
               {std::int64_t{sign}, id, event, id});
  }

  void record(const reservation_fact& x, time_point at) {
    auto row = find(x.id);
    if (!row) {
      // Its creation was lost or never told: every event carries what is needed.
      create(x, at);
      if (x.step == reservation_step::created)
        return;
      row = find(x.id);
    }
    const auto id = to_string(x.id);
    const auto age = std::max<std::int64_t>(0, to_millis(at) - to_millis(row->created_at));
    const auto now = hour_of(at);
    const auto born = hour_of(row->created_at);
    const bool pending = row->status == "pending";
    const bool confirmed = row->status == "confirmed";
    auto& sums = sums_of(row->event);
    switch (x.step) {
    case reservation_step::created:
      return;
    case reservation_step::confirmed:
      if (!pending)
        return;
      move(id, "confirmed", "confirmed_at", at);
      sums.pending -= 1;
      sums.confirmed += 1;
      sums.held -= row->units;
      sums.sold += row->units;
      sell_rows(id, row->event, 1);
      bump(now, "confirmed", 1);
      bump(now, "confirm_ms", age);
      bump(born, "cohort_confirmed", 1);
      return;
    case reservation_step::cancelled:
      if (!pending && !confirmed)
        return;
      move(id, "cancelled", "ended_at", at);
      if (confirmed) {
        sums.confirmed -= 1;
        sums.given_up += 1;
        sums.sold -= row->units;
        sell_rows(id, row->event, -1);
        bump(born, "cohort_confirmed", -1);
      } else {
        sums.pending -= 1;
        sums.given_up += 1;
        sums.held -= row->units;
        bump(now, "released", 1);
        bump(now, "release_ms", age);
      }
      bump(now, "cancelled", 1);
      bump(now, "cancel_ms", age);
      bump(born, "cohort_cancelled", 1);
      return;
    case reservation_step::expired:
      if (!pending)
        return;
      move(id, "expired", "ended_at", at);
      sums.pending -= 1;
      sums.expired += 1;
      sums.held -= row->units;
      bump(now, "expired", 1);
      bump(now, "released", 1);
      bump(now, "release_ms", age);
      bump(born, "cohort_expired", 1);
      return;
    }
  }

  void move(const std::string& id, const char* status, const char* column, time_point at) {
    if (ledger_) {
      ledger_->move(id, status, column, at);
      return;
    }
    run_.write(
        fmt::format("UPDATE reservations SET status = '{}', {} = :t WHERE id = :i", status, column),
        {to_millis(at), id});
  }

  // -- the rest ----------------------------------------------------------------------------------

  void record(const payment_fact& x, time_point at) {
    if (x.step == payment_step::failed) {
      bump(hour_of(at), "failed_payments", 1);
      return;
    }
    auto& q = db_.prepared<select_payment>();
    q.id = to_string(x.id);
    const bool found = one(q.run);
    const auto event = x.event.is_nil() ? std::string{} : to_string(x.event);
    if (x.step == payment_step::confirmed) {
      if (found)
        return;
      run_.write(
          "INSERT INTO payments(id, user_id, event_id, payment_type, method, amount, "
          "confirmed_at) VALUES (:i, :u, :e, :t, :m, :a, :c)",
          {to_string(x.id), to_string(x.user), event, x.type, x.method, x.amount, to_millis(at)});
      run_.write("INSERT INTO payment_methods(method, count, amount) VALUES (:m, 1, :a) ON "
                 "CONFLICT (method) DO UPDATE SET count = payment_methods.count + 1, amount = "
                 "payment_methods.amount + excluded.amount",
                 {x.method, x.amount});
      if (!event.empty())
        sums_of(event).paid += x.amount;
      bump(hour_of(at), "payments", 1);
      bump(hour_of(at), "paid", x.amount);
      return;
    }
    if (!found) {
      spdlog::warn("stats: payment {} was refunded but never confirmed", to_string(x.id));
      return;
    }
    if (q.refunded_at != 0)
      return;
    // What comes back is what was paid, for the event it was paid for.
    const std::int64_t amount = q.amount;
    const std::string of = q.event;
    run_.write("UPDATE payments SET refunded_at = :t WHERE id = :i",
               {to_millis(at), to_string(x.id)});
    if (!of.empty())
      sums_of(of).refunded += amount;
    bump(hour_of(at), "refunds", 1);
    bump(hour_of(at), "refunded", amount);
  }

  void record(const event_fact& x, time_point) {
    const auto id = to_string(x.id);
    know_event(id);
    run_.write("UPDATE events SET known = 1, title = :t, venue = :v, event_date = :d, sale_start = "
               ":s, sale_end = "
               ":e, cancelled = :c, seated = :a, capacity = :n WHERE id = :id",
               {x.title, x.venue, to_millis(x.event_date),
                to_millis(x.sale_start.value_or(time_point{})),
                to_millis(x.sale_end.value_or(time_point{})), std::int64_t{x.cancelled ? 1 : 0},
                std::int64_t{x.seated ? 1 : 0}, x.capacity, id});
    // Rows that are no longer offered stay for what was sold of them.
    run_.write("UPDATE event_rows SET seats = 0 WHERE event_id = :e AND seats > 0", {id});
    for (const auto& r : x.rows)
      run_.write("INSERT INTO event_rows(event_id, section, row_number, price, seats) VALUES (:e, "
                 ":s, :r, :p, :n) ON CONFLICT (event_id, section, row_number) DO UPDATE SET price "
                 "= excluded.price, seats = excluded.seats",
                 {id, r.section, std::int64_t{r.row}, r.price, r.seats});
  }

  void record(const user_fact& x, time_point at) {
    if (run_.write("INSERT INTO users(id, role, registered_at) VALUES (:i, :r, :t) ON CONFLICT "
                   "(id) DO NOTHING",
                   {to_string(x.id), x.role, to_millis(at)})
        == 1)
      bump(hour_of(at), "registered", 1);
  }

  void record(const transfer_fact& x, time_point at) {
    // Events about the same ticket come in any order: its last buyer has it.
    run_.write("INSERT INTO reservation_owners(reservation_id, user_id, paid, since) VALUES (:r, "
               ":u, :p, :t) ON CONFLICT (reservation_id) DO UPDATE SET user_id = "
               "excluded.user_id, paid = excluded.paid, since = excluded.since WHERE "
               "excluded.since >= reservation_owners.since",
               {to_string(x.reservation), to_string(x.buyer), x.price, to_millis(at)});
    bump(hour_of(at), "transfers", 1);
  }

  void record(const membership_fact&, time_point at) { bump(hour_of(at), "memberships", 1); }

  database db_;
  statements run_;                    // before db_ goes
  std::optional<stats_batch> ledger_; ///< PostgreSQL: of the batch at hand
  std::map<std::pair<hour_number, std::string_view>, std::int64_t> hours_;
  std::map<std::string, event_sums_change> events_;
  bool connected_ = true;
};

} // namespace

std::shared_ptr<stats_writes> make_stats_writes(database db) {
  db.find_by_key();
  return std::make_shared<sql_stats_writes>(std::move(db));
}

} // namespace tiketi::sql
