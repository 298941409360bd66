#include "storage/sql/database.hpp"
#include "storage/sql/outbox_insert.hpp"
#include "storage/sql/postgresql.hpp"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace tiketi::sql {

namespace {

struct insert_event {
  explicit insert_event(soci::session& sql)
      : st((sql.prepare << "INSERT INTO outbox(event_id, topic, key, type, version, occurred_at, "
                           "trace, payload) VALUES (:i, :t, :k, :y, :v, :o, :r, :p)",
            soci::use(id), soci::use(topic), soci::use(key), soci::use(type), soci::use(version),
            soci::use(occurred_at), soci::use(trace), soci::use(payload))) {}

  std::string id, topic, key, type, trace, payload;
  int version = 1;
  long long occurred_at = 0;
  soci::statement st;
};

// PostgreSQL gives out sequence numbers before a commit, so a reader may see 12 while 11 is still
// on its way, or will never come. Whoever appends, in whatever process, has this lock in common
// with the others until its transaction ends; nobody ever takes it alone, so nobody waits for it. A
// number that is missing belongs to a transaction that has the lock, or to none any more.
constexpr const char* append_lock = "7461647";

/// PostgreSQL: all of them in one request.
struct insert_events : server_statement {
  explicit insert_events(soci::session& sql)
      : server_statement(sql,
                         "WITH " + outbox_insert::take_lock() + " " + outbox_insert::insert(1)) {}
};

struct insert_processed {
  explicit insert_processed(soci::session& sql)
      : st((sql.prepare << "INSERT INTO processed_events(consumer, event_id, processed_at) "
                           "VALUES (:c, :e, :t) ON CONFLICT DO NOTHING",
            soci::use(consumer), soci::use(event), soci::use(at))) {}

  std::string consumer, event;
  long long at = 0;
  soci::statement st;
};

struct select_processed {
  explicit select_processed(soci::session& sql)
      : st((sql.prepare << "SELECT 1 FROM processed_events WHERE consumer = :c AND event_id = :e",
            soci::use(consumer), soci::use(event), soci::into(found))) {}

  std::string consumer, event;
  int found = 0;
  soci::statement st;
};

struct select_events {
  explicit select_events(soci::session& sql)
      : st((sql.prepare << "SELECT sequence, event_id, topic, key, type, version, occurred_at, "
                           "trace, payload FROM outbox WHERE sequence > :s ORDER BY sequence "
                           "LIMIT :l",
            soci::use(after), soci::use(limit), soci::into(sequence), soci::into(id),
            soci::into(topic), soci::into(key), soci::into(type), soci::into(version),
            soci::into(occurred_at), soci::into(trace), soci::into(payload))) {}

  long long after = 0;
  long long limit = 0;
  long long sequence = 0;
  long long occurred_at = 0;
  int version = 1;
  std::string id, topic, key, type, trace, payload;
  soci::statement st;
};

struct save_position {
  explicit save_position(soci::session& sql)
      : st((sql.prepare << "INSERT INTO outbox_cursors(consumer, sequence) VALUES (:c, :s) "
                           "ON CONFLICT (consumer) DO UPDATE SET sequence = excluded.sequence "
                           // From a node that has lost its turn to another one.
                           "WHERE excluded.sequence > outbox_cursors.sequence",
            soci::use(consumer), soci::use(sequence))) {}

  std::string consumer;
  long long sequence = 0;
  soci::statement st;
};

class sql_outbox_store final : public outbox_store {
public:
  explicit sql_outbox_store(database db) : db_(std::move(db)) {}

  result<std::vector<domain_event>> read(std::int64_t sequence, std::size_t limit) override {
    return guarded<std::vector<domain_event>>([&] {
      return db_.kind() == dialect::sqlite ? select(sequence, limit)
                                           : select_settled(sequence, limit);
    });
  }

  result<std::map<std::string, std::int64_t>> cursors() override {
    return guarded<std::map<std::string, std::int64_t>>([&] {
      std::map<std::string, std::int64_t> out;
      std::string consumer;
      long long sequence = 0;
      soci::statement st =
          (db_.session().prepare << "SELECT consumer, sequence FROM outbox_cursors",
           soci::into(consumer), soci::into(sequence));
      for (st.execute(); st.fetch();)
        out.emplace(consumer, sequence);
      return out;
    });
  }

