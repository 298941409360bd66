#include "storage/sql/queue_journal.hpp"

#include "storage/sql/query_guard.hpp"
#include "storage/sql/queue_batch.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tiketi::sql {

namespace {

using namespace queue;

// Every statement is prepared once per connection and bound to the members of its struct.

struct insert_waiting {
  explicit insert_waiting(soci::session& sql)
      : st((sql.prepare << "INSERT INTO queue_waiting(event_id, sequence, user_id) "
                           "VALUES (:e, :s, :u)",
            soci::use(event), soci::use(sequence), soci::use(user))) {}

  std::string event, user;
  long long sequence = 0;
  soci::statement st;
};

struct delete_waiting {
  explicit delete_waiting(soci::session& sql)
      : st((sql.prepare << "DELETE FROM queue_waiting WHERE event_id = :e AND sequence = :s",
            soci::use(event), soci::use(sequence))) {}

  std::string event;
  long long sequence = 0;
  soci::statement st;
};

struct upsert_active {
  explicit upsert_active(soci::session& sql)
      : st((sql.prepare << "INSERT INTO queue_active(event_id, user_id, expires_at, ends_at) "
                           "VALUES (:e, :u, :x, :n) ON CONFLICT (event_id, user_id) DO UPDATE "
                           "SET expires_at = excluded.expires_at, ends_at = excluded.ends_at",
            soci::use(event), soci::use(user), soci::use(expires), soci::use(ends))) {}

  std::string event, user;
  long long expires = 0;
  long long ends = 0;
  soci::statement st;
};

struct update_active {
  explicit update_active(soci::session& sql)
      : st((sql.prepare << "UPDATE queue_active SET expires_at = :x "
                           "WHERE event_id = :e AND user_id = :u",
            soci::use(expires), soci::use(event), soci::use(user))) {}

  std::string event, user;
  long long expires = 0;
  soci::statement st;
};

struct delete_active {
  explicit delete_active(soci::session& sql)
      : st((sql.prepare << "DELETE FROM queue_active WHERE event_id = :e AND user_id = :u",
            soci::use(event), soci::use(user))) {}

  std::string event, user;
  soci::statement st;
};

struct upsert_leaving {
  explicit upsert_leaving(soci::session& sql)
      : st((sql.prepare << "INSERT INTO queue_leaving(event_id, user_id, since_s) "
                           "VALUES (:e, :u, :s) ON CONFLICT (event_id, user_id) DO UPDATE "
                           "SET since_s = excluded.since_s",
            soci::use(event), soci::use(user), soci::use(since))) {}

  std::string event, user;
  long long since = 0;
  soci::statement st;
};

struct delete_leaving {
  explicit delete_leaving(soci::session& sql)
      : st((sql.prepare << "DELETE FROM queue_leaving WHERE event_id = :e AND user_id = :u",
            soci::use(event), soci::use(user))) {}

  std::string event, user;
  soci::statement st;
};

/// Runs the operations of one event, inside a transaction.
class op_runner {
public:
  op_runner(database& db, const event_id& event) : db_(db), event_(to_string(event)) {}

  void operator()(const join_line& op) {
    auto& q = db_.prepared<insert_waiting>();
    q.event = event_;
    q.sequence = static_cast<long long>(op.sequence);
    q.user = to_string(op.user);
    run(q.st);
    if (op.unmark)
      remove_leaving(op.user);
  }

  void operator()(const admit_user& op) {
    if (op.sequence != 0)
      remove_waiting(op.sequence);
    auto& q = db_.prepared<upsert_active>();
    q.event = event_;
    q.user = to_string(op.user);
    q.expires = to_millis(op.expires_at);
    q.ends = to_millis(op.ends_at);
    run(q.st);
    if (op.unmark)
      remove_leaving(op.user);
  }

  void operator()(const renew_slot& op) {
    auto& q = db_.prepared<update_active>();
    q.event = event_;
    q.user = to_string(op.user);
    q.expires = to_millis(op.expires_at);
    run(q.st);
  }

  void operator()(const mark_leaving& op) {
    auto& q = db_.prepared<upsert_leaving>();
    q.event = event_;
    q.user = to_string(op.user);
    q.since = op.since_s;
    run(q.st);
  }

  void operator()(const unmark_leaving& op) { remove_leaving(op.user); }

  void operator()(const drop_waiting& op) {
    remove_waiting(op.sequence);
    if (op.leaving)
      remove_leaving(op.user);
  }

  void operator()(const drop_active& op) {
    auto& q = db_.prepared<delete_active>();
    q.event = event_;
    q.user = to_string(op.user);
    run(q.st);
    if (op.leaving)
      remove_leaving(op.user);
  }

  void operator()(const set_limit& op) {
    const auto threshold = static_cast<long long>(op.threshold);
    db_.session() << "INSERT INTO queue_limits(event_id, threshold) VALUES (:e, :t) "
                     "ON CONFLICT (event_id) DO UPDATE SET threshold = excluded.threshold",
        soci::use(event_), soci::use(threshold);
  }

  void operator()(const clear_line&) {
    for (const auto* table : {"queue_waiting", "queue_active", "queue_leaving"})
      db_.session() << "DELETE FROM " << table << " WHERE event_id = :e", soci::use(event_);
  }

  void operator()(const purge_expired& op) {
    const long long before = to_millis(op.before);
    db_.session() << "DELETE FROM queue_active WHERE event_id = :e AND expires_at <= :b",
        soci::use(event_), soci::use(before);
  }

private:
  void remove_waiting(std::uint64_t sequence) {
    auto& q = db_.prepared<delete_waiting>();
    q.event = event_;
    q.sequence = static_cast<long long>(sequence);
    run(q.st);
  }

