#include "tests/support/test_database.hpp"

#include "tests/support/postgres_server.hpp"

#include <cstdlib>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>

namespace tiketi::test {

namespace {

constexpr const char* password = "a password of tests";

sql::database opened(const sql::database_options& options) {
  auto db = sql::database::open(options);
  if (!db)
    throw std::runtime_error(db.error().text);
  return std::move(*db);
}

sql::database_options options_on(postgres_server& server, const std::string& name) {
  sql::database_options options;
  options.kind = sql::dialect::postgresql;
  options.target = name;
  options.durable = sql::durability::normal;
  options.server.host = server.host();
  options.server.port = server.port();
  options.server.user = "tiketi_test";
  options.server.password = password;
  options.server.tls = "disable";
  options.server.application = "tiketi/test";
  return options;
}

/// Copies of a migrated database are made in a fraction of the time.
class templates {
public:
  std::string copy(const std::string& role) {
    const std::lock_guard only_one{lock_};
    auto& server = postgres_server::shared();
    if (models_.empty())
      server.run("postgres", fmt::format("CREATE ROLE tiketi_test LOGIN PASSWORD '{}'", password));
    auto& model = models_[role];
    if (model.empty()) {
      const auto name = "model_" + role;
      server.run("postgres", fmt::format("CREATE DATABASE {} OWNER tiketi_test TEMPLATE template0 "
                                         "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
                                         name));
      {
        auto db = opened(options_on(server, name));
        if (auto done = sql::migrate(db, sql::migrations_of(role)); !done)
          throw std::runtime_error(done.error().text);
      }
      model = name;
    }
    auto name = fmt::format("test_{}_{}", ++count_, role);
    server.run("postgres",
               fmt::format("CREATE DATABASE {} OWNER tiketi_test TEMPLATE {}", name, model));
    return name;
  }

private:
  std::mutex lock_;
  std::map<std::string, std::string> models_;
  int count_ = 0;
};

templates& models() {
  static templates all;
  return all;
}

} // namespace

sql::dialect tested_dialect() {
  const char* wanted = std::getenv("TIKETI_TEST_BACKEND");
  const std::string name = wanted == nullptr ? "sqlite" : wanted;
  if (name == "sqlite")
    return sql::dialect::sqlite;
  if (name == "postgresql")
    return sql::dialect::postgresql;
  throw std::runtime_error("TIKETI_TEST_BACKEND=" + name + "; allowed: sqlite, postgresql");
}

test_databases::~test_databases() {
  if (kind_ == sql::dialect::sqlite)
    return;
  for (const auto& [role, name] : names_) {
    try {
      postgres_server::shared().run("postgres",
                                    "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
    } catch (const std::exception&) {
      // It goes away with the server.
    }
  }
}

sql::database_options test_databases::options(const std::string& role) {
  if (kind_ == sql::dialect::sqlite) {
    sql::database_options options;
    options.target = folder_.file(role + ".db");
    options.durable = sql::durability::normal;
    if (names_.emplace(role, options.target).second) {
      auto db = opened(options);
      if (auto done = sql::migrate(db, sql::migrations_of(role)); !done)
        throw std::runtime_error(done.error().text);
    }
    return options;
  }
  auto& name = names_[role];
  if (name.empty())
    name = models().copy(role);
  return options_on(postgres_server::shared(), name);
}

sql::database test_databases::open(const std::string& role) {
  return opened(options(role));
}

} // namespace tiketi::test