  result<void> save_cursor(const std::string& consumer, std::int64_t sequence) override {
    return guarded<void>([&] {
      auto& q = db_.prepared<save_position>();
      q.consumer = consumer;
      q.sequence = sequence;
      run(q.st);
    });
  }

  result<void> set_aside(const std::string& consumer, const domain_event& event,
                         const std::string& reason, time_point now) override {
    return guarded<void>([&] {
      const auto id = to_string(event.id);
      const auto version = static_cast<int>(event.version);
      const long long occurred = to_millis(event.occurred_at);
      const long long at = to_millis(now);
      db_.session() << "INSERT INTO dead_events(consumer, event_id, topic, key, type, version, "
                       "occurred_at, payload, reason, dead_at) VALUES (:c, :e, :t, :k, :y, :v, "
                       ":o, :p, :r, :d) ON CONFLICT DO NOTHING",
          soci::use(consumer), soci::use(id), soci::use(event.topic), soci::use(event.key),
          soci::use(event.type), soci::use(version), soci::use(occurred), soci::use(event.payload),
          soci::use(reason), soci::use(at);
    });
  }

  result<void> purge(time_point before) override {
    return guarded<void>([&] {
      long long consumers = 0;
      long long applied = 0;
      db_.session() << "SELECT count(*), coalesce(min(sequence), 0) FROM outbox_cursors",
          soci::into(consumers), soci::into(applied);
      if (consumers == 0)
        return;
      const long long horizon = to_millis(before);
      long long end = applied + 1;
      long long first_young = 0;
      soci::statement young = (db_.session().prepare << "SELECT sequence FROM outbox WHERE "
                                                        "occurred_at >= :h ORDER BY sequence "
                                                        "LIMIT 1",
                               soci::use(horizon), soci::into(first_young));
      if (one(young))
        end = std::min(end, first_young);
      long long begin = 0;
      db_.session() << "SELECT coalesce(min(sequence), 0) FROM outbox", soci::into(begin);
      // In pieces: the role's own commits wait for at most one of them.
      while (begin > 0 && begin < end) {
        const auto next = std::min(begin + 1000, end);
        db_.session() << "DELETE FROM outbox WHERE sequence < :n", soci::use(next);
        begin = next;
      }
    });
  }

private:
  std::vector<domain_event> select(std::int64_t sequence, std::size_t limit) {
    std::vector<domain_event> out;
    auto& q = db_.prepared<select_events>();
    q.after = sequence;
    q.limit = static_cast<long long>(limit);
    for (bool more = q.st.execute(true); more; more = q.st.fetch()) {
      domain_event e;
      e.id = parse_uuid(q.id).value_or(uuid{});
      e.sequence = q.sequence;
      e.topic = q.topic;
      e.key = q.key;
      e.type = q.type;
      e.version = static_cast<std::uint32_t>(q.version);
      e.occurred_at = from_millis(q.occurred_at);
      e.trace = q.trace;
      e.payload = q.payload;
      out.push_back(std::move(e));
    }
    return out;
  }

  /// Where a number is missing that may still come.
  std::vector<domain_event>::iterator gap(std::int64_t after, std::vector<domain_event>& events) {
    return std::find_if(events.begin(), events.end(), [&](const domain_event& e) {
      const bool next = e.sequence == after + 1 || e.sequence <= settled_;
      after = e.sequence;
      return !next;
    });
  }

  /// What stands behind a gap is kept back until the gap is filled or will never be.
  std::vector<domain_event> select_settled(std::int64_t sequence, std::size_t limit) {
    auto out = select(sequence, limit);
    auto end = gap(sequence, out);
    if (end != out.end() && settle(out.back().sequence)) {
      out = select(sequence, limit);
      end = gap(sequence, out);
    }
    out.erase(end, out.end());
    return out;
  }

  /// True: `settled_`, up to which every number is either there or will never be, has grown.
  /// Whoever was given a number up to `last` had the lock by then: those of them who still have it
  /// are waited for, one call after the other, and newer ones are not.
  bool settle(std::int64_t last) {
    const auto before = settled_;
    const auto appending = transactions_that_append();
    std::erase_if(before_last_, [&](const auto& x) { return !appending.contains(x); });
    if (before_last_.empty())
      settled_ = std::max(settled_, std::exchange(last_, 0));
    if (before_last_.empty() && last > settled_) {
      before_last_ = appending;
      (before_last_.empty() ? settled_ : last_) = last;
    }
    return settled_ > before;
  }

