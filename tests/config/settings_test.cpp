#include "config/settings.hpp"

#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>

namespace tiketi::config {
namespace {

std::string read(const std::string& name) {
  std::ifstream in{std::string{TIKETI_SOURCE_DIR} + "/" + name, std::ios::binary};
  EXPECT_TRUE(in) << name;
  return std::string{std::istreambuf_iterator<char>{in}, {}};
}

/// What load_toml says, or empty.
std::string toml_error(std::string_view text) {
  auto s = defaults();
  try {
    load_toml(s, text, "test.toml");
  } catch (const settings_error& e) {
    return e.what();
  }
  return {};
}

std::string environment_error(const environment_map& variables) {
  auto s = defaults();
  try {
    load_environment(s, variables);
  } catch (const settings_error& e) {
    return e.what();
  }
  return {};
}

std::string check_error(const settings& s) {
  try {
    check(s);
  } catch (const settings_error& e) {
    return e.what();
  }
  return {};
}

settings complete() {
  auto s = defaults();
  s.auth_jwt_secret = std::string(32, 'a');
  s.auth_internal_token = std::string(16, 'b');
  s.queue_entry_token_secret = std::string(32, 'c');
  s.payment_provider = "demo";
  return s;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(settings_table_test, every_row_is_complete_and_its_default_is_allowed) {
  std::set<std::string_view> names;
  std::set<std::string> variables;
  for (const auto& r : table()) {
    EXPECT_TRUE(names.insert(r.name).second) << r.name;
    EXPECT_TRUE(variables.insert(environment_name(r)).second) << r.name;
    EXPECT_EQ(std::count(r.name.begin(), r.name.end(), '.'), 1) << r.name;
    EXPECT_GE(r.sentence.size(), 20u) << r.name;
    EXPECT_NE(r.sentence.back(), '.') << r.name;
    EXPECT_LE(r.min, r.max) << r.name;
    if (r.secret.empty()) {
      auto s = defaults();
      EXPECT_EQ(assign(s, r, r.fallback), std::nullopt) << r.name;
      EXPECT_EQ(to_text(s, r), r.fallback) << r.name;
    }
  }
}

TEST(settings_table_test, no_two_rows_share_a_value) {
  for (const auto& a : table())
    for (const auto& b : table())
      EXPECT_EQ(a.target == b.target, &a == &b) << a.name << " and " << b.name;
}

TEST(settings_table_test, bounds_are_inclusive) {
  for (const auto& r : table()) {
    if (!std::holds_alternative<std::int64_t settings::*>(r.target))
      continue;
    auto s = defaults();
    EXPECT_FALSE(assign(s, r, std::to_string(r.min))) << r.name;
    EXPECT_FALSE(assign(s, r, std::to_string(r.max))) << r.name;
    EXPECT_EQ(to_text(s, r), std::to_string(r.max));
    EXPECT_TRUE(assign(s, r, std::to_string(r.min - 1))) << r.name;
    EXPECT_TRUE(assign(s, r, std::to_string(r.max + 1))) << r.name;
    EXPECT_EQ(to_text(s, r), std::to_string(r.max)) << "a refused value changes nothing";
  }
}

TEST(settings_table_test, a_complaint_names_setting_value_and_what_is_allowed) {
  auto s = defaults();
  for (const char* bad : {"", "x", "12x", "-1", "65536", "99999999999999999999", "1e3", " 80"}) {
    const auto wrong = assign(s, *find_row("http.port"), bad);
    ASSERT_TRUE(wrong) << bad;
    EXPECT_TRUE(contains(*wrong, "http.port") && contains(*wrong, bad)
                && contains(*wrong, "0 to 65535"))
        << *wrong;
  }
  const auto wrong = assign(s, *find_row("data.durability"), "some");
  ASSERT_TRUE(wrong);
  EXPECT_TRUE(contains(*wrong, "full, normal")) << *wrong;
}

TEST(settings_table_test, a_secret_is_never_shown) {
  auto s = defaults();
  const auto& r = *find_row("auth.jwt_secret");
  const auto wrong = assign(s, r, "hunter2");
  ASSERT_TRUE(wrong);
  EXPECT_FALSE(contains(*wrong, "hunter2"));
  EXPECT_TRUE(contains(*wrong, "JWT_SECRET"));
  const std::string secret = "correct horse battery staple 123456";
  ASSERT_FALSE(assign(s, r, secret));
  EXPECT_EQ(s.auth_jwt_secret, secret);
  EXPECT_FALSE(contains(to_text(s, r), secret));
  EXPECT_FALSE(contains(dump(s), secret));
}

TEST(settings_file_test, example_files_fit_the_table) {
  for (const char* name : {"config/embedded.toml", "config/loadtest.toml"}) {
    auto s = complete();
    EXPECT_NO_THROW(load_toml(s, read(name), name));
    EXPECT_EQ(check_error(s), "") << name;
  }
  auto s = defaults();
  load_toml(s, read("config/loadtest.toml"), "loadtest");
  EXPECT_FALSE(s.gateway_rate_limits);
  EXPECT_FALSE(s.auth_cookie_secure);
  EXPECT_EQ(s.http_port, 30080);
}

TEST(settings_file_test, unknown_and_invalid_entries_are_all_named_with_their_line) {
  const auto text = toml_error("[http]\nport = 70000\nprot = 1\n[nonsense]\nx = 1\n"
                               "[log]\nlevel = \"loud\"\n");
  EXPECT_TRUE(contains(text, "test.toml:2: http.port = '70000'")) << text;
  EXPECT_TRUE(contains(text, "test.toml:3: http.prot is no setting")) << text;
  EXPECT_TRUE(contains(text, "test.toml:5: nonsense.x is no setting")) << text;
  EXPECT_TRUE(contains(text, "test.toml:7: log.level = 'loud'")) << text;
  EXPECT_TRUE(contains(text, "trace, debug, info, warn, error, off")) << text;
}

TEST(settings_file_test, types_are_strict) {
  EXPECT_TRUE(contains(toml_error("[http]\nport = \"3001\""), "must be a whole number"));
  EXPECT_TRUE(contains(toml_error("[http]\nport = 3001.5"), "must be a whole number"));
  EXPECT_TRUE(contains(toml_error("[demo]\nenabled = 1"), "must be true or false"));
  EXPECT_TRUE(contains(toml_error("[log]\nlevel = true"), "must be a text"));
  EXPECT_TRUE(contains(toml_error("[gateway]\nallowed_origins = \"http://a\""), "must be a list"));
  EXPECT_TRUE(contains(toml_error("[gateway]\nallowed_origins = [1]"), "must be a list"));
  EXPECT_TRUE(contains(toml_error("port = 1"), "outside a section"));
  EXPECT_TRUE(contains(toml_error("[http\n"), "not a TOML file"));
}

TEST(settings_file_test, secrets_are_refused) {
  const auto text = toml_error("[auth]\njwt_secret = \"0123456789012345678901234567890123456789\"");
  EXPECT_TRUE(contains(text, "JWT_SECRET_FILE")) << text;
  EXPECT_FALSE(contains(text, "0123456789")) << text;
}

TEST(settings_file_test, a_dump_loads_to_the_same_values) {
  auto s = complete();
  s.http_port = 4711;
  s.demo_enabled = true;
  s.data_directory = "/tmp/with \"quotes\" and \\";
  s.gateway_allowed_origins = {"http://a.example", "https://b.example:8443"};
  s.ticket_hold_ttl = std::chrono::seconds{17};
  auto back = defaults();
  load_toml(back, dump(s), "dump");
  for (const auto& r : table())
    if (r.secret.empty()) {
      EXPECT_EQ(to_text(back, r), to_text(s, r)) << r.name;
    }
}

TEST(settings_environment_test, values_and_lists) {
  auto s = defaults();
  const auto ignored =
      load_environment(s, {{"TIKETI_HTTP_PORT", "81"},
                           {"TIKETI_GATEWAY_ALLOWED_ORIGINS", "http://a, http://b,"},
                           {"TIKETI_PORT", "tcp://10.0.0.1:80"},
                           {"PATH", "/bin"}});
  EXPECT_EQ(s.http_port, 81);
  EXPECT_EQ(s.gateway_allowed_origins, (std::vector<std::string>{"http://a", "http://b"}));
  EXPECT_EQ(ignored, std::vector<std::string>{"TIKETI_PORT"});
}

TEST(settings_environment_test, wrong_names_and_values_are_refused) {
  EXPECT_TRUE(contains(environment_error({{"TIKETI_HTTP_PROT", "1"}}), "TIKETI_HTTP_PROT"));
  EXPECT_TRUE(contains(environment_error({{"TIKETI_HTTP_PORT", "x"}}), "0 to 65535"));
  EXPECT_TRUE(contains(environment_error({{"TIKETI_AUTH_JWT_SECRET", std::string(40, 'x')}}),
                       "TIKETI_AUTH_JWT_SECRET"));
}

TEST(settings_environment_test, secrets_come_from_variables_or_files) {
  const auto path =
      std::filesystem::temp_directory_path() / ("tiketi-secret-" + std::to_string(::getpid()));
  std::ofstream{path} << std::string(40, 'q') << "\n";
  auto s = defaults();
  load_environment(s, {{"JWT_SECRET_FILE", path.string()},
                       {"INTERNAL_API_TOKEN", "local-dev-internal-api-token"}});
  EXPECT_EQ(s.auth_jwt_secret, std::string(40, 'q'));
  EXPECT_EQ(s.auth_internal_token, "local-dev-internal-api-token");
  EXPECT_TRUE(contains(
      environment_error({{"JWT_SECRET_FILE", path.string()}, {"JWT_SECRET", std::string(40, 'x')}}),
      "both JWT_SECRET and JWT_SECRET_FILE"));
  std::filesystem::remove(path);
  EXPECT_TRUE(contains(environment_error({{"JWT_SECRET_FILE", path.string()}}), "cannot be read"));
  EXPECT_TRUE(contains(environment_error({{"JWT_SECRET", "short"}}), "32 to 4096 bytes"));
}

TEST(settings_check_test, missing_secrets_and_contradictions_are_refused) {
  EXPECT_EQ(check_error(complete()), "");
  const auto missing = check_error(defaults());
  for (const char* name : {"JWT_SECRET", "INTERNAL_API_TOKEN", "QUEUE_ENTRY_TOKEN_SECRET"})
    EXPECT_TRUE(contains(missing, std::string{name} + " is missing")) << missing;
  EXPECT_FALSE(contains(missing, "INTERNAL_API_TOKEN_PREVIOUS")) << "optional";
  EXPECT_TRUE(contains(missing, "payment.provider")) << missing;

  auto s = complete();
  s.http_management_port = s.http_port;
  EXPECT_TRUE(contains(check_error(s), "http.management_port"));
  s = complete();
  s.ticket_seats_per_reservation = 8;
  EXPECT_TRUE(contains(check_error(s), "ticket.seats_per_user_and_event"));
  s = complete();
  s.gateway_allowed_origins = {"localhost:3000"};
  EXPECT_TRUE(contains(check_error(s), "'localhost:3000' is no origin"));
}

TEST(settings_check_test, secrets_and_keys_travel_encrypted_or_not_at_all) {
  auto s = complete();
  EXPECT_EQ(check_error(s), "");
  for (const char* good :
       {"https://api.example", "http://127.0.0.1:9", "http://localhost/x", "http://[::1]:1"}) {
    s.payment_toss_url = good;
    s.auth_google_keys_url = good;
    EXPECT_EQ(check_error(s), "") << good;
  }
  for (const char* bad :
       {"http://api.example", "https://", "ftp://x", "api.example", "http://127.0.0.1.example",
        "http://localhost:80@evil.example", "http://127.0.0.1:1\\@evil", "https://a b"}) {
    s = complete();
    s.payment_toss_url = bad;
    EXPECT_TRUE(contains(check_error(s), "payment.toss_url")) << bad;
    s = complete();
    s.auth_google_keys_url = bad;
    EXPECT_TRUE(contains(check_error(s), "auth.google_keys_url")) << bad;
  }
}

TEST(settings_check_test, toss_needs_its_secret) {
  auto s = complete();
  s.payment_provider = "toss";
  EXPECT_TRUE(contains(check_error(s), "TOSS_SECRET_KEY"));
  s.payment_toss_secret_key = "test_sk_1";
  EXPECT_EQ(check_error(s), "");
}

TEST(settings_check_test, a_redis_cluster_has_one_database_only) {
  auto s = complete();
  s.redis_database = 3;
  EXPECT_EQ(check_error(s), "");
  s.redis_cluster = true;
  EXPECT_TRUE(contains(check_error(s), "redis.cluster needs redis.database = 0, not 3"));
  s.redis_database = 0;
  EXPECT_EQ(check_error(s), "");
}

TEST(settings_check_test, postgresql_needs_passwords_and_plain_names) {
  const auto errors_of = [](const environment_map& variables) {
    auto s = defaults();
    load_environment(s, variables);
    std::string errors;
    check_database(s, errors);
    return errors;
  };
  EXPECT_EQ(errors_of({}), "") << "files need no password";
  const auto none = errors_of({{"TIKETI_DATABASE_KIND", "postgresql"}});
  for (const char* role : {"AUTH", "TICKET", "GATEWAY"})
    EXPECT_NE(none.find("TIKETI_DATABASE_PASSWORD_" + std::string{role} + " is missing"),
              std::string::npos)
        << none;
  EXPECT_EQ(errors_of({{"TIKETI_DATABASE_KIND", "postgresql"},
                       {"TIKETI_DATABASE_PASSWORD", "one for all"}}),
            "");
  const auto some = errors_of(
      {{"TIKETI_DATABASE_KIND", "postgresql"}, {"TIKETI_DATABASE_PASSWORD_AUTH", "only its own"}});
  EXPECT_EQ(some.find("PASSWORD_AUTH"), std::string::npos) << some;
  EXPECT_NE(some.find("PASSWORD_QUEUE"), std::string::npos) << some;
  for (const char* prefix : {"x; drop", "Upper", "1st", "it's"})
    EXPECT_NE(errors_of({{"TIKETI_DATABASE_KIND", "postgresql"},
                         {"TIKETI_DATABASE_PASSWORD", "one for all"},
                         {"TIKETI_DATABASE_NAME_PREFIX", prefix}}),
              "")
        << prefix;
  auto s = defaults();
  load_environment(s, {{"TIKETI_DATABASE_PASSWORD", "one for all"},
                       {"TIKETI_DATABASE_PASSWORD_TICKET", "the ticket's own"}});
  EXPECT_EQ(database_password_of(s, "ticket"), "the ticket's own");
  EXPECT_EQ(database_password_of(s, "queue"), "one for all");
}

TEST(settings_check_test, kafka_needs_brokers_and_whoever_logs_in_a_password) {
  auto s = complete();
  s.bus_kind = "kafka";
  EXPECT_TRUE(contains(check_error(s), "kafka.brokers"));
  s.kafka_brokers = {"a:9092", "b:9092"};
  EXPECT_EQ(check_error(s), "");
  s.kafka_security_protocol = "sasl_ssl";
  EXPECT_TRUE(contains(check_error(s), "KAFKA_SASL_PASSWORD"));
  s.kafka_sasl_username = "tiketi";
  s.kafka_sasl_password = "secret";
  EXPECT_EQ(check_error(s), "");
  s.kafka_ssl_certificate_file = "node.pem";
  EXPECT_TRUE(contains(check_error(s), "kafka.ssl_key_file"));
}

TEST(settings_docs_test, the_page_is_what_the_table_says) {
  EXPECT_EQ(read("docs/settings.md"), markdown())
      << "run: tiketi --settings-doc > docs/settings.md";
}

/// With everything else that a start needs.
settings with_queues() {
  auto s = defaults();
  s.demo_enabled = true;
  s.payment_provider = "demo";
  s.auth_jwt_secret = s.auth_internal_token = s.queue_entry_token_secret = std::string(40, 'x');
  s.sqs_enabled = s.worker_enabled = true;
  s.sqs_queue_url = "https://sqs.eu-west-1.amazonaws.com/1/notices.fifo";
  s.worker_queue_url = "https://sqs.eu-west-1.amazonaws.com/1/work";
  s.sqs_access_key_id = "AKIA";
  s.sqs_secret_access_key = "secret";
  return s;
}

std::string sqs_complaints(const settings& s) {
  std::string out;
  check_sqs(s, out);
  return out;
}

TEST(settings_sqs_test, queues_need_an_address_and_somebody_who_calls) {
  EXPECT_EQ(sqs_complaints(with_queues()), "");
  EXPECT_EQ(sqs_complaints(defaults()), "");
  EXPECT_NO_THROW(check(with_queues()));
  const auto refuses = [](auto change, std::string_view words) {
    auto s = with_queues();
    change(s);
    EXPECT_NE(sqs_complaints(s).find(words), std::string::npos) << sqs_complaints(s) << words;
    EXPECT_THROW(check(s), settings_error);
  };
  refuses([](settings& s) { s.sqs_queue_url.clear(); }, "sqs.enabled needs sqs.queue_url");
  refuses([](settings& s) { s.worker_queue_url.clear(); }, "worker.enabled needs worker.queue_url");
  refuses([](settings& s) { s.sqs_queue_url = "https://host/1/notices"; }, ".fifo");
  refuses([](settings& s) { s.sqs_queue_url = "http://host/1/notices.fifo"; }, "http:// to this");
  refuses([](settings& s) { s.sqs_endpoint = "http://host:4566"; }, "http:// to this");
  refuses([](settings& s) { s.sqs_access_key_id.clear(); }, "AWS_ACCESS_KEY_ID");
  refuses([](settings& s) { s.sqs_secret_access_key.clear(); }, "AWS_SECRET_ACCESS_KEY_FILE");
  refuses([](settings& s) { s.sqs_region = "eu west"; }, "sqs.region");
  refuses([](settings& s) { s.worker_visibility = std::chrono::seconds{10}; },
          "worker.visibility_seconds");
}

TEST(settings_sqs_test, calls_go_to_the_host_of_the_queue_or_to_the_endpoint) {
  auto s = with_queues();
  EXPECT_EQ(sqs_endpoint_of(s, s.sqs_queue_url), "https://sqs.eu-west-1.amazonaws.com");
  EXPECT_EQ(sqs_endpoint_of(s, "no address"), "");
  s.sqs_endpoint = "http://127.0.0.1:4566/";
  EXPECT_EQ(sqs_endpoint_of(s, s.sqs_queue_url), "http://127.0.0.1:4566");
}

TEST(settings_sqs_test, variables_of_the_contract_are_read_and_a_setting_s_own_wins) {
  auto s = defaults();
  load_environment(s, {{"SQS_ENABLED", "true"},
                       {"SQS_QUEUE_URL", "https://h/1/q.fifo"},
                       {"AWS_REGION", "eu-west-1"},
                       {"TIKETI_SQS_REGION", "eu-west-2"},
                       {"AWS_ACCESS_KEY_ID", "AKIA"}});
  EXPECT_TRUE(s.sqs_enabled);
  EXPECT_EQ(s.sqs_queue_url, "https://h/1/q.fifo");
  EXPECT_EQ(s.sqs_region, "eu-west-2");
  EXPECT_EQ(s.sqs_access_key_id, "AKIA");
  EXPECT_THROW(load_environment(s, {{"SQS_ENABLED", "perhaps"}}), settings_error);
}

} // namespace
} // namespace tiketi::config
