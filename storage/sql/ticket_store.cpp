#include "storage/sql/ticket_store.hpp"

#include "storage/sql/membership_store.hpp"
#include "storage/sql/news_store.hpp"
#include "storage/sql/query_guard.hpp"
#include "storage/sql/reservation_insert.hpp"
#include "storage/sql/ticket_batch.hpp"
#include "storage/sql/transfer_store.hpp"

#include <algorithm>
#include <exception>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tiketi::sql {

using namespace ticket;

namespace {

constexpr const char* consumer = "ticket";

// -- words --------------------------------------------------------------------------------------

template <class Enum>
Enum from_word(const std::string& word, Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i)
    if (to_string(static_cast<Enum>(i)) == word)
      return static_cast<Enum>(i);
  throw std::runtime_error("unknown word in the database: " + word);
}

// -- statements that write -----------------------------------------------------------------------
// Empty texts become NULL in SQL, so that no indicator has to be bound.

struct hold_seat {
  explicit hold_seat(soci::session& sql)
      : st((sql.prepare << "UPDATE seats SET status = 'locked', version = :version, "
                           "fencing_token = :token, holder = :holder WHERE id = :id "
                           "AND event_id = :event AND status = 'available' AND retired = 0 AND "
                           "version = :before "
                           "AND fencing_token < :token",
            soci::use(version, "version"), soci::use(token, "token"), soci::use(holder, "holder"),
            soci::use(id, "id"), soci::use(event, "event"), soci::use(before, "before"))) {}

  std::string id, event, holder;
  long long version = 0;
  long long before = 0;
  long long token = 0;
  soci::statement st;
};

struct sell_seat {
  explicit sell_seat(soci::session& sql)
      : st((sql.prepare << "UPDATE seats SET status = 'reserved' WHERE id = :id "
                           "AND status = 'locked' AND holder = :holder AND fencing_token = :token",
            soci::use(id, "id"), soci::use(holder, "holder"), soci::use(token, "token"))) {}

  std::string id, holder;
  long long token = 0;
  soci::statement st;
};

struct free_seat {
  explicit free_seat(soci::session& sql)
      : st((sql.prepare << "UPDATE seats SET status = 'available', holder = NULL WHERE id = :id "
                           "AND holder = :holder",
            soci::use(id, "id"), soci::use(holder, "holder"))) {}

  std::string id, holder;
  soci::statement st;
};

struct take_stock {
  explicit take_stock(soci::session& sql)
      : st((sql.prepare << "UPDATE ticket_types SET available_quantity = available_quantity - :n "
                           "WHERE id = :id AND event_id = :event AND available_quantity >= :n",
            soci::use(quantity, "n"), soci::use(id, "id"), soci::use(event, "event"))) {}

  std::string id, event;
  int quantity = 0;
  soci::statement st;
};

struct return_stock {
  explicit return_stock(soci::session& sql)
      : st((sql.prepare << "UPDATE ticket_types SET available_quantity = available_quantity + :n "
                           "WHERE id = :id",
            soci::use(quantity, "n"), soci::use(id, "id"))) {}

  std::string id;
  int quantity = 0;
  soci::statement st;
};

struct insert_reservation {
  explicit insert_reservation(soci::session& sql)
      : st((sql.prepare << "INSERT INTO reservations(id, user_id, event_id, reservation_number, "
                           "total_amount, status, payment_status, payment_method, paid_by, "
                           "idempotency_key, created_at, expires_at) VALUES (:id, :user, :event, "
                           ":number, :amount, :status, :payment, :method, nullif(:paid_by, ''), "
                           "nullif(:key, ''), :created, :expires) ON CONFLICT DO NOTHING",
            soci::use(id, "id"), soci::use(user, "user"), soci::use(event, "event"),
            soci::use(number, "number"), soci::use(amount, "amount"), soci::use(status, "status"),
            soci::use(payment, "payment"), soci::use(method, "method"),
            soci::use(paid_by, "paid_by"), soci::use(key, "key"), soci::use(created, "created"),
            soci::use(expires, "expires"))) {}

  std::string id, user, event, number, status, payment, method, paid_by, key;
  long long amount = 0;
  long long created = 0;
  long long expires = 0;
  soci::statement st;
};

struct insert_item {
  explicit insert_item(soci::session& sql)
      : st((sql.prepare << "INSERT INTO reservation_items(reservation_id, line, seat_id, "
                           "ticket_type_id, quantity, unit_price, fencing_token, seat_version) "
                           "VALUES (:reservation, :line, nullif(:seat, ''), nullif(:type, ''), "
                           ":quantity, :price, :token, :version)",
            soci::use(reservation, "reservation"), soci::use(line, "line"), soci::use(seat, "seat"),
            soci::use(type, "type"), soci::use(quantity, "quantity"), soci::use(price, "price"),
            soci::use(token, "token"), soci::use(version, "version"))) {}

  std::string reservation, seat, type;
  int line = 0;
  int quantity = 1;
  long long price = 0;
  long long token = 0;
  long long version = 0;
  soci::statement st;
};

struct insert_history {
  explicit insert_history(soci::session& sql)
      : st((sql.prepare << "INSERT INTO reservation_history(reservation_id, position, at, action, "
                           "detail) SELECT CAST(:id AS VARCHAR(36)), "
                           "coalesce(max(position), 0) + 1, CAST(:at AS BIGINT), "
                           "CAST(:action AS TEXT), CAST(:detail AS TEXT) "
                           "FROM reservation_history WHERE reservation_id = :id",
            soci::use(id, "id"), soci::use(at, "at"), soci::use(action, "action"),
            soci::use(detail, "detail"))) {}

  std::string id, action, detail;
  long long at = 0;
  soci::statement st;
};

