#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tiketi::test {

using sql_row = std::vector<std::string>; ///< NULL reads as an empty text

/// Reads one role's database from outside the program, as an auditor would. `file` is where SQLite
/// keeps it, `<data>/<role>.db`; when the tests run on PostgreSQL the database there that the
/// program uses in its place. Throws on any error.
std::vector<sql_row> stored_rows(const std::filesystem::path& file, const std::string& query);

/// The single number a query gives.
long long stored_number(const std::filesystem::path& file, const std::string& query);

} // namespace tiketi::test
