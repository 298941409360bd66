#include "tests/support/server_databases.hpp"

#include "tests/support/postgres_server.hpp"
#include "tests/support/process.hpp"

#include <mutex>
#include <stdexcept>

namespace tiketi::test {

namespace {

constexpr const char* roles[] = {"auth",      "catalog", "ticket",  "queue",   "payment",
                                 "community", "stats",   "webhook", "gateway", "cluster"};
constexpr const char* users = "tiketi_";

class directories {
public:
  const server_databases& of(const std::filesystem::path& data) {
    const std::lock_guard only_one{lock_};
    const auto key = std::filesystem::absolute(data).lexically_normal().string();
    if (const auto known = made_.find(key); known != made_.end())
      return known->second;
    auto& server = postgres_server::shared();
    if (made_.empty())
      make_models(server);
    const auto number = made_.size() + 1;
    const auto prefix = "t" + std::to_string(number) + "_";
    for (const std::string role : roles) {
      const auto name = prefix + role;
      server.run("postgres",
                 "CREATE DATABASE " + name + " OWNER " + users + role + " TEMPLATE model_" + role);
      server.run("postgres", "REVOKE ALL ON DATABASE " + name + " FROM PUBLIC");
    }
    return made_.emplace(key, server_databases{prefix, number}).first->second;
  }

private:
  /// As somebody who installs it would, and migrated, so that a copy is all that a test waits for.
  void make_models(const postgres_server& server) {
    const temp_dir data;
    auto environment = server_databases{"model_", 0}.environment();
    environment["TIKETI_DATABASE_ADMIN_PASSWORD"] = server.password();
    environment["TIKETI_DATABASE_ADMIN_USER"] = server.administrator();
    const auto log = data.path() / "log";
    if (run_program({"migrate", "--create", "--data=" + (data.path() / "d").string()}, environment,
                    log)
        != 0)
      throw std::runtime_error("tiketi migrate --create: " + end_of_file(log));
  }

  std::mutex lock_;
  std::map<std::string, server_databases> made_;
};

} // namespace

std::map<std::string, std::string> server_databases::environment() const {
  const auto& server = postgres_server::shared();
  return {{"TIKETI_DATABASE_KIND", "postgresql"},
          {"TIKETI_DATABASE_HOST", server.host()},
          {"TIKETI_DATABASE_PORT", std::to_string(server.port())},
          {"TIKETI_DATABASE_TLS", "disable"},
          {"TIKETI_DATABASE_NAME_PREFIX", prefix_},
          {"TIKETI_DATABASE_USER_PREFIX", users},
          {"TIKETI_DATABASE_PASSWORD", "a password for all roles"}};
}

std::vector<std::vector<std::string>> server_databases::rows(const std::string& role,
                                                             const std::string& query) const {
  return postgres_server::shared().run(prefix_ + role, query);
}

const server_databases& databases_of(const std::filesystem::path& data) {
  static directories all;
  return all.of(data);
}

} // namespace tiketi::test