struct update_reservation {
  explicit update_reservation(soci::session& sql)
      : st((sql.prepare << "UPDATE reservations SET status = :to, payment_status = :payment, "
                           "payment_method = coalesce(nullif(:method, ''), payment_method), "
                           "paid_by = coalesce(nullif(:paid_by, ''), paid_by) "
                           "WHERE id = :id AND status = :from",
            soci::use(to, "to"), soci::use(payment, "payment"), soci::use(method, "method"),
            soci::use(paid_by, "paid_by"), soci::use(id, "id"), soci::use(from, "from"))) {}

  std::string id, from, to, payment, method, paid_by;
  soci::statement st;
};

struct select_status {
  explicit select_status(soci::session& sql)
      : st((sql.prepare << "SELECT status FROM reservations WHERE id = :id", soci::use(id, "id"),
            soci::into(status))) {}

  std::string id, status;
  soci::statement st;
};

struct select_by_key {
  explicit select_by_key(soci::session& sql)
      : st((sql.prepare << "SELECT id FROM reservations WHERE user_id = :user "
                           "AND idempotency_key = :key",
            soci::use(user, "user"), soci::use(key, "key"), soci::into(id))) {}

  std::string user, key, id;
  soci::statement st;
};

struct put_event {
  explicit put_event(soci::session& sql)
      : st((
          sql.prepare << "INSERT INTO events(id, title, venue, address, event_date, sale_start, "
                         "sale_end, cancelled, artist_id, artist_name, layout_id, layout_config, "
                         "poster_url) "
                         "VALUES (:id, :title, :venue, :address, :date, :start, :end, "
                         ":cancelled, nullif(:artist, ''), :artist_name, nullif(:layout, ''), "
                         ":config, :poster) ON CONFLICT (id) DO UPDATE SET title = excluded.title, "
                         "venue = excluded.venue, address = excluded.address, "
                         "event_date = excluded.event_date, sale_start = excluded.sale_start, "
                         "sale_end = excluded.sale_end, cancelled = excluded.cancelled, "
                         "artist_id = excluded.artist_id, artist_name = excluded.artist_name, "
                         "layout_id = excluded.layout_id, "
                         "layout_config = excluded.layout_config, "
                         "poster_url = excluded.poster_url",
          soci::use(id, "id"), soci::use(title, "title"), soci::use(venue, "venue"),
          soci::use(address, "address"), soci::use(date, "date"), soci::use(start, "start"),
          soci::use(end, "end"), soci::use(cancelled, "cancelled"), soci::use(artist, "artist"),
          soci::use(artist_name, "artist_name"), soci::use(layout, "layout"),
          soci::use(config, "config"), soci::use(poster, "poster"))) {}

  std::string id, title, venue, address, artist, artist_name, layout, config, poster;
  long long date = 0;
  long long start = 0;
  long long end = 0;
  int cancelled = 0;
  soci::statement st;
};

struct put_layout {
  explicit put_layout(soci::session& sql)
      : st((sql.prepare << "INSERT INTO seat_layouts(id, name, description, total_seats, config) "
                           "VALUES (:id, :name, :description, :total, :config) "
                           "ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
                           "description = excluded.description, "
                           "total_seats = excluded.total_seats, config = excluded.config",
            soci::use(id, "id"), soci::use(name, "name"), soci::use(description, "description"),
            soci::use(total, "total"), soci::use(config, "config"))) {}

  std::string id, name, description, config;
  int total = 0;
  soci::statement st;
};

struct put_seat {
  explicit put_seat(soci::session& sql)
      : st((sql.prepare << "INSERT INTO seats(id, event_id, section, row_number, seat_number, "
                           "seat_label, price, status, version, fencing_token, holder) VALUES "
                           "(:id, :event, :section, :row, :number, :label, :price, :status, "
                           ":version, :token, nullif(:holder, '')) ON CONFLICT DO NOTHING",
            soci::use(id, "id"), soci::use(event, "event"), soci::use(section, "section"),
            soci::use(row, "row"), soci::use(number, "number"), soci::use(label, "label"),
            soci::use(price, "price"), soci::use(status, "status"), soci::use(version, "version"),
            soci::use(token, "token"), soci::use(holder, "holder"))) {}

  std::string id, event, section, label, status, holder;
  int row = 0;
  int number = 0;
  long long price = 0;
  long long version = 0;
  long long token = 0;
  soci::statement st;
};

/// The rows that a new plan of the event's seats is compared with.
struct seats_as_planned {
  explicit seats_as_planned(soci::session& sql)
      : st((sql.prepare << "SELECT id, status, price, retired FROM seats WHERE event_id = :event",
            soci::use(event, "event"), soci::into(id), soci::into(status), soci::into(price),
            soci::into(retired))) {}

  std::string event, id, status;
  long long price = 0;
  int retired = 0;
  soci::statement st;
};

/// Only while nobody has it: whoever has a seat has it at the price of then.
struct plan_seat {
  explicit plan_seat(soci::session& sql)
      : st((sql.prepare << "UPDATE seats SET retired = :retired, price = :price WHERE id = :id "
                           "AND status = 'available'",
            soci::use(retired, "retired"), soci::use(price, "price"), soci::use(id, "id"))) {}

  std::string id;
  long long price = 0;
  int retired = 0;
  soci::statement st;
};

/// An existing type keeps what it has sold: its total never falls below that.
struct update_type {
  explicit update_type(soci::session& sql)
      : st(
          (sql.prepare << "UPDATE ticket_types SET name = :name, description = :description, "
                          "price = :price, total_quantity = CASE "
                          "WHEN :total > total_quantity - available_quantity THEN :total "
                          "ELSE total_quantity - available_quantity END, available_quantity = CASE "
                          "WHEN :total > total_quantity - available_quantity "
                          "THEN :total - (total_quantity - available_quantity) ELSE 0 END "
                          "WHERE id = :id",
           soci::use(name, "name"), soci::use(description, "description"),
           soci::use(price, "price"), soci::use(total, "total"), soci::use(id, "id"))) {}

