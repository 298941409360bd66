#include "config/command_line.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tiketi::config {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

start_request read(const std::vector<std::string>& arguments,
                   const environment_map& variables = {}) {
  return read_command_line(arguments, variables, "1.2.3");
}

std::string error_of(const std::vector<std::string>& arguments,
                     const environment_map& variables = {}) {
  try {
    read(arguments, variables);
  } catch (const settings_error& e) {
    return e.what();
  }
  return {};
}

class command_line_test : public ::testing::Test {
protected:
  command_line_test() { std::filesystem::create_directories(folder); }
  ~command_line_test() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& name, const std::string& text) {
    const auto path = folder / name;
    std::ofstream{path} << text;
    return path.string();
  }

  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tiketi-config-" + std::to_string(::getpid()));
};

TEST_F(command_line_test, serves_with_defaults_when_nothing_is_said) {
  const auto request = read({});
  EXPECT_EQ(request.what, action::serve);
  EXPECT_EQ(request.values.http_port, 3001);
}

TEST_F(command_line_test, the_command_line_wins_over_environment_over_file) {
  const auto file = write("a.toml", "[http]\nport = 1\nfronts = 1\nin_flight_max = 1\n");
  const auto request = read({"serve", "--config", file, "--http.port=3"},
                            {{"TIKETI_HTTP_PORT", "2"}, {"TIKETI_HTTP_FRONTS", "2"}});
  EXPECT_EQ(request.values.http_port, 3);
  EXPECT_EQ(request.values.http_fronts, 2);
  EXPECT_EQ(request.values.http_in_flight_max, 1);
  EXPECT_EQ(read({}, {{"TIKETI_CONFIG", file}}).values.http_port, 1);
}

TEST_F(command_line_test, aliases_repeats_and_switches) {
  const auto request = read({"--port", "1", "--data", "x", "--demo", "--port=2"});
  EXPECT_EQ(request.values.http_port, 2) << "the last one wins";
  EXPECT_EQ(request.values.data_directory, "x");
  EXPECT_TRUE(request.values.demo_enabled);
  EXPECT_FALSE(read({"--demo", "--demo.enabled=false"}).values.demo_enabled);
  EXPECT_TRUE(read({"--demo=true"}).values.demo_enabled);
  EXPECT_FALSE(read({"--gateway.rate_limits=false"}).values.gateway_rate_limits);
  EXPECT_EQ(read({"--queue.admission-batch=7"}).values.queue_admission_batch, 7);
  EXPECT_EQ(read({"--data.directory=a-b.c-d"}).values.data_directory, "a-b.c-d");
  EXPECT_EQ(read({"migrate", "--data=y"}).what, action::migrate);
}

TEST_F(command_line_test, dead_letters_need_a_word_and_a_topic) {
  const auto list = read({"dead-letters", "list", "payment-events", "--bus.kind=kafka"});
  EXPECT_EQ(list.what, action::list_dead_letters);
  EXPECT_EQ(list.topic, "payment-events");
  EXPECT_EQ(list.values.bus_kind, "kafka");
  EXPECT_EQ(read({"dead-letters", "replay", "x"}).what, action::replay_dead_letters);
  for (const auto& wrong :
       std::vector<std::vector<std::string>>{{"dead-letters"},
                                             {"dead-letters", "list"},
                                             {"dead-letters", "burn", "x"},
                                             {"dead-letters", "list", "x", "y"}})
    EXPECT_TRUE(contains(error_of(wrong), "dead-letters needs")) << wrong.size();
}

