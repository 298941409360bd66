#pragma once

#include "actors/base/result.hpp"
#include "storage/outbox.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <soci/soci.h>

namespace tiketi::sql {

enum class dialect : std::uint8_t { sqlite, postgresql };

/// SQLite: what a commit survives. PostgreSQL: `synchronous_commit` on or off.
enum class durability : std::uint8_t {
  full,   ///< power loss (fsync of the write-ahead log at each commit)
  normal, ///< a crash of the process, not of the machine
};

struct database_options {
  dialect kind = dialect::sqlite;
  std::string target; ///< file path, or a PostgreSQL connection string
  durability durable = durability::full;
  std::chrono::milliseconds busy_timeout{5000};
};

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

  /// After a lost connection. Prepared statements made before are void.
  result<void> reconnect();

private:
  explicit database(database_options options);

  database_options options_;
  std::unique_ptr<soci::session> session_;
};

/// One step of a schema. Never edited once released: its checksum is stored and compared.
struct migration {
  std::int32_t version = 0;
  std::string name;
  std::string sql; ///< statements separated by `;` at line ends
};

/// The migrations that were compiled in from storage/migrations/<role>/NNNN_name.sql, in order.
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

/// Appends to the outbox inside the caller's transaction.
void append_outbox(soci::session& session, std::span<const domain_event> events);

/// Inside the caller's transaction: true the first time, false when `consumer` has it already.
bool mark_processed(soci::session& session, std::string_view consumer, const uuid& event,
                    time_point now);

std::unique_ptr<outbox_store> make_outbox_store(database db);

/// True for an error after which the outcome of a commit is not known (connection lost, disk
/// error); false for one that certainly left nothing behind.
bool leaves_doubt(const std::exception& error, dialect kind);

} // namespace tiketi::sql
