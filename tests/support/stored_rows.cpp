#include "tests/support/stored_rows.hpp"

#include "tests/support/production_parts.hpp"
#include "tests/support/server_databases.hpp"

#include <memory>
#include <stdexcept>

#include <sqlite3.h>

namespace tiketi::test {

namespace {

std::vector<sql_row> rows_of_file(const std::filesystem::path& file, const std::string& query) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> db{raw, &sqlite3_close};
  if (opened != SQLITE_OK)
    throw std::runtime_error("cannot open " + file.string());
  sqlite3_busy_timeout(db.get(), 10'000);
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(db.get(), query.c_str(), -1, &prepared, nullptr) != SQLITE_OK)
    throw std::runtime_error(query + ": " + sqlite3_errmsg(db.get()));
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement{prepared,
                                                                             &sqlite3_finalize};
  std::vector<sql_row> rows;
  int rc = sqlite3_step(prepared);
  for (; rc == SQLITE_ROW; rc = sqlite3_step(prepared)) {
    sql_row row;
    for (int i = 0; i < sqlite3_column_count(prepared); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(prepared, i));
      row.emplace_back(text == nullptr ? "" : text);
    }
    rows.push_back(std::move(row));
  }
  if (rc != SQLITE_DONE)
    throw std::runtime_error(query + ": " + sqlite3_errmsg(db.get()));
  return rows;
}

} // namespace

std::vector<sql_row> stored_rows(const std::filesystem::path& file, const std::string& query) {
  if (!on_production())
    return rows_of_file(file, query);
  return databases_of(file.parent_path()).rows(file.stem().string(), query);
}

long long stored_number(const std::filesystem::path& file, const std::string& query) {
  const auto rows = stored_rows(file, query);
  if (rows.size() != 1 || rows[0].size() != 1)
    throw std::runtime_error(query + ": not a single number");
  return rows[0][0].empty() ? 0 : std::stoll(rows[0][0]);
}

} // namespace tiketi::test
