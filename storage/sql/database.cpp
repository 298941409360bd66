#include "storage/sql/database.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

/// SQLite's primary result code, or -1 for an error that is not SQLite's.
int sqlite_code(const std::exception& error) {
  if (const auto* e = dynamic_cast<const soci::sqlite3_soci_error*>(&error))
    return e->result() & 0xff;
  return -1;
}

std::unique_ptr<soci::session> connect_sqlite(const database_options& options) {
  if (options.target.empty() || options.target.find('"') != std::string::npos)
    throw std::runtime_error("the file name is empty or contains a quotation mark");
  auto session =
      std::make_unique<soci::session>(soci::sqlite3, "dbname=\"" + options.target + "\"");
  auto& sql = *session;
  long long ignored = 0;
  sql << "PRAGMA busy_timeout = " << options.busy_timeout.count(), soci::into(ignored);
  std::string mode;
  sql << "PRAGMA journal_mode = WAL", soci::into(mode);
  if (mode != "wal" && mode != "memory")
    throw std::runtime_error("write-ahead logging is not possible here (journal mode " + mode
                             + ")");
  sql << (options.durable == durability::full ? "PRAGMA synchronous = FULL"
                                              : "PRAGMA synchronous = NORMAL");
  sql << "PRAGMA foreign_keys = ON";
  sql << "PRAGMA temp_store = MEMORY";
  sql << "PRAGMA cache_size = -16384"; // KiB
  sql << "PRAGMA journal_size_limit = 134217728", soci::into(ignored);
  return session;
}

/// The SQLSTATE, or empty for an error that is not PostgreSQL's or was met by the client.
std::string sql_state(const std::exception& error) {
  if (const auto* e = dynamic_cast<const soci::postgresql_soci_error*>(&error))
    if (auto state = e->sqlstate(); state.find_first_not_of(' ') != std::string::npos)
      return state;
  return {};
}

/// For a connection URI, whose parts can hold anything that way.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text)
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string connection_uri(const database_options& options) {
  const auto& s = options.server;
  const auto whole_seconds = [](std::chrono::milliseconds t) { return (t.count() + 999) / 1000; };
  // What a session needs travels with its start, so that it is in force before anything else.
  const auto session = fmt::format(
      "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} "
      "-c synchronous_commit={} -c TimeZone=UTC -c client_min_messages=warning",
      s.statement_timeout.count(), s.lock_timeout.count(), s.idle_in_transaction_timeout.count(),
      options.durable == durability::full ? "on" : "off");
  const auto silence = whole_seconds(s.network_timeout);
  return fmt::format("postgresql://{}:{}@{}:{}/{}?sslmode={}&application_name={}&connect_timeout={}"
                     "&tcp_user_timeout={}&keepalives=1&keepalives_idle={}&keepalives_interval={}"
                     "&keepalives_count=3&client_encoding=UTF8&options={}",
                     percent_encoded(s.user), percent_encoded(s.password), percent_encoded(s.host),
                     s.port, percent_encoded(options.target), percent_encoded(s.tls),
                     percent_encoded(s.application),
                     std::max<long long>(2, whole_seconds(s.connect_timeout)),
                     s.network_timeout.count(), std::max<long long>(1, silence / 2),
                     std::max<long long>(1, silence / 6), percent_encoded(session));
}

PGconn* server_of(soci::session& session) {
  return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

/// Notices go to standard error by default; those that matter come as errors, too.
void drop_notice(void*, const PGresult*) {}

std::unique_ptr<soci::session> connect_postgresql(const database_options& options) {
  auto session = std::make_unique<soci::session>(soci::postgresql, connection_uri(options));
  PQsetNoticeReceiver(server_of(*session), drop_notice, nullptr);
  return session;
}

std::unique_ptr<soci::session> connect(const database_options& options) {
  return options.kind == dialect::sqlite ? connect_sqlite(options) : connect_postgresql(options);
}

/// The client library's words in one line.
std::string in_one_line(std::string text) {
  for (auto& c : text)
    if (c == '\n' || c == '\t')
      c = ' ';
  while (!text.empty() && text.back() == ' ')
    text.pop_back();
  return text;
}

sqlite3* handle_of(soci::session& session) {
  return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_;
}

} // namespace

std::string place_of(const database_options& options) {
  if (options.kind == dialect::sqlite)
    return options.target;
  return fmt::format("{} at {}:{}", options.target, options.server.host, options.server.port);
}

database::database(database_options options) : options_(std::move(options)) {}
database::database(database&&) noexcept = default;
database::~database() {
  prepared_.clear();
  session_.reset(); // before the checkpoints, which its hook refers to
}