  std::set<std::string> transactions_that_append() {
    std::set<std::string> out;
    std::string who;
    soci::statement st =
        (db_.session().prepare
             << "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND classid = "
                "0 AND objid = "
             << append_lock
             << " AND granted AND database = (SELECT oid FROM pg_database WHERE datname = "
                "current_database())",
         soci::into(who));
    for (st.execute(); st.fetch();)
      out.insert(who);
    return out;
  }

  /// A failed call leaves a fresh connection behind for the next one.
  template <class T, class F>
  result<T> guarded(F f) {
    if (!connected_) {
      if (auto again = reconnect(); !again)
        return again.error();
    }
    try {
      if constexpr (std::is_void_v<T>) {
        f();
        return {};
      } else {
        return f();
      }
    } catch (const std::exception& e) {
      db_.forget_prepared();
      connected_ = false;
      return failure{errc::unavailable, "outbox: " + cause_of(e)};
    }
  }

  result<void> reconnect() {
    auto done = db_.reconnect();
    connected_ = done.has_value();
    if (connected_)
      relax();
    return done;
  }

  void relax() {
    try {
      if (db_.kind() == dialect::sqlite)
        db_.session() << "PRAGMA synchronous = NORMAL";
      else
        db_.session() << "SET synchronous_commit = off";
    } catch (const std::exception&) {
      // Then cursors are saved more slowly.
    }
  }

  database db_;
  // PostgreSQL: up to where every number is settled; up to where it is being found out (0: nothing
  // is), and who may still commit one up to there.
  std::int64_t settled_ = 0;
  std::int64_t last_ = 0;
  std::set<std::string> before_last_;
  bool connected_ = false; // the first call opens its own, relaxed connection
};

} // namespace

std::string outbox_insert::take_lock() {
  return fmt::format("appending AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({}))",
                     append_lock);
}

/// The rows get their numbers in the order of the arrays.
std::string outbox_insert::insert(std::size_t first) {
  std::string arrays;
  for (const char* type :
       {"VARCHAR", "TEXT", "TEXT", "TEXT", "INTEGER", "BIGINT", "TEXT", "TEXT"}) {
    if (!arrays.empty())
      arrays += ", ";
    arrays += fmt::format("CAST(${} AS {}[])", first++, type);
  }
  return "INSERT INTO outbox(event_id, topic, key, type, version, occurred_at, trace, payload) "
         "SELECT event_id, topic, key, type, version, occurred_at, trace, payload FROM unnest("
         + arrays
         + ") WITH ORDINALITY AS n(event_id, topic, key, type, version, occurred_at, trace, "
           "payload, place), appending ORDER BY place";
}

std::vector<std::string> outbox_insert::values(std::span<const domain_event> events) {
  std::vector<array_text> columns(parameters);
  for (const auto& e : events) {
    columns[0].add(to_string(e.id));
    columns[1].add(e.topic);
    columns[2].add(e.key);
    columns[3].add(e.type);
    columns[4].add(std::int64_t{e.version});
    columns[5].add(to_millis(e.occurred_at));
    columns[6].add(e.trace);
    columns[7].add(e.payload);
  }
  return take_all(columns);
}

void append_outbox(database& db, std::span<const domain_event> events) {
  if (events.empty())
    return;
  if (db.kind() == dialect::postgresql) {
    db.prepared<insert_events>().run(outbox_insert::values(events));
    return;
  }
  auto& q = db.prepared<insert_event>();
  for (const auto& e : events) {
    q.id = to_string(e.id);
    q.topic = e.topic;
    q.key = e.key;
    q.type = e.type;
    q.version = static_cast<int>(e.version);
    q.occurred_at = to_millis(e.occurred_at);
    q.trace = e.trace;
    q.payload = e.payload;
    run(q.st);
  }
}

bool mark_processed(database& db, std::string_view consumer, const uuid& event, time_point now) {
  auto& q = db.prepared<insert_processed>();
  q.consumer = consumer;
  q.event = to_string(event);
  q.at = to_millis(now);
  return run(q.st) == 1;
}

bool is_processed(database& db, std::string_view consumer, const uuid& event) {
  auto& q = db.prepared<select_processed>();
  q.consumer = consumer;
  q.event = to_string(event);
  return one(q.st);
}

std::unique_ptr<outbox_store> make_outbox_store(database db) {
  return std::make_unique<sql_outbox_store>(std::move(db));
}

} // namespace tiketi::sql
