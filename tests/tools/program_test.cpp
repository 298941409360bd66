#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

#include <csignal>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace tiketi::test {
namespace {

struct outcome {
  int code = -1;
  std::string output; ///< standard output and error
};

/// Runs the program with an environment that has no secrets, until it ends.
outcome run(const std::string& arguments) {
  outcome out;
  const auto command =
      "env -u JWT_SECRET -u INTERNAL_API_TOKEN -u QUEUE_ENTRY_TOKEN_SECRET timeout 60 "
      + std::string{TIKETI_BINARY} + " " + arguments + " 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr)
    return out;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    out.output.append(buffer, n);
  const int status = ::pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(program_test, help_version_and_dump_need_no_secrets) {
  const auto help = run("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_TRUE(contains(help.output, "--ticket.hold_ttl_seconds")) << help.output;
  const auto version = run("--version");
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.output.starts_with("tiketi ")) << version.output;
  const auto dump = run("--dump-config --port=77");
  EXPECT_EQ(dump.code, 0);
  EXPECT_TRUE(contains(dump.output, "\nport = 77\n")) << dump.output;
}

TEST(program_test, wrong_settings_end_with_two_and_a_sentence) {
  for (const char* arguments : {"--nonsense", "--port=99999", "frobnicate", "--config=/nowhere"}) {
    const auto x = run(arguments);
    EXPECT_EQ(x.code, 2) << arguments << "\n" << x.output;
    EXPECT_TRUE(contains(x.output, "tiketi: ")) << x.output;
    EXPECT_FALSE(contains(x.output, "terminate")) << x.output;
  }
}

TEST(program_test, missing_secrets_refuse_the_start_and_leave_no_database) {
  const temp_dir data;
  const auto x = run("--data=" + (data.path() / "d").string());
  EXPECT_EQ(x.code, 2) << x.output;
  for (const char* name : {"JWT_SECRET", "INTERNAL_API_TOKEN", "QUEUE_ENTRY_TOKEN_SECRET"})
    EXPECT_TRUE(contains(x.output, name)) << x.output;
  EXPECT_FALSE(std::filesystem::exists(data.path() / "d" / "auth.db"));
}

TEST(program_test, migrate_makes_the_databases_and_ends) {
  const temp_dir data;
  const auto x = run("migrate --data=" + data.path().string());
  EXPECT_EQ(x.code, 0) << x.output;
  EXPECT_TRUE(std::filesystem::exists(data.path() / "ticket.db"));
}

TEST(program_test, a_second_process_on_the_same_data_is_refused) {
  const temp_dir data;
  server_process first{{.data = data.path(), .arguments = {"--demo"}}};
  ASSERT_TRUE(first.start()) << first.log_tail();
  const auto second = run("--demo --port=0 --data=" + data.path().string());
  EXPECT_EQ(second.code, 1) << second.output;
  EXPECT_TRUE(contains(second.output, "in use")) << second.output;
  EXPECT_TRUE(contains(second.output, std::to_string(first.pid()))) << second.output;
  EXPECT_EQ(first.stop(), 0) << first.log_tail();
}

TEST(program_test, a_port_that_is_taken_is_named) {
  const temp_dir one;
  const temp_dir two;
  server_process first{{.data = one.path(), .arguments = {"--demo"}}};
  ASSERT_TRUE(first.start()) << first.log_tail();
  const auto second =
      run("--demo --port=" + std::to_string(first.port()) + " --data=" + two.path().string());
  EXPECT_EQ(second.code, 1) << second.output;
  EXPECT_TRUE(contains(second.output, std::to_string(first.port()))) << second.output;
}

TEST(program_test, data_and_accounts_outlive_a_restart) {
  const temp_dir data;
  server_process server{{.data = data.path(), .arguments = {"--demo"}}};
  const nlohmann::json account{
      {"email", "keep@example.com"}, {"password", "correct horse"}, {"name", "Keep"}};
  std::string token;
  std::int64_t events = 0;
  {
    ASSERT_TRUE(server.start()) << server.log_tail();
    http_client client{server.port()};
    const auto made = client.post("/api/v1/auth/register", account);
    ASSERT_EQ(made.status, 201) << made.body;
    token = made.json()["token"];
    events = client.get("/api/v1/events?limit=1").json()["pagination"]["total"];
    EXPECT_GE(events, 10);
    ASSERT_EQ(server.stop(), 0) << server.log_tail();
  }
  ASSERT_TRUE(server.start()) << server.log_tail();
  http_client client{server.port()};
  client.common = {{"Authorization", "Bearer " + token}};
  EXPECT_EQ(client.get("/api/v1/auth/me").status, 200) << "the demo secrets are kept";
  EXPECT_EQ(client.post("/api/v1/auth/login", account).status, 200);
  EXPECT_EQ(client.get("/api/v1/events?limit=1").json()["pagination"]["total"], events);
  for (const char* email : {"demo@tiketi.local", "admin@tiketi.local"}) {
    const auto login = client.post(
        "/api/v1/auth/login",
        {{"email", email},
         {"password", std::string{email}.substr(0, std::string{email}.find('@')) + "-password"}});
    EXPECT_EQ(login.status, 200) << email << ": " << login.body;
  }
  EXPECT_EQ(server.stop(), 0) << server.log_tail();
}

TEST(program_test, a_management_port_takes_the_metrics_away_from_the_public_one) {
  const temp_dir data;
  const auto management = free_port();
  server_process server{
      {.data = data.path(),
       .arguments = {"--demo", "--http.management_port=" + std::to_string(management)},
       .management_port = management}};
  ASSERT_TRUE(server.start()) << server.log_tail();
  http_client inside{management};
  const auto metrics = inside.get("/actuator/prometheus");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_TRUE(contains(metrics.body, "http_server_requests_seconds"));
  http_client outside{server.port()};
  EXPECT_EQ(outside.get("/actuator/prometheus").status, 404);
  EXPECT_EQ(outside.get("/actuator/health/readiness").status, 404);
  EXPECT_EQ(outside.get("/health").status, 200);
  EXPECT_EQ(server.stop(), 0) << server.log_tail();
}

} // namespace
} // namespace tiketi::test