  std::string id, name, description;
  long long price = 0;
  int total = 0;
  soci::statement st;
};

struct insert_type {
  explicit insert_type(soci::session& sql)
      : st((sql.prepare << "INSERT INTO ticket_types(id, event_id, name, description, price, "
                           "total_quantity, available_quantity) VALUES (:id, :event, :name, "
                           ":description, :price, :total, :available)",
            soci::use(id, "id"), soci::use(event, "event"), soci::use(name, "name"),
            soci::use(description, "description"), soci::use(price, "price"),
            soci::use(total, "total"), soci::use(available, "available"))) {}

  std::string id, event, name, description;
  long long price = 0;
  int total = 0;
  int available = 0;
  soci::statement st;
};

// -- writing -------------------------------------------------------------------------------------

/// The outcome of one command inside a transaction that is still open.
struct applied_command {
  ticket_written outcome;
  bool dirty = false; ///< rejected, but something of it is written already
};

/// A hall as it is to be, laid out before the transaction begins.
struct hall_plan {
  explicit hall_plan(const change_catalog& command) {
    if (!command.whole_plan)
      return;
    seats.reserve(command.seats.size());
    for (const auto& seat : command.seats)
      seats.emplace(to_string(seat.id), planned{seat.price, false});
  }

  struct planned {
    std::int64_t price = 0;
    bool exists = false; ///< as a row
  };

  std::unordered_map<std::string, planned> seats;
};

class sql_ticket_writes final : public ticket_writes {
public:
  sql_ticket_writes(database db, environment& env) : db_(std::move(db)), env_(env) {}

  std::vector<ticket_written> commit(std::vector<ticket_write>& batch) override {
    std::vector<ticket_written> out(batch.size());
    try {
      if (broken_) {
        if (!db_.reconnect())
          return out;
        broken_ = false;
      }
      bool careful = false;
      for (int tries = 0; tries < tries_max; ++tries)
        switch (run_batch(batch, out, careful)) {
        case batch_end::finished:
          return out;
        case batch_end::undone:
          careful = true;
          break;
        case batch_end::collided:
          break;
        }
      for (auto& o : out) // each time something else was in the way
        o = {};
    } catch (...) { // out of memory: the transaction was rolled back on the way
      broken_ = true;
      for (auto& o : out)
        o = {};
    }
    return out;
  }

private:
  static constexpr int tries_max = 5;

  enum class batch_end {
    finished,
    undone,   ///< a command was rejected after it had written something
    collided, ///< with another writer: worth the same again
  };