TEST_F(command_line_test, cluster_needs_a_word_and_for_some_a_node) {
  const auto status = read({"cluster", "status", "--json", "--database.host=db"});
  EXPECT_EQ(status.what, action::cluster);
  EXPECT_EQ(status.cluster.word, "status");
  EXPECT_TRUE(status.cluster.json);
  EXPECT_EQ(status.values.database_host, "db");
  EXPECT_EQ(read({"cluster", "shards"}).cluster.word, "shards");
  const auto drain = read({"cluster", "drain", "node-2.x", "--wait=30"});
  EXPECT_EQ(drain.cluster.word, "drain");
  EXPECT_EQ(drain.cluster.node, "node-2.x");
  EXPECT_EQ(drain.cluster.wait_seconds, 30);
  EXPECT_FALSE(drain.cluster.json);
  EXPECT_EQ(read({"cluster", "join", "b"}).cluster.node, "b");
  for (const auto& wrong : std::vector<std::vector<std::string>>{{"cluster"},
                                                                 {"cluster", "drain"},
                                                                 {"cluster", "status", "b"},
                                                                 {"cluster", "burn", "b"},
                                                                 {"cluster", "join", "b", "c"}})
    EXPECT_TRUE(contains(error_of(wrong), "cluster needs")) << wrong.size();
  EXPECT_TRUE(contains(error_of({"cluster", "join", "b", "--wait=3"}), "--wait belongs to"));
  EXPECT_FALSE(error_of({"cluster", "drain", "b", "--wait=0"}).empty());
  EXPECT_FALSE(error_of({"--json"}).empty()) << "it belongs to cluster";
}

TEST_F(command_line_test, every_setting_can_be_given) {
  for (const auto& r : table()) {
    if (!r.secret.empty())
      continue;
    const auto request = read({"--" + std::string{r.name} + "=" + std::string{r.fallback}});
    EXPECT_EQ(to_text(request.values, r), r.fallback) << r.name;
  }
}

TEST_F(command_line_test, unknown_arguments_are_refused_with_advice) {
  EXPECT_TRUE(contains(error_of({"--http.prot=1"}), "did you mean --http.port?"));
  EXPECT_TRUE(contains(error_of({"--nonsense"}), "--nonsense is no setting"));
  EXPECT_TRUE(contains(error_of({"srve"}), "'srve' is no command"));
  EXPECT_TRUE(contains(error_of({"--http.port=99999"}), "0 to 65535"));
  EXPECT_TRUE(contains(error_of({"--demo=maybe"}), "true, false"));
  EXPECT_FALSE(error_of({"--port"}).empty());
  EXPECT_TRUE(contains(error_of({"--config=/does/not/exist"}), "/does/not/exist"));
}

TEST_F(command_line_test, secrets_are_refused_and_not_repeated) {
  const auto text = error_of({"--auth.jwt_secret=hunter2hunter2"});
  EXPECT_TRUE(contains(text, "JWT_SECRET_FILE")) << text;
  EXPECT_FALSE(contains(text, "hunter2")) << text;
}

TEST_F(command_line_test, help_names_every_setting) {
  const auto request = read({"--help"});
  EXPECT_EQ(request.what, action::print);
  for (const auto& r : table())
    if (r.secret.empty()) {
      EXPECT_TRUE(contains(request.text, "--" + std::string{r.name})) << r.name;
    } else if (r.required) {
      EXPECT_TRUE(contains(request.text, r.secret)) << r.name;
    }
  EXPECT_TRUE(contains(request.text, "migrate"));
}

TEST_F(command_line_test, version_and_dump) {
  EXPECT_EQ(read({"--version"}).text, "tiketi 1.2.3\n");
  const auto request = read({"--dump-config", "--port=77"});
  EXPECT_EQ(request.what, action::print);
  auto back = defaults();
  load_toml(back, request.text, "dump");
  EXPECT_EQ(back.http_port, 77);
}

TEST_F(command_line_test, demo_secrets_are_made_once_and_private) {
  auto first = read({"--demo", "--data", folder.string()}).values;
  const auto path = complete_for_demo(first);
  EXPECT_NO_THROW(check(first));
  EXPECT_EQ(first.payment_provider, "demo");
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  auto second = read({"--demo", "--data", folder.string()}).values;
  complete_for_demo(second);
  EXPECT_EQ(second.auth_jwt_secret, first.auth_jwt_secret);
  EXPECT_NE(first.auth_jwt_secret, first.queue_entry_token_secret);

  auto given = read({"--demo", "--data", folder.string()}, {{"JWT_SECRET", std::string(32, 'z')}});
  complete_for_demo(given.values);
  EXPECT_EQ(given.values.auth_jwt_secret, std::string(32, 'z')) << "the environment wins";
}

TEST_F(command_line_test, without_demo_nothing_is_made) {
  auto values = read({"--data", folder.string()}).values;
  EXPECT_EQ(complete_for_demo(values), "");
  EXPECT_THROW(check(values), settings_error);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

} // namespace
} // namespace tiketi::config
