#include "storage/sql/idempotency_store.hpp"

#include "storage/sql/query_guard.hpp"

#include <charconv>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace tiketi::sql {

namespace {

using namespace idempotency;

std::string hex(const digest& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const auto b : bytes) {
    out += digits[b >> 4];
    out += digits[b & 0x0f];
  }
  return out;
}

digest from_hex(std::string_view text) {
  digest out{};
  for (std::size_t i = 0; i < out.size() && 2 * i + 2 <= text.size(); ++i)
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, out[i], 16);
  return out;
}

struct bound_record {
  void bind(const key_record& r, time_point at) {
    scope = hex(r.scope);
    owner = r.owner;
    fingerprint = hex(r.fingerprint);
    state = r.done ? 1 : 0;
    incarnation = fmt::format("{:016x}", r.incarnation);
    started = to_millis(r.started_at);
    expires = to_millis(r.expires_at);
    status = r.answer.status;
    type = r.answer.content_type;
    body = *r.answer.body;
    now = to_millis(at);
  }

  std::string scope, owner, fingerprint, incarnation, type, body;
  int state = 0;
  int status = 0;
  long long started = 0;
  long long expires = 0;
  long long now = 0;
};

// Both replace a key that has expired, and the second one also what was noted for this run.
constexpr const char* insert_text =
    "INSERT INTO idempotency_keys(scope, owner, fingerprint, state, incarnation, started_at, "
    "expires_at, status, content_type, body) "
    "VALUES (:s, :o, :f, :st, :i, :a, :x, :code, :t, :b) ON CONFLICT (scope) DO UPDATE SET "
    "owner = excluded.owner, fingerprint = excluded.fingerprint, state = excluded.state, "
    "incarnation = excluded.incarnation, started_at = excluded.started_at, "
    "expires_at = excluded.expires_at, status = excluded.status, "
    "content_type = excluded.content_type, body = excluded.body "
    "WHERE idempotency_keys.expires_at <= :n";

struct insert_note : bound_record {
  explicit insert_note(soci::session& sql)
      : st((sql.prepare << insert_text, soci::use(scope), soci::use(owner), soci::use(fingerprint),
            soci::use(state), soci::use(incarnation), soci::use(started), soci::use(expires),
            soci::use(status), soci::use(type), soci::use(body), soci::use(now))) {}

  soci::statement st;
};

struct insert_answer : bound_record {
  explicit insert_answer(soci::session& sql)
      : st((sql.prepare << insert_text
                        << " OR (idempotency_keys.state = 0 AND idempotency_keys.incarnation = "
                           "excluded.incarnation)",
            soci::use(scope), soci::use(owner), soci::use(fingerprint), soci::use(state),
            soci::use(incarnation), soci::use(started), soci::use(expires), soci::use(status),
            soci::use(type), soci::use(body), soci::use(now))) {}

  soci::statement st;
};

struct delete_key {
  explicit delete_key(soci::session& sql)
      : st((sql.prepare << "DELETE FROM idempotency_keys WHERE scope = :s", soci::use(scope))) {}

  std::string scope;
  soci::statement st;
};

struct command_runner {
  database& db;
  time_point now;
  key_written& out;

  bool operator()(const note_run& command) const {
    auto& q = db.prepared<insert_note>();
    q.bind(command.record, now);
    return run(q.st) == 1;
  }

  bool operator()(const keep_answer& command) const {
    auto& q = db.prepared<insert_answer>();
    q.bind(command.record, now);
    return run(q.st) == 1;
  }

  bool operator()(const drop_key& command) const {
    remove(hex(command.scope));
    return true;
  }

  bool operator()(const purge_keys& command) const {
    const long long before = to_millis(command.before);
    const auto limit = static_cast<long long>(command.limit);
    std::vector<std::string> scopes;
    {
      std::string scope;
      std::string owner;
      soci::statement st =
          (db.session().prepare << "SELECT scope, owner FROM idempotency_keys "
                                   "WHERE expires_at <= :b ORDER BY expires_at LIMIT :l",
           soci::use(before), soci::use(limit), soci::into(scope), soci::into(owner));
      for (bool more = st.execute(true); more; more = st.fetch()) {
        scopes.push_back(scope);
        out.purged.push_back(owner);
      }
    }
    for (const auto& scope : scopes)
      remove(scope);
    return true;
  }

  void remove(const std::string& scope) const {
    auto& q = db.prepared<delete_key>();
    q.scope = scope;
    run(q.st);
  }
};

class sql_key_writes final : public key_writes {
public:
  explicit sql_key_writes(database db) : db_(std::move(db)) {}

  std::vector<key_written> commit(std::vector<key_write>& batch) override {
    std::vector<key_written> out(batch.size());
    const auto all = [&](commit_status status) {
      for (auto& one : out)
        one = {status, {}};
      return out;
    };
    if (!connected_) {
      connected_ = db_.reconnect().has_value();
      if (!connected_)
        return all(commit_status::failed);
    }
    bool committing = false;
    try {
      transaction tx{db_};
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const bool done = std::visit(command_runner{db_, batch[i].now, out[i]}, batch[i].what);
        out[i].status = done ? commit_status::committed : commit_status::rejected;
      }
      committing = true;
      tx.commit();
      return out;
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

struct select_key {
  explicit select_key(soci::session& sql)
      : st((sql.prepare << "SELECT owner, fingerprint, state, incarnation, started_at, expires_at, "
                           "status, content_type, body FROM idempotency_keys WHERE scope = :s",
            soci::use(scope), soci::into(owner), soci::into(fingerprint), soci::into(state),
            soci::into(incarnation), soci::into(started), soci::into(expires), soci::into(status),
            soci::into(type), soci::into(body))) {}

  std::string scope, owner, fingerprint, incarnation, type, body;
  int state = 0;
  int status = 0;
  long long started = 0;
  long long expires = 0;
  soci::statement st;
};

class sql_key_queries final : public key_queries {
public:
  explicit sql_key_queries(database db) : guard_(std::move(db), "idempotency keys") {}

  result<found_key> find(const find_key& query) override {
    return guard_.run<found_key>([&] {
      found_key out;
      auto& q = guard_.db().prepared<select_key>();
      q.scope = hex(query.scope);
      if (one(q.st)) {
        auto& r = out.record.emplace();
        r.scope = query.scope;
        r.owner = q.owner;
        r.fingerprint = from_hex(q.fingerprint);
        r.done = q.state == 1;
        std::from_chars(q.incarnation.data(), q.incarnation.data() + q.incarnation.size(),
                        r.incarnation, 16);
        r.started_at = from_millis(q.started);
        r.expires_at = from_millis(q.expires);
        r.answer = {q.status, q.type, std::make_shared<const std::string>(q.body)};
      }
      return out;
    });
  }

  result<key_counts> counts() override {
    return guard_.run<key_counts>([&] {
      key_counts out;
      std::string owner;
      long long keys = 0;
      soci::statement st = (guard_.db().session().prepare
                                << "SELECT owner, count(*) FROM idempotency_keys GROUP BY owner",
                            soci::into(owner), soci::into(keys));
      for (bool more = st.execute(true); more; more = st.fetch())
        out.owners.emplace_back(owner, static_cast<std::size_t>(keys));
      return out;
    });
  }

private:
  query_guard guard_;
};

} // namespace

std::shared_ptr<idempotency::key_writes> make_key_writes(database db) {
  return std::make_shared<sql_key_writes>(std::move(db));
}

std::unique_ptr<idempotency::key_queries> make_key_queries(database db) {
  return std::make_unique<sql_key_queries>(std::move(db));
}

} // namespace tiketi::sql