  /// One transaction. `careful` undoes rejected commands one by one instead of all of them.
  batch_end run_batch(std::vector<ticket_write>& batch, std::vector<ticket_written>& out,
                      bool careful) {
    bool committing = false;
    halls_.clear();
    changed_.clear();
    try {
      const bool together = db_.kind() == dialect::postgresql && !careful;
      if (together && are_fresh_holds(batch)) {
        db_.check_may_write();
        for (auto& o : out)
          o.status = commit_status::committed;
        committing = true;
        if (commit_holds(db_, batch))
          return batch_end::finished;
        committing = false;
        for (auto& o : out)
          o = {};
      }
      // A transaction in which nothing is said for long is ended by the server.
      for (const auto& write : batch)
        if (const auto* change = std::get_if<change_catalog>(&write.command))
          halls_.emplace(change, *change);
      transaction tx(db_);
      if (together && !apply_together(batch, out))
        return batch_end::undone;
      for (std::size_t i = 0; i < batch.size() && !together; ++i) {
        if (careful)
          db_.session() << "SAVEPOINT command";
        auto done = apply_guarded(batch[i]);
        out[i] = std::move(done.outcome);
        if (done.dirty) {
          if (batch.size() == 1)
            return batch_end::finished; // nothing else would be committed
          if (!careful)
            return batch_end::undone;
          db_.session() << "ROLLBACK TO SAVEPOINT command";
        }
        if (careful)
          db_.session() << "RELEASE SAVEPOINT command";
      }
      // Last, because it locks the one row that all who change a hall write.
      for (const auto& event : changed_)
        add_news(db_, event);
      committing = true;
      tx.commit();
    } catch (const std::exception& e) {
      const bool rule = is_constraint_violation(e, db_.kind());
      if (is_transient(e, db_.kind()) || (rule && !careful && !committing)) {
        db_.forget_prepared();
        return rule ? batch_end::undone : batch_end::collided;
      }
      spdlog::warn("ticket store: {}", cause_of(e));
      const bool doubt = committing && leaves_doubt(e, db_.kind());
      db_.forget_prepared();
      broken_ = true;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const bool wrote = out[i].status == commit_status::committed
                           && !std::holds_alternative<look_up>(batch[i].command);
        // A rejection may rest on what this transaction wrote, so it does not stand either.
        out[i] = {};
        if (doubt && wrote)
          out[i].status = commit_status::unknown;
      }
    }
    return batch_end::finished;
  }

  /// PostgreSQL: in order, but what belongs to the sale in one piece where it stands together.
  /// False: undo it all.
  bool apply_together(const std::vector<ticket_write>& batch, std::vector<ticket_written>& out) {
    const std::span<const ticket_write> all{batch};
    for (std::size_t i = 0; i < all.size();) {
      std::size_t end = i;
      while (end < all.size() && fits_batch(all[end]))
        ++end;
      if (end > i) {
        auto done = apply_batch(db_, all.subspan(i, end - i), env_.now());
        if (!done)
          return false;
        std::move(done->begin(), done->end(), out.begin() + static_cast<std::ptrdiff_t>(i));
        i = end;
        continue;
      }
      db_.session() << "SAVEPOINT command";
      auto done = apply_guarded(all[i]);
      out[i] = std::move(done.outcome);
      if (done.dirty)
        db_.session() << "ROLLBACK TO SAVEPOINT command";
      db_.session() << "RELEASE SAVEPOINT command";
      ++i;
    }
    return true;
  }

  applied_command apply_guarded(const ticket_write& write) {
    try {
      return std::visit([this](const auto& command) { return apply(command); }, write.command);
    } catch (const std::exception& e) {
      if (!is_constraint_violation(e, db_.kind()))
        throw;
      // A command that breaks the schema's rules must not take its batch with it.
      spdlog::error("ticket store refused a command: {}", cause_of(e));
      db_.forget_prepared();
      applied_command done;
      done.outcome.status = commit_status::rejected;
      done.dirty = true;
      return done;
    }
  }

  applied_command apply(const create_reservation& command) {
    const auto& r = command.reservation;
    const auto id = to_string(r.id);
    const auto event = to_string(r.event);
    ticket_written out;
    bool wrote = false;
    for (const auto& item : r.items) {
      if (!item.seat.is_nil()) {
        auto& q = db_.prepared<hold_seat>();
        q.id = to_string(item.seat);
        q.event = event;
        q.holder = id;
        q.version = item.seat_version;
        q.before = q.version - 1;
        q.token = static_cast<long long>(item.token);
        if (run(q.st) == 1)
          wrote = true;
        else
          out.conflicts.push_back(item.seat);
      } else {
        auto& q = db_.prepared<take_stock>();
        q.id = to_string(item.ticket_type);
        q.event = event;
        q.quantity = item.quantity;
        if (item.quantity > 0 && run(q.st) == 1)
          wrote = true;
        else
          out.sold_out.push_back(item.ticket_type);
      }
    }
    if (!out.conflicts.empty() || !out.sold_out.empty())
      return reject(command, std::move(out), wrote);

    auto& q = db_.prepared<insert_reservation>();
    q.id = id;
    q.user = to_string(r.user);
    q.event = event;
    q.number = r.number;
    q.amount = r.total_amount;
    q.status = to_string(r.status);
    q.payment = to_string(r.payment);
    q.method = r.payment_method;
    q.paid_by = id_text(r.paid_by);
    q.key = command.idempotency_key;
    q.created = to_millis(r.created_at);
    q.expires = to_millis(r.expires_at);
    if (run(q.st) != 1)
      return reject(command, std::move(out), wrote);

    int line = 0;
    for (const auto& item : r.items) {
      auto& i = db_.prepared<insert_item>();
      i.reservation = id;
      i.line = ++line;
      i.seat = id_text(item.seat);
      i.type = id_text(item.ticket_type);
      i.quantity = item.quantity;
      i.price = item.unit_price;
      i.token = static_cast<long long>(item.token);
      i.version = item.seat_version;
      run(i.st);
    }
    append_outbox(db_, command.events);
    out.status = commit_status::committed;
    return {std::move(out), false};
  }

  applied_command reject(const create_reservation& command, ticket_written out, bool wrote) {
    out.status = commit_status::rejected;
    out.found = status_of(command.reservation.id);
    if (!command.idempotency_key.empty()) {
      auto& q = db_.prepared<select_by_key>();
      q.user = to_string(command.reservation.user);
      q.key = command.idempotency_key;
      if (one(q.st))
        out.same_key = text_id<reservation_id>(q.id);
    }
    return {std::move(out), wrote};
  }

  applied_command apply(const change_reservation& command) {
    ticket_written out;
    if (!command.message.is_nil() && is_processed(db_, consumer, command.message)) {
      out.status = commit_status::committed;
      out.duplicate = true;
      return {std::move(out), false};
    }
    const auto id = to_string(command.reservation);
    if (!change_listing(db_, command, out)) {
      out.status = commit_status::rejected;
      out.found = status_of(command.reservation);
      return {std::move(out), false};
    }
    auto& q = db_.prepared<update_reservation>();
    q.id = id;
    q.from = to_string(command.from);
    q.to = to_string(command.to);
    q.payment = to_string(command.payment);
    q.method = command.payment_method;
    q.paid_by = id_text(command.paid_by);
    if (run(q.st) != 1) {
      out.status = commit_status::rejected;
      out.found = status_of(command.reservation);
      return {std::move(out), command.listing.effect != listing_effect::keep};
    }
    if (command.from != command.to)
      move_stock(command, id, out);
    if (!out.conflicts.empty()) {
      out.status = commit_status::rejected;
      out.found = command.from;
      return {std::move(out), true};
    }
    if (!command.message.is_nil() && !mark_processed(db_, consumer, command.message, env_.now())) {
      out = {}; // another node has applied it since
      out.status = commit_status::committed;
      out.duplicate = true;
      return {std::move(out), true};
    }
    if (!command.history.action.empty()) {
      auto& h = db_.prepared<insert_history>();
      h.id = id;
      h.at = to_millis(command.history.at);
      h.action = command.history.action;
      h.detail = command.history.detail;
      run(h.st);
    }
    append_outbox(db_, command.events);
    out.status = commit_status::committed;
    return {std::move(out), false};
  }

  void move_stock(const change_reservation& command, const std::string& id, ticket_written& out) {
    for (const auto& item : command.items) {
      if (command.stock == stock_effect::sell && !item.seat.is_nil()) {
        auto& q = db_.prepared<sell_seat>();
        q.id = to_string(item.seat);
        q.holder = id;
        q.token = static_cast<long long>(item.token);
        if (run(q.st) != 1)
          out.conflicts.push_back(item.seat);
      } else if (command.stock == stock_effect::free && !item.seat.is_nil()) {
        auto& q = db_.prepared<free_seat>();
        q.id = to_string(item.seat);
        q.holder = id;
        run(q.st);
      } else if (command.stock == stock_effect::free) {
        auto& q = db_.prepared<return_stock>();
        q.id = to_string(item.ticket_type);
        q.quantity = item.quantity;
        run(q.st);
      }
    }
  }

  template <class Command>
  requires requires(database& db, const Command& c, bool& dirty) {
    apply_membership(db, c, time_point{}, dirty);
  }
  applied_command apply(const Command& command) {
    applied_command done;
    done.outcome = apply_membership(db_, command, env_.now(), done.dirty);
    return done;
  }

  applied_command apply(const change_catalog& command) {
    ticket_written out;
    out.status = commit_status::committed;
    if (!command.message.is_nil() && !mark_processed(db_, consumer, command.message, env_.now())) {
      out.duplicate = true;
      return {std::move(out), false};
    }
    const auto event = to_string(command.event.id);
    auto& e = db_.prepared<put_event>();
    e.id = event;
    e.title = command.event.title;
    e.venue = command.event.venue;
    e.address = command.event.address;
    e.date = to_millis(command.event.event_date);
    e.start = to_millis(command.event.sale_start);
    e.end = to_millis(command.event.sale_end);
    e.cancelled = command.event.cancelled ? 1 : 0;
    e.artist = id_text(command.event.artist);
    e.artist_name = command.event.artist_name;
    e.layout = id_text(command.event.layout);
    e.config = command.event.layout_config;
    e.poster = command.event.poster_url;
    run(e.st);
    changed_.insert(event);
    if (command.layout) {
      auto& l = db_.prepared<put_layout>();
      l.id = to_string(command.layout->id);
      l.name = command.layout->name;
      l.description = command.layout->description;
      l.total = command.layout->total_seats;
      l.config = command.layout->config;
      run(l.st);
    }
    auto& hall = halls_.at(&command).seats;
    const bool any_exist = command.whole_plan && settle_plan(event, hall);
    std::vector<const seat_row*> fresh;
    fresh.reserve(command.seats.size());
    for (const auto& seat : command.seats)
      if (!any_exist || !hall.at(to_string(seat.id)).exists)
        fresh.push_back(&seat);
    put_seats(event, fresh);
    for (const auto& type : command.types) {
      auto& known = db_.prepared<update_type>();
      known.id = to_string(type.id);
      known.name = type.name;
      known.description = type.description;
      known.price = type.price;
      known.total = type.total;
      if (run(known.st) == 1)
        continue;
      auto& t = db_.prepared<insert_type>();
      t.id = known.id;
      t.event = event;
      t.name = type.name;
      t.description = type.description;
      t.price = type.price;
      t.total = type.total;
      t.available = type.available;
      run(t.st);
    }
    return {std::move(out), false};
  }

  void put_seats(const std::string& event, const std::vector<const seat_row*>& seats) {
    if (db_.kind() == dialect::postgresql) {
      insert_seats(db_, event, seats);
      return;
    }
    for (const auto* seat : seats) {
      auto& s = db_.prepared<put_seat>();
      s.id = to_string(seat->id);
      s.event = event;
      s.section = seat->section;
      s.row = seat->row;
      s.number = seat->number;
      s.label = seat->label;
      s.price = seat->price;
      s.status = to_string(seat->status);
      s.version = seat->version;
      s.token = static_cast<long long>(seat->token);
      s.holder = id_text(seat->holder);
      run(s.st);
    }
  }

  /// Brings the rows that exist into line with the plan, and marks them there. False: there are
  /// none.
  bool settle_plan(const std::string& event,
                   std::unordered_map<std::string, hall_plan::planned>& plan) {
    for (auto& [id, seat] : plan) // by an attempt that was undone
      seat.exists = false;
    bool any = false;
    std::vector<planned_seat> changes;
    auto& q = db_.prepared<seats_as_planned>();
    q.event = event;
    for (bool more = q.st.execute(true); more; more = q.st.fetch()) {
      any = true;
      const auto found = plan.find(q.id);
      if (found != plan.end())
        found->second.exists = true;
      if (q.status != "available")
        continue;
      const int retired = found == plan.end() ? 1 : 0;
      const std::int64_t price = retired != 0 ? q.price : found->second.price;
      if (retired != q.retired || price != q.price)
        changes.push_back({q.id, price, retired != 0});
    }
    if (db_.kind() == dialect::postgresql) {
      plan_seats(db_, changes);
      return any;
    }
    for (const auto& change : changes) {
      auto& p = db_.prepared<plan_seat>();
      p.id = change.id;
      p.retired = change.retired ? 1 : 0;
      p.price = change.price;
      run(p.st);
    }
    return any;
  }

  applied_command apply(const look_up& command) {
    ticket_written out;
    out.status = commit_status::committed;
    out.found = status_of(command.reservation);
    return {std::move(out), false};
  }

  std::optional<reservation_status> status_of(reservation_id id) {
    auto& q = db_.prepared<select_status>();
    q.id = to_string(id);
    if (!one(q.st))
      return std::nullopt;
    return from_word(q.status, reservation_status::expired);
  }

  database db_;
  environment& env_;
  // Of the batch in hand:
  std::unordered_map<const change_catalog*, hall_plan> halls_;
  std::set<std::string> changed_; ///< events whose catalog entry changed
  bool broken_ = false;           ///< reconnect before the next batch
};

