#pragma once

#include "actors/base/result.hpp"
#include "storage/outbox.hpp"
#include "storage/sql/wal_checkpointer.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include <soci/soci.h>

namespace tiketi::sql {

enum class dialect : std::uint8_t { sqlite, postgresql };

/// SQLite: what a commit survives. PostgreSQL: `synchronous_commit` on or off.
enum class durability : std::uint8_t {
  full,   ///< power loss (fsync of the write-ahead log at each commit)
  normal, ///< a crash of the process, not of the machine
};

/// How a PostgreSQL server is reached, and how long it may take.
struct server_options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5432;
  std::string user;
  std::string password;       ///< never part of an error text
  std::string tls = "prefer"; ///< libpq's `sslmode`
  std::string application;    ///< how the server's views and log name the connection
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds statement_timeout{10'000};
  std::chrono::milliseconds lock_timeout{3000};
  /// A transaction that its client forgot is ended, and its locks with it.
  std::chrono::milliseconds idle_in_transaction_timeout{30'000};
  /// A connection whose other end does not answer is given up.
  std::chrono::milliseconds network_timeout{15'000};
};

struct database_options {
  dialect kind = dialect::sqlite;
  std::string target; ///< SQLite: file path. PostgreSQL: name of the database
  durability durable = durability::full;
  std::chrono::milliseconds busy_timeout{5000}; ///< SQLite
  wal_limits log{};                             ///< SQLite
  server_options server{};                      ///< PostgreSQL
  /// Asked before a transaction begins and before it is committed; false: it is not. Null: always.
  /// With `server_options::idle_in_transaction_timeout` below the time between its turning false
  /// and somebody else's turn, nothing is committed in that turn: the server ends a transaction
  /// whose client stands still. Thread-safe, does not block.
  std::function<bool()> may_write{};
};

/// For error texts: the file, or `name at host:port`.
std::string place_of(const database_options& options);

/// One connection to one role's database. One thread at a time. SQLite runs in WAL mode, so
/// readers never wait for the writer.
class database {
public:
  /// Connects; fails with `unavailable` and a text that names the cause.
  static result<database> open(database_options options);

  database(database&&) noexcept;
  database& operator=(database&&) noexcept;
  ~database();

  soci::session& session();
  dialect kind() const noexcept { return options_.kind; }

  /// Throws what counts as undone (`leaves_doubt`) unless `database_options::may_write`.
  void check_may_write() const;

  /// After a lost connection. Prepared statements made before are void. On PostgreSQL the server
  /// has ended the lost session when this returns: nothing it had begun can be committed later, so
  /// what is looked up now stays true.
  result<void> reconnect();

  /// The statement(s) of type `S`, prepared once per connection: `S` is constructible from
  /// `soci::session&` and binds its statements to its own members. Valid until `reconnect` or
  /// `forget_prepared`.
  template <class S>
  S& prepared() {
    auto& slot = prepared_[std::type_index(typeid(S))];
    if (!slot)
      slot = std::make_shared<S>(session());
    return *static_cast<S*>(slot.get());
  }

  /// PostgreSQL keeps the plan of a prepared statement, also one that it made while a table was
  /// empty. On this connection, now and after each reconnect, rows are found by their keys whatever
  /// the tables' size was then: for statements that name all the rows they touch. Throws SOCI's
  /// exceptions.
  void find_by_key();

  /// Drops all prepared statements. Call it after any exception of SOCI: a statement that failed
  /// cannot be used again.
  void forget_prepared() noexcept { prepared_.clear(); }

private:
  explicit database(database_options options);
  void end_lost_session();

  database_options options_;
  bool by_key_ = false;
  int server_process_ = 0;           // PostgreSQL: who serves the session, or served the last one
  std::string server_process_since_; // process numbers are used again
  std::unique_ptr<wal_checkpointer> checkpoints_; // after the session, which calls it
  std::unique_ptr<soci::session> session_;
  std::unordered_map<std::type_index, std::shared_ptr<void>> prepared_; // before session_ goes
};

/// PostgreSQL: what `ALTER ROLE user PASSWORD '...'` may be given in place of the password, so that
/// neither the server nor its log ever sees that. Throws std::runtime_error.
std::string password_verifier(database& db, const std::string& user, const std::string& password);

/// A transaction that may write (on SQLite it takes the write lock at once, so it cannot fail half
/// way for lack of it). Rolls back unless `commit` was called. Functions throw SOCI's exceptions.
class transaction {
public:
  explicit transaction(database& db);
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  ~transaction();

  /// After an exception see `leaves_doubt`.
  void commit();

  /// False: the connection is of no use any more; `reconnect`.
  bool rollback() noexcept;

private:
  database& db_;
  bool open_ = true;
};

/// Inside a transaction, before it reads anything: from here to its end no other transaction that
/// called this, in whatever process, runs on this database, so what is read stays true until the
/// commit. For databases that are written seldom. On SQLite every `transaction` is like that.
void write_alone(database& db);

/// Runs a prepared statement that writes; returns the number of rows it touched.
std::size_t run(soci::statement& statement);

/// Runs a prepared query for at most one row, to its end, so that no read stays open.
bool one(soci::statement& statement);

/// One step of a schema. Never edited once released: its checksum is stored and compared.
struct migration {
  std::int32_t version = 0;
  std::string name;
  /// Statements, each ended by `;` at the end of a line. `{{identity}}` stands for the type of an
  /// ascending key made by the database, `{{clustered}}` (after the closing parenthesis of a table)
  /// for storage in the order of the primary key where the dialect has it. A statement that begins
  /// with `{{postgresql}}` is for that dialect only.
  std::string sql;
};

/// The migrations that were compiled in from storage/migrations/<role>/NNNN_name.sql, in order,
/// after those of storage/migrations/common (version 0). Empty for an unknown role.
std::span<const migration> migrations_of(std::string_view role);

/// Brings the schema forward in one transaction per step (`schema_migrations` holds version,
/// name, checksum, time). Fails with a text for a person: a newer schema than this program knows,
/// a changed checksum, a failed step. Returns the number of steps applied.
result<std::size_t> migrate(database& db, std::span<const migration> steps);

/// True when nothing is left to apply; fails like `migrate` on a foreign schema.
result<bool> is_current(database& db, std::span<const migration> steps);

// -- the tables every role has -------------------------------------------------------------------
//
// outbox(sequence, event_id, topic, key, type, version, occurred_at, trace, payload)
// outbox_cursors(consumer, sequence)
// processed_events(consumer, event_id, processed_at)

/// Appends to the outbox inside the caller's transaction. `sequence` of the events is ignored.
void append_outbox(database& db, std::span<const domain_event> events);

/// Inside the caller's transaction: true the first time, false when `consumer` has it already.
bool mark_processed(database& db, std::string_view consumer, const uuid& event, time_point now);

/// True when `consumer` has applied the event.
bool is_processed(database& db, std::string_view consumer, const uuid& event);

/// Reconnects by itself. Cursors are saved without waiting for the disk: an older one only means
/// that some events are delivered again.
std::unique_ptr<outbox_store> make_outbox_store(database db);

/// True for an error that goes away when the same is done again: a serialization failure or a
/// deadlock. The transaction was undone.
bool is_transient(const std::exception& error, dialect kind);

/// True for an error after which the outcome of a commit is not known (connection lost, disk
/// error); false for one that certainly left nothing behind.
bool leaves_doubt(const std::exception& error, dialect kind);

/// The database's own words, for a log: without the statement and its values.
std::string cause_of(const std::exception& error);

/// True for a violated constraint: the statement was refused, the connection is sound.
bool is_constraint_violation(const std::exception& error, dialect kind);

} // namespace tiketi::sql
