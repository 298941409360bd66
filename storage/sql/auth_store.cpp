#include "storage/sql/auth_store.hpp"

#include "storage/sql/query_guard.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

using namespace auth;

// -- prepared statements, each with the variables it is bound to ---------------------------------

struct insert_user {
  std::string id, email, password_hash, name, phone, role, google_id;
  long long created_at = 0;
  soci::statement run;

  explicit insert_user(soci::session& sql)
      : run((sql.prepare << "INSERT INTO users (id, email, password_hash, name, phone, role, "
                            "created_at, google_id) VALUES (:id, :email, :hash, :name, :phone, "
                            ":role, :created, :google) ON CONFLICT DO NOTHING",
             soci::use(id), soci::use(email), soci::use(password_hash), soci::use(name),
             soci::use(phone), soci::use(role), soci::use(created_at), soci::use(google_id))) {}
};

struct set_google_id {
  std::string id, google_id;
  soci::statement run;

  explicit set_google_id(soci::session& sql)
      : run((sql.prepare << "UPDATE users SET google_id = :google WHERE id = :id "
                            "AND google_id = '' AND NOT EXISTS "
                            "(SELECT 1 FROM users u WHERE u.google_id = :google2)",
             soci::use(google_id), soci::use(id), soci::use(google_id))) {}
};

struct insert_session {
  std::string family, user;
  long long created_at = 0, expires_at = 0;
  soci::statement run;

  explicit insert_session(soci::session& sql)
      : run((sql.prepare << "INSERT INTO sessions (family, user_id, created_at, expires_at) "
                            "VALUES (:family, :user, :created, :expires)",
             soci::use(family), soci::use(user), soci::use(created_at), soci::use(expires_at))) {}
};

struct insert_token {
  std::string hash, family;
  long long created_at = 0, expires_at = 0;
  soci::statement run;

  explicit insert_token(soci::session& sql)
      : run((sql.prepare << "INSERT INTO refresh_tokens (token_hash, family, created_at, "
                            "expires_at) VALUES (:hash, :family, :created, :expires)",
             soci::use(hash), soci::use(family), soci::use(created_at), soci::use(expires_at))) {}
};

struct extend_session {
  std::string family;
  long long expires_at = 0;
  soci::statement run;

  explicit extend_session(soci::session& sql)
      : run((sql.prepare << "UPDATE sessions SET expires_at = :expires WHERE family = :family "
                            "AND expires_at < :expires2",
             soci::use(expires_at), soci::use(family), soci::use(expires_at))) {}
};

/// The compare-and-set that gives a token's one `rotate` to one of those who present it.
struct spend_token {
  std::string hash, family;
  long long now = 0;
  soci::statement run;

  explicit spend_token(soci::session& sql)
      : run((sql.prepare << "UPDATE refresh_tokens SET rotated_at = :now WHERE token_hash = :hash "
                            "AND family = :family AND rotated_at IS NULL AND expires_at > :now2 "
                            "AND EXISTS (SELECT 1 FROM sessions s WHERE s.family = "
                            "refresh_tokens.family AND s.revoked_at IS NULL)",
             soci::use(now), soci::use(hash), soci::use(family), soci::use(now))) {}
};

/// The same for one more sibling of a token that is spent.
struct count_sibling {
  std::string hash;
  int seen = 0;
  soci::statement run;

  explicit count_sibling(soci::session& sql)
      : run((sql.prepare << "UPDATE refresh_tokens SET siblings = siblings + 1 "
                            "WHERE token_hash = :hash AND siblings = :seen",
             soci::use(hash), soci::use(seen))) {}
};

struct select_token {
  std::string hash, family;
  long long expires_at = 0, rotated_at = 0, revoked_at = 0;
  int siblings = 0;
  soci::indicator rotated = soci::i_null, revoked = soci::i_null;
  soci::statement run;

  explicit select_token(soci::session& sql)
      : run((sql.prepare << "SELECT t.expires_at, t.rotated_at, t.siblings, s.revoked_at "
                            "FROM refresh_tokens t JOIN sessions s ON s.family = t.family "
                            "WHERE t.token_hash = :hash AND t.family = :family",
             soci::use(hash), soci::use(family), soci::into(expires_at),
             soci::into(rotated_at, rotated), soci::into(siblings),
             soci::into(revoked_at, revoked))) {}
};