// -- reading -------------------------------------------------------------------------------------

/// All statements inside see the same committed state.
class snapshot {
public:
  explicit snapshot(database& db) : db_(db) {
    db_.session() << (db.kind() == dialect::sqlite
                          ? "BEGIN"
                          : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  }
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;
  ~snapshot() {
    try {
      db_.session() << "ROLLBACK"; // nothing was written
    } catch (const std::exception&) {
      db_.forget_prepared(); // the next statement will meet the broken connection
    }
  }

private:
  database& db_;
};

struct select_event {
  explicit select_event(soci::session& sql)
      : st((sql.prepare << "SELECT title, venue, address, event_date, sale_start, sale_end, "
                           "cancelled, coalesce(artist_id, ''), artist_name, "
                           "coalesce(layout_id, ''), layout_config FROM events WHERE id = :id",
            soci::use(id, "id"), soci::into(title), soci::into(venue), soci::into(address),
            soci::into(date), soci::into(start), soci::into(end), soci::into(cancelled),
            soci::into(artist), soci::into(artist_name), soci::into(layout), soci::into(config))) {}

  std::string id, title, venue, address, artist, artist_name, layout, config;
  long long date = 0;
  long long start = 0;
  long long end = 0;
  int cancelled = 0;
  soci::statement st;
};

struct select_seats {
  explicit select_seats(soci::session& sql)
      : st((sql.prepare << "SELECT id, section, row_number, seat_number, seat_label, price, "
                           "status, version, fencing_token, coalesce(holder, '') FROM seats "
                           "WHERE event_id = :event AND retired = 0 "
                           "ORDER BY section, row_number, seat_number",
            soci::use(event, "event"), soci::into(id), soci::into(section), soci::into(row),
            soci::into(number), soci::into(label), soci::into(price), soci::into(status),
            soci::into(version), soci::into(token), soci::into(holder))) {}

