#include "storage/sql/news_store.hpp"

#include "storage/sql/query_guard.hpp"

#include <string>
#include <utility>

namespace tiketi::sql {

namespace {

struct raise_version {
  explicit raise_version(soci::session& sql)
      : st((sql.prepare << "UPDATE news SET version = version + 1 WHERE id = 1")) {}

  soci::statement st;
};

struct note_event {
  explicit note_event(soci::session& sql)
      : st((sql.prepare << "INSERT INTO event_news(event_id, version) "
                           "SELECT CAST(:e AS VARCHAR(36)), version FROM news WHERE id = 1 "
                           "ON CONFLICT (event_id) DO UPDATE SET version = excluded.version",
            soci::use(event))) {}

  std::string event;
  soci::statement st;
};

struct select_version {
  explicit select_version(soci::session& sql)
      : st((sql.prepare << "SELECT version FROM news WHERE id = 1", soci::into(version))) {}

  long long version = 0;
  soci::statement st;
};

struct select_events_since {
  explicit select_events_since(soci::session& sql)
      : st((sql.prepare << "SELECT event_id, version FROM event_news WHERE version > :a "
                           "ORDER BY version",
            soci::use(after), soci::into(event), soci::into(version))) {}

  std::string event;
  long long after = 0;
  long long version = 0;
  soci::statement st;
};

/// Milliseconds since 1970 by the database's clock: those of the nodes may differ.
const char* clock_of(dialect kind) {
  return kind == dialect::postgresql
             ? "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"
             : "CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)";
}

class sql_news_store final : public news_store {
public:
  sql_news_store(database db, bool of_events)
      : guard_(std::move(db), "news"), of_events_(of_events) {}

  result<std::int64_t> version() override {
    return guard_.run<std::int64_t>([&] { return present(); });
  }

  result<news> since(std::int64_t after) override {
    return guard_.run<news>([&] {
      news out{after, {}};
      if (!of_events_) {
        out.version = present();
        return out;
      }
      // Versions are visible in their order, so the last one read is how far it goes.
      auto& q = guard_.db().prepared<select_events_since>();
      q.after = after;
      for (bool more = q.st.execute(true); more; more = q.st.fetch()) {
        out.events.push_back(text_id<event_id>(q.event));
        out.version = q.version;
      }
      return out;
    });
  }

  result<void> take_in(const std::string& node, std::int64_t version) override {
    return write([&](soci::session& sql) {
      const long long seen = version;
      sql << "INSERT INTO news_readers(node, version, seen_at) VALUES (:n, :v, "
          << clock_of(guard_.db().kind())
          << ") ON CONFLICT (node) DO UPDATE SET version = excluded.version, seen_at = "
             "excluded.seen_at",
          soci::use(node), soci::use(seen);
    });
  }

  result<void> leave(const std::string& node) override {
    return write([&](soci::session& sql) {
      sql << "DELETE FROM news_readers WHERE node = :n", soci::use(node);
    });
  }

  result<std::int64_t> known_to_all(milliseconds alive) override {
    return guard_.run<std::int64_t>([&] {
      long long out = 0;
      const long long span = alive.count();
      guard_.db().session() << "SELECT coalesce((SELECT min(version) FROM news_readers WHERE "
                               "seen_at > "
                            << clock_of(guard_.db().kind())
                            << " - :s), (SELECT version FROM news WHERE id = 1))",
          soci::use(span), soci::into(out);
      return std::int64_t{out};
    });
  }

private:
  std::int64_t present() {
    auto& q = guard_.db().prepared<select_version>();
    one(q.st);
    return q.version;
  }

  template <class F>
  result<void> write(F f) {
    const auto done = guard_.run<bool>([&] {
      f(guard_.db().session());
      return true;
    });
    if (!done)
      return done.error();
    return {};
  }

  query_guard guard_;
  bool of_events_;
};

} // namespace

void add_news(database& db) {
  run(db.prepared<raise_version>().st);
}

void add_news(database& db, const std::string& event) {
  add_news(db);
  auto& q = db.prepared<note_event>();
  q.event = event;
  run(q.st);
}

std::unique_ptr<news_store> make_news_store(database db, bool of_events) {
  return std::make_unique<sql_news_store>(std::move(db), of_events);
}

} // namespace tiketi::sql