struct revoke_of_user {
  std::string user;
  long long now = 0;
  soci::statement run;

  explicit revoke_of_user(soci::session& sql)
      : run((sql.prepare << "UPDATE sessions SET revoked_at = :now WHERE user_id = :user "
                            "AND revoked_at IS NULL",
             soci::use(now), soci::use(user))) {}
};

struct revoke_family {
  std::string family;
  long long now = 0;
  soci::statement run;

  explicit revoke_family(soci::session& sql)
      : run((sql.prepare << "UPDATE sessions SET revoked_at = :now WHERE family = :family "
                            "AND revoked_at IS NULL",
             soci::use(now), soci::use(family))) {}
};

struct purge_rows {
  long long before = 0;
  int limit = 0;
  soci::statement tokens;
  soci::statement sessions;

  explicit purge_rows(soci::session& sql)
      : tokens((sql.prepare << "DELETE FROM refresh_tokens WHERE token_hash IN (SELECT token_hash "
                               "FROM refresh_tokens WHERE expires_at < :before "
                               "ORDER BY expires_at LIMIT :limit)",
                soci::use(before), soci::use(limit))),
        sessions((sql.prepare << "DELETE FROM sessions WHERE family IN (SELECT family FROM "
                                 "sessions WHERE expires_at < :before ORDER BY expires_at "
                                 "LIMIT :limit)",
                  soci::use(before), soci::use(limit))) {}
};

struct account_columns {
  std::string id, email, password_hash, name, phone, role, google_id;
  long long created_at = 0;

  account row() const {
    return {parse_id<user_id>(id).value_or(user_id{}),
            email,
            password_hash,
            name,
            phone,
            role,
            from_millis(created_at),
            google_id};
  }
};

struct select_by_id {
  std::string key;
  account_columns out;
  soci::statement run;

  explicit select_by_id(soci::session& sql)
      : run((sql.prepare << "SELECT id, email, password_hash, name, phone, role, created_at, "
                            "google_id FROM users WHERE id = :id",
             soci::use(key), soci::into(out.id), soci::into(out.email),
             soci::into(out.password_hash), soci::into(out.name), soci::into(out.phone),
             soci::into(out.role), soci::into(out.created_at), soci::into(out.google_id))) {}
};

struct select_by_email {
  std::string key;
  account_columns out;
  soci::statement run;

  explicit select_by_email(soci::session& sql)
      : run((sql.prepare << "SELECT id, email, password_hash, name, phone, role, created_at, "
                            "google_id FROM users WHERE email = :email",
             soci::use(key), soci::into(out.id), soci::into(out.email),
             soci::into(out.password_hash), soci::into(out.name), soci::into(out.phone),
             soci::into(out.role), soci::into(out.created_at), soci::into(out.google_id))) {}
};

struct select_by_google {
  std::string key;
  account_columns out;
  soci::statement run;

  explicit select_by_google(soci::session& sql)
      : run((sql.prepare << "SELECT id, email, password_hash, name, phone, role, created_at, "
                            "google_id FROM users WHERE google_id = :google AND google_id <> ''",
             soci::use(key), soci::into(out.id), soci::into(out.email),
             soci::into(out.password_hash), soci::into(out.name), soci::into(out.phone),
             soci::into(out.role), soci::into(out.created_at), soci::into(out.google_id))) {}
};

/// Many at once, in steps of a fixed size: places that are left over repeat the last one.
struct select_some {
  static constexpr std::size_t step = 8;

  std::array<std::string, step> keys;
  account_columns out;
  soci::statement run;

  explicit select_some(soci::session& sql)
      : run((sql.prepare << "SELECT id, email, password_hash, name, phone, role, created_at, "
                            "google_id FROM users WHERE id IN (:a, :b, :c, :d, :e, :f, :g, :h)",
             soci::use(keys[0]), soci::use(keys[1]), soci::use(keys[2]), soci::use(keys[3]),
             soci::use(keys[4]), soci::use(keys[5]), soci::use(keys[6]), soci::use(keys[7]),
             soci::into(out.id), soci::into(out.email), soci::into(out.password_hash),
             soci::into(out.name), soci::into(out.phone), soci::into(out.role),
             soci::into(out.created_at), soci::into(out.google_id))) {}
};

