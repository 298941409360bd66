#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tiketi::test {

using sql_row = std::vector<std::string>; ///< NULL reads as an empty text

/// Reads a database file from outside the program, as an auditor would. Throws on any error.
std::vector<sql_row> sqlite_rows(const std::filesystem::path& file, const std::string& query);

/// The single number a query gives.
long long sqlite_number(const std::filesystem::path& file, const std::string& query);

} // namespace tiketi::test
