#include "storage/sql/database.hpp"

#include <exception>
#include <stdexcept>

#include <soci/sqlite3/soci-sqlite3.h>

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

std::unique_ptr<soci::session> connect(const database_options& options) {
  if (options.kind != dialect::sqlite)
    throw std::runtime_error("this build has no PostgreSQL adapter");
  return connect_sqlite(options);
}

sqlite3* handle_of(soci::session& session) {
  return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_;
}

} // namespace

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
  prepared_ = std::move(other.prepared_);
  return *this;
}

result<database> database::open(database_options options) {
  database db(std::move(options));
  if (auto connected = db.reconnect(); !connected)
    return connected.error();
  return db;
}

soci::session& database::session() {
  if (!session_)
    throw std::runtime_error("not connected to " + options_.target);
  return *session_;
}

result<void> database::reconnect() {
  try {
    prepared_.clear();
    session_.reset();
    session_ = connect(options_);
    if (options_.kind == dialect::sqlite) {
      if (!checkpoints_)
        checkpoints_ = std::make_unique<wal_checkpointer>(options_.target, options_.log);
      checkpoints_->watch(handle_of(*session_));
    }
    return {};
  } catch (const std::exception& e) {
    session_.reset();
    return failure{errc::unavailable, "cannot open database " + options_.target + ": " + e.what()};
  }
}

transaction::transaction(database& db) : db_(db) {
  if (db.kind() == dialect::sqlite)
    db.session() << "BEGIN IMMEDIATE";
  else
    db.session() << "BEGIN";
}

transaction::~transaction() {
  if (open_)
    rollback();
}

void transaction::commit() {
  db_.session() << "COMMIT";
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
  const auto* e = dynamic_cast<const soci::soci_error*>(&error);
  if (!e)
    return true;
  switch (e->get_error_category()) {
  case soci::soci_error::constraint_violation:
  case soci::soci_error::invalid_statement:
  case soci::soci_error::no_privilege:
  case soci::soci_error::no_data:
    return false;
  default:
    return true;
  }
}

std::string cause_of(const std::exception& error) {
  if (const auto* e = dynamic_cast<const soci::soci_error*>(&error))
    return e->get_error_message();
  return error.what();
}

bool is_constraint_violation(const std::exception& error, dialect kind) {
  if (kind == dialect::sqlite)
    return sqlite_code(error) == SQLITE_CONSTRAINT;
  const auto* e = dynamic_cast<const soci::soci_error*>(&error);
  return e && e->get_error_category() == soci::soci_error::constraint_violation;
}

} // namespace tiketi::sql