/// What went wrong without the values of the statement: those are hashes and addresses.
std::string reason(const std::exception& error) {
  if (const auto* e = dynamic_cast<const soci::soci_error*>(&error))
    return e->get_error_message();
  return error.what();
}

/// USER_REGISTERED. An account registers once, so the event has the account's id.
domain_event registered_event(const account& user) {
  domain_event out;
  out.id = user.id.value;
  out.topic = "user-events";
  out.key = to_string(user.id);
  out.type = "USER_REGISTERED";
  out.occurred_at = user.created_at;
  out.payload = nlohmann::json{{"type", out.type}, {"userId", out.key}, {"role", user.role}}.dump();
  return out;
}

// -- writes ------------------------------------------------------------------------------------

class sql_auth_writes final : public auth_writes {
public:
  explicit sql_auth_writes(database db) : db_(std::move(db)) {}

  std::vector<auth_written> commit(std::vector<auth_write>& batch) override {
    std::vector<auth_written> out(batch.size());
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
  bool commit_range(std::vector<auth_write>& batch, std::vector<auth_written>& out,
                    std::size_t first, std::size_t last) {
    if (!connected_ && !(connected_ = db_.reconnect().has_value()))
      return false;
    bool committing = false;
    try {
      transaction tx{db_};
      for (auto i = first; i < last; ++i)
        out[i] = std::visit([this](const auto& x) { return apply(x); }, batch[i].command);
      committing = true;
      tx.commit();
      return true;
    } catch (const std::exception& e) {
      spdlog::error("auth store: {}", reason(e));
      const bool doubt = committing && leaves_doubt(e, db_.kind());
      for (auto i = first; i < last; ++i)
        out[i] = {doubt ? commit_status::unknown : commit_status::failed, {}, 0};
      db_.forget_prepared();
      connected_ = false;
      return false;
    }
  }

  auth_written apply(const create_account& x) {
    auto& s = db_.prepared<insert_user>();
    s.id = to_string(x.user.id);
    s.email = x.user.email;
    s.password_hash = x.user.password_hash;
    s.name = x.user.name;
    s.phone = x.user.phone;
    s.role = x.user.role;
    s.created_at = to_millis(x.user.created_at);
    s.google_id = x.user.google_id;
    if (run(s.run) == 0)
      return {commit_status::rejected, {}, 0};
    append_outbox(db_, std::vector{registered_event(x.user)});
    if (x.session)
      store_first(*x.session);
    return {commit_status::committed, {}, 1};
  }

  auth_written apply(const open_session& x) {
    store_first(x.token);
    return {commit_status::committed, {}, 1};
  }

  auth_written apply(const link_google& x) {
    auto& s = db_.prepared<set_google_id>();
    s.id = to_string(x.user);
    s.google_id = x.google_id;
    if (run(s.run) == 0)
      return {commit_status::rejected, {}, 0};
    store_first(x.session);
    return {commit_status::committed, {}, 1};
  }

  auth_written apply(const rotate_token& x) {
    auto& spend = db_.prepared<spend_token>();
    spend.hash = x.presented;
    spend.family = to_string(x.next.family);
    spend.now = to_millis(x.next.issued_at);
    auto verdict = refresh_verdict::rotate;
    if (run(spend.run) == 0)
      verdict = judge_spent(x);
    switch (verdict) {
    case refresh_verdict::rotate:
    case refresh_verdict::sibling: {
      store_token(x.next);
      auto& extend = db_.prepared<extend_session>();
      extend.family = to_string(x.next.family);
      extend.expires_at = to_millis(x.next.expires_at);
      run(extend.run);
      return {commit_status::committed, verdict, 1};
    }
    case refresh_verdict::reuse:
      return {commit_status::committed, verdict, end_family(x.next.family, x.next.issued_at)};
    case refresh_verdict::expired:
    case refresh_verdict::unknown:
      break;
    }
    return {commit_status::rejected, verdict, 0};
  }

  /// The verdict on a token that could not be spent.
  refresh_verdict judge_spent(const rotate_token& x) {
    auto& s = db_.prepared<select_token>();
    s.hash = x.presented;
    s.family = to_string(x.next.family);
    std::optional<stored_token> found;
    if (one(s.run)) {
      found.emplace();
      found->expires_at = from_millis(s.expires_at);
      if (s.rotated == soci::i_ok)
        found->rotated_at = from_millis(s.rotated_at);
      found->siblings = s.siblings;
      found->revoked = s.revoked == soci::i_ok;
    }
    const auto verdict = judge(found, x.next.issued_at, x.rules);
    if (verdict == refresh_verdict::rotate)
      return refresh_verdict::unknown; // it changed since the compare-and-set: try again
    if (verdict == refresh_verdict::sibling) {
      auto& count = db_.prepared<count_sibling>();
      count.hash = x.presented;
      count.seen = found->siblings;
      if (run(count.run) == 0)
        return refresh_verdict::unknown;
    }
    return verdict;
  }

  auth_written apply(const revoke_sessions& x) {
    std::int64_t rows = 0;
    if (x.user) {
      auto& s = db_.prepared<revoke_of_user>();
      s.user = to_string(*x.user);
      s.now = to_millis(x.now);
      rows += static_cast<std::int64_t>(run(s.run));
    }
    if (x.family)
      rows += end_family(*x.family, x.now);
    return {commit_status::committed, {}, rows};
  }

  auth_written apply(const purge_expired& x) {
    auto& s = db_.prepared<purge_rows>();
    s.before = to_millis(x.before);
    s.limit = x.limit;
    const auto tokens = run(s.tokens);
    const auto sessions = run(s.sessions);
    return {commit_status::committed, {}, static_cast<std::int64_t>(tokens + sessions)};
  }

  void store_first(const issued_token& token) {
    auto& s = db_.prepared<insert_session>();
    s.family = to_string(token.family);
    s.user = to_string(token.user);
    s.created_at = to_millis(token.issued_at);
    s.expires_at = to_millis(token.expires_at);
    run(s.run);
    store_token(token);
  }

  void store_token(const issued_token& token) {
    auto& s = db_.prepared<insert_token>();
    s.hash = token.hash;
    s.family = to_string(token.family);
    s.created_at = to_millis(token.issued_at);
    s.expires_at = to_millis(token.expires_at);
    run(s.run);
  }

  std::int64_t end_family(const uuid& family, time_point now) {
    auto& s = db_.prepared<revoke_family>();
    s.family = to_string(family);
    s.now = to_millis(now);
    return static_cast<std::int64_t>(run(s.run));
  }

  static std::size_t run(soci::statement& statement) { return sql::run(statement); }

  database db_;
  bool connected_ = true;
};

// -- queries -----------------------------------------------------------------------------------

class sql_auth_queries final : public auth_queries {
public:
  explicit sql_auth_queries(database db) : guard_(std::move(db), "auth store") {}

