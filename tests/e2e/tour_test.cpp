#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/spread.hpp"

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace tiketi::test {
namespace {

/// The ```sh blocks of the README's section "Tour", in order.
std::string tour_script() {
  std::ifstream in{std::string{TIKETI_SOURCE_DIR} + "/README.md"};
  std::string script;
  bool in_tour = false;
  bool in_block = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## "))
      in_tour = line == "## Tour";
    else if (in_tour && line == "```sh")
      in_block = true;
    else if (line == "```")
      in_block = false;
    else if (in_tour && in_block)
      script += line + '\n';
  }
  return script;
}

/// Sets BASE; of several nodes each command asks any.
std::string commands_go_to(const std::vector<std::uint16_t>& nodes) {
  std::string out = "BASE=http://localhost:" + std::to_string(nodes[0]) + "\n";
  if (nodes.size() == 1)
    return out;
  out += "nodes=(";
  for (const auto port : nodes)
    out += std::to_string(port) + ' ';
  return out + ")\n" + "curl() { command curl --connect-to "
         + "\"::localhost:${nodes[RANDOM % ${#nodes[@]}]}\" \"$@\"; }\n";
}

struct outcome {
  int code = -1;
  std::string output;
};

outcome run_bash(const std::string& file) {
  outcome out;
  std::FILE* pipe = ::popen(("bash -euo pipefail '" + file + "' 2>&1").c_str(), "r");
  if (pipe == nullptr)
    return out;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    out.output.append(buffer, n);
  const int status = ::pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

TEST(tour_test, the_commands_of_the_readme_work_as_printed) {
  const auto script = tour_script();
  ASSERT_NE(script.find("/seats/reserve"), std::string::npos) << "the tour was not found";

  const temp_dir data;
  server_process server{{.data = data.path() / "data", .arguments = {"--demo"}}};
  ASSERT_TRUE(server.start()) << server.log_tail();

  // Written out last, so that the test sees what the commands have set.
  const auto file = (data.path() / "tour.sh").string();
  std::ofstream{file} << commands_go_to(nodes_behind(server.port())) << script
                      << "printf '%s\\n' \"$TOKEN\" \"$EVENT\" \"$RESERVATION\" > '"
                      << (data.path() / "state").string() << "'\n";
  const auto tour = run_bash(file);
  ASSERT_EQ(tour.code, 0) << tour.output << "\n--- server:\n" << server.log_tail();

  std::string token;
  std::string event;
  std::string reservation;
  std::ifstream state{data.path() / "state"};
  ASSERT_TRUE(state >> token >> event >> reservation);
  http_client client{server.port()};
  client.common = {{"Authorization", "Bearer " + token}};
  const auto booking = client.get("/api/v1/reservations/" + reservation);
  ASSERT_EQ(booking.status, 200) << booking.body;
  EXPECT_EQ(booking.json()["reservation"]["status"], "cancelled");
  EXPECT_EQ(booking.json()["reservation"]["payment_status"], "refunded");
  const auto map = client.get("/api/v1/seats/events/" + event);
  ASSERT_EQ(map.status, 200);
  const auto seats = map.json();
  for (const auto& seat : seats["seats"])
    EXPECT_EQ(seat["status"], "available") << "the cancelled seats are free again";

  EXPECT_EQ(server.stop(), 0) << server.log_tail();
}

} // namespace
} // namespace tiketi::test
