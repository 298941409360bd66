#pragma once

#include "storage/sql/database.hpp"
#include "tests/storage/temporary_folder.hpp"

#include <map>
#include <memory>
#include <string>

namespace tiketi::test {

/// What the tests of this process keep their rows in: SQLite, or with TIKETI_TEST_BACKEND set to
/// `postgresql` a real server. Programs whose tests need a database are registered for both.
sql::dialect tested_dialect();

/// Fresh databases, one per name, each with the migrations of one role. They go away with the
/// object.
class test_databases {
public:
  test_databases() = default;
  explicit test_databases(sql::dialect kind) : kind_(kind) {}
  test_databases(const test_databases&) = delete;
  test_databases& operator=(const test_databases&) = delete;
  ~test_databases();

  sql::dialect kind() const noexcept { return kind_; }

  /// How the role's database is reached; it is made on the first call, without a flush per commit.
  sql::database_options options(const std::string& role);

  /// One more connection to it. Throws std::runtime_error.
  sql::database open(const std::string& role);

private:
  sql::dialect kind_ = tested_dialect();
  temporary_folder folder_;
  std::map<std::string, std::string> names_; ///< PostgreSQL: role -> database
};

/// The only database of a test.
class test_database {
public:
  explicit test_database(std::string role) : role_(std::move(role)) {}
  test_database(std::string role, sql::dialect kind) : role_(std::move(role)), all_(kind) {}

  sql::dialect kind() const noexcept { return all_.kind(); }
  sql::database_options options() { return all_.options(role_); }
  sql::database open() { return all_.open(role_); }

private:
  std::string role_;
  test_databases all_;
};

} // namespace tiketi::test