  result<std::optional<account>> find_account(user_id id) override {
    return find<select_by_id>(to_string(id));
  }

  result<std::optional<account>> find_account(const std::string& email) override {
    return find<select_by_email>(email);
  }

  result<std::optional<account>> find_google(const std::string& google_id) override {
    return find<select_by_google>(google_id);
  }

  result<std::vector<account>> find_accounts(const std::vector<user_id>& wanted) override {
    auto ids = wanted;
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return guard_.run<std::vector<account>>([&]() -> std::vector<account> {
      std::vector<account> out;
      auto& s = guard_.db().prepared<select_some>();
      for (std::size_t at = 0; at < ids.size(); at += select_some::step) {
        for (std::size_t i = 0; i < select_some::step; ++i)
          s.keys[i] = to_string(ids[std::min(at + i, ids.size() - 1)]);
        for (bool more = s.run.execute(true); more; more = s.run.fetch())
          out.push_back(s.out.row());
      }
      return out;
    });
  }

private:
  template <class Select>
  result<std::optional<account>> find(const std::string& key) {
    return guard_.run<std::optional<account>>([&]() -> std::optional<account> {
      auto& s = guard_.db().prepared<Select>();
      s.key = key;
      if (!one(s.run))
        return std::nullopt;
      return s.out.row();
    });
  }
  query_guard guard_;
};

} // namespace

std::shared_ptr<auth_writes> make_auth_writes(database db) {
  return std::make_shared<sql_auth_writes>(std::move(db));
}

std::unique_ptr<auth_queries> make_auth_queries(database db) {
  return std::make_unique<sql_auth_queries>(std::move(db));
}

} // namespace tiketi::sql