  std::string event, id, section, label, status, holder;
  int row = 0;
  int number = 0;
  long long price = 0;
  long long version = 0;
  long long token = 0;
  soci::statement st;
};

constexpr const char* type_columns =
    "SELECT id, event_id, name, description, price, total_quantity, available_quantity "
    "FROM ticket_types ";

struct select_types {
  select_types(soci::session& sql, const char* where)
      : st((sql.prepare << type_columns << where, soci::use(key, "key"), soci::into(id),
            soci::into(event), soci::into(name), soci::into(description), soci::into(price),
            soci::into(total), soci::into(available))) {}

  ticket_type_view row() const {
    ticket_type_view out;
    out.id = text_id<ticket_type_id>(id);
    out.event = text_id<event_id>(event);
    out.name = name;
    out.description = description;
    out.price = price;
    out.total = total;
    out.available = available;
    return out;
  }

  std::string key, id, event, name, description;
  long long price = 0;
  int total = 0;
  int available = 0;
  soci::statement st;
};

struct types_of_event : select_types {
  explicit types_of_event(soci::session& sql)
      : select_types(sql, "WHERE event_id = :key ORDER BY price DESC, name, id") {}
};

struct type_by_id : select_types {
  explicit type_by_id(soci::session& sql) : select_types(sql, "WHERE id = :key") {}
};

struct select_reservations {
  select_reservations(soci::session& sql, const char* where)
      : st((sql.prepare
                << "SELECT r.id, r.user_id, r.event_id, r.reservation_number, r.total_amount, "
                   "r.status, r.payment_status, r.payment_method, coalesce(r.paid_by, ''), "
                   "coalesce(r.idempotency_key, ''), r.created_at, r.expires_at, "
                   "coalesce(e.title, ''), coalesce(e.venue, ''), coalesce(e.address, ''), "
                   "coalesce(e.event_date, 0) FROM reservations r "
                   "LEFT JOIN events e ON e.id = r.event_id "
                << where,
            soci::use(key, "key"), soci::use(more, "more"), soci::into(id), soci::into(user),
            soci::into(event), soci::into(number), soci::into(amount), soci::into(status),
            soci::into(payment), soci::into(method), soci::into(paid_by), soci::into(idempotency),
            soci::into(created), soci::into(expires), soci::into(title), soci::into(venue),
            soci::into(address), soci::into(date))) {}

  reservation_view row() const {
    reservation_view out;
    out.id = text_id<reservation_id>(id);
    out.user = text_id<user_id>(user);
    out.event = text_id<event_id>(event);
    out.number = number;
    out.total_amount = amount;
    out.status = from_word(status, reservation_status::expired);
    out.payment = from_word(payment, payment_state::refunded);
    out.payment_method = method;
    out.paid_by = text_id<payment_id>(paid_by);
    out.created_at = from_millis(created);
    out.expires_at = from_millis(expires);
    out.event_title = title;
    out.venue = venue;
    out.address = address;
    out.event_date = from_millis(date);
    return out;
  }

  std::string key, more, id, user, event, number, status, payment, method, paid_by, idempotency,
      title, venue, address;
  long long amount = 0;
  long long created = 0;
  long long expires = 0;
  long long date = 0;
  soci::statement st;
};

struct reservation_by_id : select_reservations {
  explicit reservation_by_id(soci::session& sql)
      : select_reservations(sql, "WHERE r.id = :key AND :more = ''") {}
};

struct reservation_by_key : select_reservations {
  explicit reservation_by_key(soci::session& sql)
      : select_reservations(sql, "WHERE r.user_id = :key AND r.idempotency_key = :more") {}
};

struct reservations_by_user : select_reservations {
  explicit reservations_by_user(soci::session& sql)
      : select_reservations(sql, "WHERE r.user_id = :key ORDER BY r.created_at DESC, r.id DESC "
                                 "LIMIT CAST(:more AS INTEGER)") {}
};

struct pending_of_event : select_reservations {
  explicit pending_of_event(soci::session& sql)
      : select_reservations(sql, "WHERE r.event_id = :key AND r.status = 'pending' AND :more = '' "
                                 "ORDER BY r.id") {}
};

struct select_items {
  select_items(soci::session& sql, const char* where)
      : st((sql.prepare << "SELECT i.reservation_id, coalesce(i.seat_id, ''), "
                           "coalesce(i.ticket_type_id, ''), coalesce(s.seat_label, t.name, ''), "
                           "coalesce(s.section, ''), coalesce(s.row_number, 0), "
                           "coalesce(s.seat_number, 0), i.quantity, i.unit_price, i.fencing_token, "
                           "i.seat_version FROM reservation_items i "
                           "LEFT JOIN seats s ON s.id = i.seat_id "
                           "LEFT JOIN ticket_types t ON t.id = i.ticket_type_id "
                        << where,
            soci::use(key, "key"), soci::into(reservation), soci::into(seat), soci::into(type),
            soci::into(name), soci::into(section), soci::into(row), soci::into(number),
            soci::into(quantity), soci::into(price), soci::into(token), soci::into(version))) {}