database& database::operator=(database&& other) noexcept {
  prepared_.clear();
  session_ = std::move(other.session_);
  checkpoints_ = std::move(other.checkpoints_);
  options_ = std::move(other.options_);
  by_key_ = other.by_key_;
  server_process_ = other.server_process_;
  server_process_since_ = std::move(other.server_process_since_);
  prepared_ = std::move(other.prepared_);
  return *this;
}

namespace {

/// Servers that cannot be reached, for all connections of this process: after a failure nobody
/// tries for a moment, and the log has an outage's beginning, its end and a line a minute, however
/// much there is to do meanwhile. Thread-safe.
class outages {
public:
  static outages& shared() {
    static outages all;
    return all;
  }

  /// Why no connection is tried now; nothing: try.
  std::optional<std::string> away(const std::string& place) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(place);
    if (found == open_.end() || clock::now() >= found->second.next)
      return std::nullopt;
    return "cannot open database " + place + ": it could not be reached a moment ago";
  }

  void failed(const std::string& place, const std::string& why) {
    const std::lock_guard lock(mutex_);
    const auto now = clock::now();
    const auto [at, begins] = open_.try_emplace(place, outage{now, now, now, 0});
    auto& one = at->second;
    ++one.attempts;
    one.next = now + pause;
    if (begins || now - one.told >= tell_every) {
      one.told = now;
      spdlog::error("database {} cannot be reached, attempt {}: {}", place, one.attempts, why);
    }
  }

  void ended(const std::string& place) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.extract(place);
    if (!found.empty())
      spdlog::warn(
          "database {} is back after {} ms", place,
          std::chrono::duration_cast<milliseconds>(clock::now() - found.mapped().since).count());
  }

private:
  using clock = std::chrono::steady_clock;
  static constexpr milliseconds pause{100};
  static constexpr std::chrono::minutes tell_every{1};

  struct outage {
    clock::time_point since;
    clock::time_point told;
    clock::time_point next;
    std::uint64_t attempts = 0;
  };

  std::mutex mutex_;
  std::map<std::string, outage> open_; ///< by place
};

} // namespace

result<database> database::open(database_options options) {
  database db(std::move(options));
  if (auto connected = db.reconnect(); !connected)
    return connected.error();
  return db;
}

soci::session& database::session() {
  if (!session_)
    throw std::runtime_error("not connected to " + place_of(options_));
  return *session_;
}

result<void> database::reconnect() {
  prepared_.clear();
  session_.reset();
  // Whoever opens a database for the first time wants to know at once, and says so himself.
  const bool lost = server_process_ != 0;
  const auto place = place_of(options_);
  if (auto away = lost ? outages::shared().away(place) : std::nullopt)
    return failure{errc::unavailable, std::move(*away)};
  try {
    try {
      session_ = connect(options_);
    } catch (const std::exception& e) {
      if (lost)
        outages::shared().failed(place, in_one_line(e.what()));
      throw;
    }
    if (lost)
      outages::shared().ended(place);
    if (options_.kind == dialect::sqlite) {
      if (!checkpoints_)
        checkpoints_ = std::make_unique<wal_checkpointer>(options_.target, options_.log);
      checkpoints_->watch(handle_of(*session_));
    } else {
      end_lost_session();
      if (by_key_)
        find_by_key();
    }
    return {};
  } catch (const std::exception& e) {
    session_.reset();
    return failure{errc::unavailable, fmt::format("cannot open database {}: {}", place_of(options_),
                                                  in_one_line(e.what()))};
  }
}

void database::find_by_key() {
  by_key_ = true;
  if (options_.kind == dialect::postgresql && session_)
    *session_ << "SELECT set_config('plan_cache_mode', 'force_generic_plan', false), "
                 "set_config('enable_seqscan', 'off', false), "
                 "set_config('enable_hashjoin', 'off', false), "
                 "set_config('enable_mergejoin', 'off', false)";
}

void database::end_lost_session() {
  auto& sql = *session_;
  if (server_process_ != 0) {
    // Its socket may be dead for the client only; until the server has noticed, a COMMIT that was
    // sent may still be carried out.
    long long ignored = 0;
    sql << "SELECT count(pg_terminate_backend(pid, 3000)) FROM pg_stat_activity "
           "WHERE pid = :pid AND CAST(backend_start AS TEXT) = :since AND usename = current_user",
        soci::use(server_process_), soci::use(server_process_since_), soci::into(ignored);
    long long left = 0;
    sql << "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid "
           "AND CAST(backend_start AS TEXT) = :since",
        soci::use(server_process_), soci::use(server_process_since_), soci::into(left);
    if (left != 0)
      throw std::runtime_error("the server is still busy with the lost session");
  }
  int process = 0;
  std::string since;
  sql << "SELECT pid, CAST(backend_start AS TEXT) FROM pg_stat_activity "
         "WHERE pid = pg_backend_pid()",
      soci::into(process), soci::into(since);
  server_process_ = process;
  server_process_since_ = since;
}

