#pragma once

#include "config/settings.hpp"
#include "storage/sql/database.hpp"
#include "tools/tiketi/data_directory.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace tiketi {

/// The roles that have a database of their own, `<data>/<role>.db`.
inline constexpr std::array<std::string_view, 9> database_roles{
    "auth", "catalog", "ticket", "queue", "payment", "community", "stats", "webhook", "gateway"};

/// One more connection to a role's database. Throws std::runtime_error with a sentence.
sql::database open_database(const data_directory& data, std::string_view role,
                            const config::settings& values);

/// Brings every role's database to this version; returns how many steps were applied. Throws
/// std::runtime_error that names the database and what stands in the way.
std::size_t migrate_all(const data_directory& data, const config::settings& values);

} // namespace tiketi