  reservation_item item() const {
    reservation_item out;
    out.seat = text_id<seat_id>(seat);
    out.ticket_type = text_id<ticket_type_id>(type);
    out.name = name;
    out.section = section;
    out.row = row;
    out.number = number;
    out.quantity = quantity;
    out.unit_price = price;
    out.token = static_cast<std::uint64_t>(token);
    out.seat_version = static_cast<std::uint32_t>(version);
    return out;
  }

  std::string key, reservation, seat, type, name, section;
  int row = 0;
  int number = 0;
  int quantity = 1;
  long long price = 0;
  long long token = 0;
  long long version = 0;
  soci::statement st;
};

struct items_of_reservation : select_items {
  explicit items_of_reservation(soci::session& sql)
      : select_items(sql, "WHERE i.reservation_id = :key ORDER BY i.line") {}
};

struct items_of_pending : select_items {
  explicit items_of_pending(soci::session& sql)
      : select_items(sql, "WHERE i.reservation_id IN (SELECT id FROM reservations "
                          "WHERE event_id = :key AND status = 'pending') "
                          "ORDER BY i.reservation_id, i.line") {}
};

struct select_history {
  explicit select_history(soci::session& sql)
      : st((sql.prepare << "SELECT at, action, detail FROM reservation_history "
                           "WHERE reservation_id = :id ORDER BY position",
            soci::use(id, "id"), soci::into(at), soci::into(action), soci::into(detail))) {}

  std::string id, action, detail;
  long long at = 0;
  soci::statement st;
};

struct select_live_items {
  explicit select_live_items(soci::session& sql)
      : st((sql.prepare << "SELECT r.user_id, sum(i.quantity) FROM reservations r "
                           "JOIN reservation_items i ON i.reservation_id = r.id "
                           "WHERE r.event_id = :event AND r.status IN ('pending', 'confirmed') "
                           "GROUP BY r.user_id ORDER BY r.user_id",
            soci::use(event, "event"), soci::into(user), soci::into(count))) {}

  std::string event, user;
  long long count = 0;
  soci::statement st;
};

class sql_ticket_queries final : public ticket_queries {
public:
  explicit sql_ticket_queries(database db) : guard_(std::move(db), "ticket queries") {}

  result<event_snapshot> load_event(event_id id) override {
    return guard_.run<event_snapshot>([&]() -> result<event_snapshot> {
      snapshot same(guard_.db());
      const auto key = to_string(id);
      event_snapshot out;
      auto& e = guard_.db().prepared<select_event>();
      e.id = key;
      if (!one(e.st))
        return failure{errc::not_found, "Event not found"};
      out.event = {id,
                   e.title,
                   e.venue,
                   e.address,
                   from_millis(e.date),
                   from_millis(e.start),
                   from_millis(e.end),
                   e.cancelled != 0,
                   text_id<artist_id>(e.artist),
                   e.artist_name,
                   text_id<layout_id>(e.layout),
                   e.config,
                   {}};
      load_seats(key, out.seats);
      out.types = types(key);
      auto& p = guard_.db().prepared<pending_of_event>();
      p.key = key;
      for (bool more = p.st.execute(true); more; more = p.st.fetch()) {
        out.pending.push_back(p.row());
        out.pending_keys.push_back(p.idempotency);
      }
      // Both lists are in the order of the ids.
      auto at = out.pending.begin();
      auto& i = guard_.db().prepared<items_of_pending>();
      i.key = key;
      for (bool more = i.st.execute(true); more; more = i.st.fetch()) {
        const auto owner = text_id<reservation_id>(i.reservation);
        while (at != out.pending.end() && at->id != owner)
          ++at;
        if (at == out.pending.end())
          break;
        at->items.push_back(i.item());
      }
      auto& l = guard_.db().prepared<select_live_items>();
      l.event = key;
      for (bool more = l.st.execute(true); more; more = l.st.fetch())
        out.live_items.emplace_back(text_id<user_id>(l.user), static_cast<std::int32_t>(l.count));
      return out;
    });
  }

  result<std::vector<event_id>> event_ids() override {
    return ids("SELECT id FROM events ORDER BY id");
  }

  result<std::vector<event_id>> events_with_pending() override {
    return ids("SELECT event_id FROM reservations WHERE status = 'pending' "
               "UNION SELECT r.event_id FROM reservations r JOIN events e ON e.id = r.event_id "
               "WHERE r.status = 'confirmed' AND e.cancelled = 1 ORDER BY 1");
  }