std::string password_verifier(database& db, const std::string& user, const std::string& password) {
  const std::unique_ptr<char, decltype(&PQfreemem)> made{
      PQencryptPasswordConn(server_of(db.session()), password.c_str(), user.c_str(),
                            "scram-sha-256"),
      &PQfreemem};
  if (!made)
    throw std::runtime_error("the password cannot be hashed");
  return made.get();
}

namespace {

const char* state_or_blank(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state == nullptr ? "     " : state;
}

} // namespace

void database::check_may_write() const {
  if (options_.may_write && !options_.may_write())
    throw soci::postgresql_soci_error("this node may not write now: its lease is over", "25006");
}

transaction::transaction(database& db) : db_(db) {
  db.check_may_write();
  if (db.kind() == dialect::sqlite)
    db.session() << "BEGIN IMMEDIATE";
  else
    db.session() << "BEGIN";
}

void write_alone(database& db) {
  if (db.kind() == dialect::sqlite)
    return;
  int ignored = 0;
  db.session() << "SELECT 1 FROM (SELECT pg_advisory_xact_lock(7461649)) AS l", soci::into(ignored);
}

transaction::~transaction() {
  if (open_)
    rollback();
}

void transaction::commit() {
  db_.check_may_write();
  if (db_.kind() == dialect::postgresql) {
    auto* server = server_of(db_.session());
    const std::unique_ptr<PGresult, decltype(&PQclear)> done{PQexec(server, "COMMIT"), &PQclear};
    if (PQresultStatus(done.get()) != PGRES_COMMAND_OK)
      throw soci::postgresql_soci_error(in_one_line(PQerrorMessage(server)),
                                        state_or_blank(done.get()));
    // A transaction in which a statement failed is undone by COMMIT, without an error.
    if (std::string_view{PQcmdStatus(done.get())} != "COMMIT")
      throw soci::postgresql_soci_error("the transaction had failed before", "25P02");
  } else {
    db_.session() << "COMMIT";
  }
  open_ = false;
}

bool transaction::rollback() noexcept {
  open_ = false;
  try {
    db_.session() << "ROLLBACK";
    return true;
  } catch (const std::exception&) {
    // Either the database has rolled back by itself, or the connection is gone, and with it the
    // transaction.
    return false;
  }
}

std::size_t run(soci::statement& statement) {
  statement.execute(true);
  return static_cast<std::size_t>(statement.get_affected_rows());
}

bool one(soci::statement& statement) {
  if (!statement.execute(true))
    return false;
  while (statement.fetch()) {
  }
  return true;
}

bool leaves_doubt(const std::exception& error, dialect kind) {
  if (kind == dialect::sqlite) {
    switch (sqlite_code(error)) {
    case SQLITE_ERROR: // for example: no transaction is active
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_CONSTRAINT:
    case SQLITE_CANTOPEN:
    case SQLITE_MISUSE:
      return false;
    default:
      return true; // for example a failed fsync: the log may or may not hold the commit
    }
  }
  // A class of errors whose transaction the server has certainly undone. The others, and an error
  // that only the client met, leave it open: the server may go down just after it has committed.
  const auto state = sql_state(error);
  for (const char* undone : {"22", "23", "25", "40", "42", "53", "54", "55"})
    if (state.starts_with(undone))
      return false;
  return state != "57014"; // the statement was cancelled
}

bool is_transient(const std::exception& error, dialect kind) {
  return kind == dialect::postgresql && sql_state(error).starts_with("40");
}

std::string cause_of(const std::exception& error) {
  if (const auto* e = dynamic_cast<const soci::soci_error*>(&error))
    return in_one_line(e->get_error_message());
  return in_one_line(error.what());
}

bool is_constraint_violation(const std::exception& error, dialect kind) {
  if (kind == dialect::sqlite)
    return sqlite_code(error) == SQLITE_CONSTRAINT;
  // 22: a value that its column cannot hold
  const auto state = sql_state(error);
  return state.starts_with("23") || state.starts_with("22");
}

} // namespace tiketi::sql
