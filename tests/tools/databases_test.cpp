#include "tools/tiketi/databases.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace tiketi {
namespace {

class databases_test : public ::testing::Test {
protected:
  databases_test() { values.data_directory = folder.string(); }
  ~databases_test() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tiketi-db-" + std::to_string(::getpid()));
  config::settings values = config::defaults();
};

TEST_F(databases_test, every_role_gets_its_schema_once) {
  const data_directory data{folder};
  EXPECT_GE(migrate_all(data, values), 2 * database_roles.size()) << "the common step and its own";
  EXPECT_EQ(migrate_all(data, values), 0u);
  for (const auto role : database_roles)
    EXPECT_TRUE(std::filesystem::exists(data.file(std::string{role} + ".db"))) << role;
}

TEST_F(databases_test, a_newer_schema_is_refused_by_name) {
  const data_directory data{folder};
  migrate_all(data, values);
  {
    auto db = open_database(data, "queue", values);
    db.session() << "update schema_migrations set version = version + 9000";
  }
  try {
    migrate_all(data, values);
    FAIL() << "a schema of the future was accepted";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string{e.what()}.find("queue.db"), std::string::npos) << e.what();
  }
}

TEST_F(databases_test, a_file_that_is_no_database_is_refused_by_name) {
  const data_directory data{folder};
  std::FILE* file = std::fopen(data.file("auth.db").c_str(), "w");
  for (int i = 0; i < 1000; ++i)
    std::fputs("this is no database ", file);
  std::fclose(file);
  try {
    migrate_all(data, values);
    FAIL() << "garbage was accepted";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string{e.what()}.find("auth.db"), std::string::npos) << e.what();
  }
}

} // namespace
} // namespace tiketi