  result<std::vector<reservation_id>> live_of_cancelled(event_id event,
                                                        std::int32_t limit) override {
    return guard_.run<std::vector<reservation_id>>([&] {
      std::vector<reservation_id> out;
      std::string id;
      const auto key = to_string(event);
      const int most = limit;
      soci::statement st =
          (guard_.db().session().prepare << "SELECT r.id FROM reservations r "
                                            "JOIN events e ON e.id = r.event_id "
                                            "WHERE r.event_id = :event AND e.cancelled = 1 "
                                            "AND r.status IN ('pending', 'confirmed') "
                                            "ORDER BY r.id LIMIT :most",
           soci::use(key, "event"), soci::use(most, "most"), soci::into(id));
      for (st.execute(); st.fetch();)
        out.push_back(text_id<reservation_id>(id));
      return out;
    });
  }

  result<std::optional<reservation_view>> find_reservation(reservation_id id) override {
    return guard_.run<std::optional<reservation_view>>([&] {
      snapshot same(guard_.db());
      auto& q = guard_.db().prepared<reservation_by_id>();
      q.key = to_string(id);
      return whole(q);
    });
  }

  result<std::optional<reservation_view>> find_by_key(user_id user,
                                                      const std::string& key) override {
    return guard_.run<std::optional<reservation_view>>([&]() -> std::optional<reservation_view> {
      if (key.empty())
        return std::nullopt;
      snapshot same(guard_.db());
      auto& q = guard_.db().prepared<reservation_by_key>();
      q.key = to_string(user);
      q.more = key;
      return whole(q);
    });
  }

  result<std::vector<reservation_view>> reservations_of(user_id user, std::int32_t limit) override {
    return guard_.run<std::vector<reservation_view>>([&] {
      snapshot same(guard_.db());
      std::vector<reservation_view> out;
      auto& q = guard_.db().prepared<reservations_by_user>();
      q.key = to_string(user);
      q.more = std::to_string(std::max(limit, 0));
      for (bool more = q.st.execute(true); more; more = q.st.fetch())
        out.push_back(q.row());
      for (auto& r : out)
        r.items = items(r.id);
      return out;
    });
  }

  result<std::vector<ticket_type_view>> ticket_types(event_id event) override {
    return guard_.run<std::vector<ticket_type_view>>([&] { return types(to_string(event)); });
  }

  result<std::optional<ticket_type_view>> ticket_type(ticket_type_id id) override {
    return guard_.run<std::optional<ticket_type_view>>([&]() -> std::optional<ticket_type_view> {
      auto& q = guard_.db().prepared<type_by_id>();
      q.key = to_string(id);
      if (!one(q.st))
        return std::nullopt;
      return q.row();
    });
  }

  result<std::vector<layout_view>> layouts() override {
    return guard_.run<std::vector<layout_view>>([&] {
      std::vector<layout_view> out;
      std::string id;
      layout_view row;
      int total = 0;
      soci::statement st =
          (guard_.db().session().prepare << "SELECT id, name, description, total_seats, config "
                                            "FROM seat_layouts ORDER BY total_seats, name, id",
           soci::into(id), soci::into(row.name), soci::into(row.description), soci::into(total),
           soci::into(row.config));
      for (st.execute(); st.fetch();) {
        row.id = text_id<layout_id>(id);
        row.total_seats = total;
        out.push_back(row);
      }
      return out;
    });
  }

private:
  void load_seats(const std::string& event, std::vector<seat_row>& out) {
    auto& q = guard_.db().prepared<select_seats>();
    q.event = event;
    for (bool more = q.st.execute(true); more; more = q.st.fetch()) {
      auto& s = out.emplace_back();
      s.id = text_id<seat_id>(q.id);
      s.section = q.section;
      s.row = q.row;
      s.number = q.number;
      s.label = q.label;
      s.price = q.price;
      s.status = from_word(q.status, seat_status::reserved);
      s.version = static_cast<std::uint32_t>(q.version);
      s.token = static_cast<std::uint64_t>(q.token);
      s.holder = text_id<reservation_id>(q.holder);
    }
  }

  std::vector<ticket_type_view> types(const std::string& event) {
    std::vector<ticket_type_view> out;
    auto& q = guard_.db().prepared<types_of_event>();
    q.key = event;
    for (bool more = q.st.execute(true); more; more = q.st.fetch())
      out.push_back(q.row());
    return out;
  }

  std::vector<reservation_item> items(reservation_id id) {
    std::vector<reservation_item> out;
    auto& q = guard_.db().prepared<items_of_reservation>();
    q.key = to_string(id);
    for (bool more = q.st.execute(true); more; more = q.st.fetch())
      out.push_back(q.item());
    return out;
  }

  std::optional<reservation_view> whole(select_reservations& q) {
    if (!one(q.st))
      return std::nullopt;
    auto out = q.row();
    out.items = items(out.id);
    load_resale(guard_.db(), out);
    out.history.push_back({out.created_at, "created", ""});
    auto& h = guard_.db().prepared<select_history>();
    h.id = to_string(out.id);
    for (bool more = h.st.execute(true); more; more = h.st.fetch())
      out.history.push_back({from_millis(h.at), h.action, h.detail});
    return out;
  }

  result<std::vector<event_id>> ids(const char* sql) {
    return guard_.run<std::vector<event_id>>([&] {
      std::vector<event_id> out;
      std::string id;
      soci::statement st = (guard_.db().session().prepare << sql, soci::into(id));
      for (st.execute(); st.fetch();)
        out.push_back(text_id<event_id>(id));
      return out;
    });
  }
  query_guard guard_;
};

} // namespace

std::shared_ptr<ticket_writes> make_ticket_writes(database db, environment& env) {
  db.find_by_key();
  return std::make_shared<sql_ticket_writes>(std::move(db), env);
}

std::unique_ptr<ticket_queries> make_ticket_queries(database db) {
  return std::make_unique<sql_ticket_queries>(std::move(db));
}

} // namespace tiketi::sql
