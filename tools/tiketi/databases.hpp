#pragma once

#include "actors/base/uuid.hpp"
#include "config/settings.hpp"
#include "storage/sql/database.hpp"
#include "tools/tiketi/data_directory.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace tiketi {

/// The roles that have a database of their own: `<data>/<role>.db`, or `<prefix><role>` on a
/// PostgreSQL server.
inline constexpr std::array<std::string_view, 10> database_roles{
    "auth",      "catalog", "ticket",  "queue",   "payment",
    "community", "stats",   "webhook", "gateway", "cluster"};

/// One more connection to a role's database. Throws std::runtime_error with a sentence.
sql::database open_database(const data_directory& data, std::string_view role,
                            const config::settings& values);

/// The same for who only reads: in a snapshot that nobody waits for, the rows of a large hall may
/// be looked at for longer than a transaction that writes may stand still in a cluster.
sql::database open_reading(const data_directory& data, std::string_view role,
                           const config::settings& values);

/// The same for who writes what belongs to events: as one of several nodes it commits only while
/// `may_write` (see `sql::database_options`), and whoever ends the lease of `process` ends its
/// connections (`sql::fenced_session`).
sql::database open_fenced(const data_directory& data, std::string_view role,
                          const config::settings& values, const uuid& process,
                          std::function<bool()> may_write);

/// PostgreSQL: the same beside a running node, whose data directory is locked. Throws
/// config::settings_error without a server.
sql::database open_server_database(std::string_view role, const config::settings& values);

/// PostgreSQL: a connection that claims the databases for this process as long as it is open, or
/// for all processes of one cluster; nothing with SQLite, whose data directory is locked. Waits for
/// a process that is just ending.
/// Throws std::runtime_error when another one keeps them.
std::optional<sql::database>
claim_databases(const data_directory& data, const config::settings& values,
                std::chrono::milliseconds patience = std::chrono::seconds{20});

/// PostgreSQL: makes what is missing of the users and databases, as the administrator, and sets the
/// users' passwords. Each user owns its database and may connect to no other of them. A second run
/// changes nothing. Throws std::runtime_error with a sentence.
void create_all(const config::settings& values);

/// Brings every role's database to this version; returns how many steps were applied. Throws
/// std::runtime_error that names the database and what stands in the way.
std::size_t migrate_all(const data_directory& data, const config::settings& values);

/// Room that the databases take on the disk, with their logs where those are files of their own;
/// nothing when a server does not say.
std::optional<std::int64_t> database_bytes(const data_directory& data,
                                           const config::settings& values);

} // namespace tiketi