  void remove_leaving(const user_id& user) {
    auto& q = db_.prepared<delete_leaving>();
    q.event = event_;
    q.user = to_string(user);
    run(q.st);
  }

  database& db_;
  std::string event_;
};

class sql_queue_writes final : public queue_writes {
public:
  explicit sql_queue_writes(database db) : db_(std::move(db)) {}

  std::vector<queue_written> commit(std::vector<queue_write>& batch) override {
    const auto all = [&](commit_status status) {
      return std::vector<queue_written>(batch.size(), queue_written{status});
    };
    if (!connected_) {
      connected_ = db_.reconnect().has_value();
      if (!connected_)
        return all(commit_status::failed);
    }
    bool committing = false;
    try {
      transaction tx{db_};
      queue_batch rows{db_};
      const bool together = db_.kind() == dialect::postgresql;
      std::vector<domain_event> events;
      for (auto& write : batch) {
        op_runner runner{db_, write.event};
        for (const auto& op : write.ops) {
          if (together && rows.take(write.event, op))
            continue;
          rows.write();
          std::visit(runner, op);
        }
        std::move(write.events.begin(), write.events.end(), std::back_inserter(events));
      }
      rows.write();
      append_outbox(db_, events);
      committing = true;
      tx.commit();
      return all(commit_status::committed);
    } catch (const std::exception& error) {
      // Statements are void after an error, and the transaction went with its scope.
      const bool doubt = committing && leaves_doubt(error, db_.kind());
      db_.forget_prepared();
      connected_ = db_.reconnect().has_value();
      return all(doubt ? commit_status::unknown : commit_status::failed);
    }
  }

private:
  database db_;
  bool connected_ = true;
};

struct select_waiting {
  explicit select_waiting(soci::session& sql)
      : st((sql.prepare << "SELECT sequence, user_id FROM queue_waiting WHERE event_id = :e AND "
                           "sequence > :s ORDER BY sequence LIMIT :l",
            soci::use(event), soci::use(after), soci::use(limit), soci::into(sequence),
            soci::into(user))) {}

  std::string event, user;
  long long after = 0;
  long long limit = 0;
  long long sequence = 0;
  soci::statement st;
};

class sql_queue_queries final : public queue_queries {
public:
  explicit sql_queue_queries(database db) : guard_(std::move(db), "queue journal") {}

  result<queue_page> load(const load_page& query) override {
    return guard_.run<queue_page>([&] {
      queue_page page;
      const auto event = to_string(query.event);
      // One snapshot for all of it.
      guard_.db().session() << "BEGIN";
      auto& q = guard_.db().prepared<select_waiting>();
      q.event = event;
      q.after = static_cast<long long>(query.after);
      q.limit = static_cast<long long>(query.limit);
      for (bool more = q.st.execute(true); more; more = q.st.fetch())
        page.waiting.push_back({user_id{id_of(q.user)}, static_cast<std::uint64_t>(q.sequence)});
      if (query.after == 0)
        read_rest(event, page);
      guard_.db().session() << "COMMIT";
      return page;
    });
  }

  result<busy_events> busy() override {
    return guard_.run<busy_events>([&] {
      busy_events out;
      std::string event;
      // Walks from event to event through the keys: a DISTINCT would read every waiting user.
      soci::statement st =
          (guard_.db().session().prepare
               << "WITH RECURSIVE line(event_id) AS ("
                  "SELECT min(event_id) FROM queue_waiting UNION ALL "
                  "SELECT (SELECT min(w.event_id) FROM queue_waiting w "
                  "WHERE w.event_id > line.event_id) FROM line WHERE line.event_id IS NOT NULL) "
                  "SELECT event_id FROM line WHERE event_id IS NOT NULL "
                  "UNION SELECT DISTINCT event_id FROM queue_active "
                  "UNION SELECT DISTINCT event_id FROM queue_leaving",
           soci::into(event));
      for (bool more = st.execute(true); more; more = st.fetch())
        out.events.push_back(event_id{id_of(event)});
      return out;
    });
  }

private:
  static uuid id_of(const std::string& text) { return parse_uuid(text).value_or(uuid{}); }

  void read_rest(const std::string& event, queue_page& page) {
    long long threshold = 0;
    soci::statement limit =
        (guard_.db().session().prepare << "SELECT threshold FROM queue_limits WHERE event_id = :e",
         soci::use(event), soci::into(threshold));
    if (one(limit))
      page.threshold = static_cast<std::uint32_t>(threshold);
    std::string user;
    long long first = 0;
    long long second = 0;
    soci::statement active =
        (guard_.db().session().prepare
             << "SELECT user_id, expires_at, ends_at FROM queue_active WHERE event_id = :e",
         soci::use(event), soci::into(user), soci::into(first), soci::into(second));
    for (bool more = active.execute(true); more; more = active.fetch())
      page.active.push_back({user_id{id_of(user)}, from_millis(first), from_millis(second)});
    soci::statement leaving = (guard_.db().session().prepare << "SELECT user_id, since_s FROM "
                                                                "queue_leaving WHERE event_id = :e",
                               soci::use(event), soci::into(user), soci::into(first));
    for (bool more = leaving.execute(true); more; more = leaving.fetch())
      page.leaving.push_back({user_id{id_of(user)}, static_cast<std::uint32_t>(first)});
  }
  query_guard guard_;
};

} // namespace

std::shared_ptr<queue::queue_writes> make_queue_writes(database db) {
  db.find_by_key();
  return std::make_shared<sql_queue_writes>(std::move(db));
}

std::unique_ptr<queue::queue_queries> make_queue_queries(database db) {
  return std::make_unique<sql_queue_queries>(std::move(db));
}

} // namespace tiketi::sql
