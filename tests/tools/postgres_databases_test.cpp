// The program's databases on a real PostgreSQL server: made, migrated, guarded.

#include "tests/support/postgres_server.hpp"
#include "tools/tiketi/databases.hpp"

#include <functional>

#include <gtest/gtest.h>
#include <unistd.h>

namespace tiketi {
namespace {

using namespace std::chrono_literals;

class postgres_databases_test : public ::testing::Test {
protected:
  postgres_databases_test() {
    static int count = 0;
    values.data_directory = folder.string();
    values.database_kind = "postgresql";
    values.database_host = server.host();
    values.database_port = server.port();
    values.database_name_prefix = "db" + std::to_string(++count) + "_";
    values.database_user_prefix = "user" + std::to_string(count) + "_";
    values.database_password = "every 'role\\ has: this";
    values.database_admin_user = server.administrator();
    values.database_admin_password = server.password();
  }
  ~postgres_databases_test() override { std::filesystem::remove_all(folder); }

  static std::string sentence_of(const std::function<void()>& call) {
    try {
      call();
    } catch (const std::exception& e) {
      return e.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return {};
  }

  /// The database of another role, as this role's user.
  void connect_as(const std::string& user_role, const std::string& role) {
    sql::database_options options;
    options.kind = sql::dialect::postgresql;
    options.target = values.database_name_prefix + role;
    options.server.host = server.host();
    options.server.port = server.port();
    options.server.user = values.database_user_prefix + user_role;
    options.server.password = values.database_password;
    sql::database::open(options).value();
  }

  test::postgres_server& server = test::postgres_server::shared();
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tiketi-pg-" + std::to_string(::getpid()));
  config::settings values = config::defaults();
};

TEST_F(postgres_databases_test, are_made_once_and_migrated_once) {
  const data_directory data{folder};
  create_all(values);
  EXPECT_GE(migrate_all(data, values), 2 * database_roles.size());
  create_all(values);
  EXPECT_EQ(migrate_all(data, values), 0u);
  const auto rows = server.run("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '"
                                               + values.database_name_prefix + "%'");
  EXPECT_EQ(rows.at(0).at(0), std::to_string(database_roles.size()));
  EXPECT_GT(database_bytes(data, values).value_or(0), 1'000'000);
}

TEST_F(postgres_databases_test, a_new_password_is_set_by_making_them_again) {
  const data_directory data{folder};
  create_all(values);
  values.database_password = "a new one for all";
  EXPECT_NE(sentence_of([&] { open_database(data, "queue", values); }).find("queue"),
            std::string::npos);
  create_all(values);
  open_database(data, "queue", values);
}

TEST_F(postgres_databases_test, each_user_has_its_own_database_only) {
  create_all(values);
  connect_as("ticket", "ticket");
  EXPECT_THROW(connect_as("ticket", "payment"), std::exception);
  EXPECT_THROW(connect_as("payment", "ticket"), std::exception);
  const auto rights = server.run(
      "postgres", "SELECT count(*) FROM pg_roles WHERE rolname LIKE '" + values.database_user_prefix
                      + "%' AND (rolsuper OR rolcreatedb OR rolcreaterole "
                        "OR rolreplication OR rolbypassrls)");
  EXPECT_EQ(rights.at(0).at(0), "0");
}

TEST_F(postgres_databases_test, an_administrator_need_not_be_a_superuser) {
  server.run("postgres", "CREATE ROLE keeper LOGIN CREATEDB CREATEROLE PASSWORD 'keeper keeps'");
  values.database_admin_user = "keeper";
  values.database_admin_password = "keeper keeps";
  create_all(values);
  create_all(values);
  const data_directory data{folder};
  EXPECT_GT(migrate_all(data, values), 0u);
}

TEST_F(postgres_databases_test, a_refusal_names_the_place_and_never_the_password) {
  const data_directory data{folder};
  create_all(values);
  auto wrong = values;
  wrong.database_password = "not the password";
  const auto refused = sentence_of([&] { migrate_all(data, wrong); });
  EXPECT_NE(refused.find(values.database_name_prefix + "auth at 127.0.0.1"), std::string::npos)
      << refused;
  EXPECT_EQ(refused.find(wrong.database_password), std::string::npos) << refused;
  auto away = values;
  away.database_port = 1;
  const auto nobody = sentence_of([&] { migrate_all(data, away); });
  EXPECT_NE(nobody.find("127.0.0.1:1"), std::string::npos) << nobody;
  EXPECT_EQ(nobody.find(values.database_password), std::string::npos) << nobody;
  auto none = values;
  none.database_password.clear();
  EXPECT_NE(sentence_of([&] { migrate_all(data, none); }).find("TIKETI_DATABASE_PASSWORD"),
            std::string::npos);
  auto missing = values;
  missing.database_name_prefix = "nowhere_";
  EXPECT_NE(sentence_of([&] { migrate_all(data, missing); }).find("nowhere_auth"),
            std::string::npos);
}

TEST_F(postgres_databases_test, belong_to_one_process_at_a_time) {
  const data_directory data{folder};
  create_all(values);
  {
    const auto first = claim_databases(data, values);
    ASSERT_TRUE(first);
    EXPECT_NE(sentence_of([&] { claim_databases(data, values, 0ms); }).find("another tiketi"),
              std::string::npos);
  }
  EXPECT_TRUE(claim_databases(data, values));
}

} // namespace
} // namespace tiketi
