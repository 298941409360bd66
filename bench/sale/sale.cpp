#include "bench/sale/sale.hpp"

#include "tests/support/http_client.hpp"

#include <cstdlib>
#include <iostream>
#include <vector>

#include <fmt/format.h>

namespace tiketi::bench {

namespace {

constexpr const char* jwt_secret = "bench-jwt-secret-0123456789-0123456789-abcdef";
constexpr const char* entry_secret = "bench-entry-secret-0123456789-0123456789";

} // namespace

sale::sale()
    : env(make_system_environment()),
      sessions(*session_tokens::make(jwt_secret)),
      entries(*entry_tokens::make(entry_secret)) {}

test::server_process::options sale::server_options() const {
  test::server_process::options o;
  o.data = data.path();
  o.arguments = {"--demo", "--gateway.rate_limits=false", "--log.level=warn",
                 "--runtime.io_threads=" + std::to_string(socket_threads)};
  o.environment = {{"JWT_SECRET", jwt_secret},
                   {"QUEUE_ENTRY_TOKEN_SECRET", entry_secret},
                   {"INTERNAL_API_TOKEN", "bench-internal-token-0123456789-0123456789"}};
  return o;
}

std::string sale::session_of(const user_id& user) const {
  const auto now = env->now();
  return sessions.sign(
      access_claims{user, "bench@example.com", "user", now, now + std::chrono::hours{1}});
}

std::string sale::entry_of(const event_id& event, const user_id& user) const {
  const auto now = env->now();
  return entries.sign(entry_claims{event, user, now, now + std::chrono::minutes{10}});
}

std::string sale::headers_of(const event_id& event, const user_id& user) const {
  return "Authorization: Bearer " + session_of(user)
         + "\r\nx-queue-entry-token: " + entry_of(event, user) + "\r\n";
}

std::string sale::largest_hall(std::uint16_t port, nlohmann::json& map) const {
  test::http_client browser{port};
  std::string found;
  const auto answer = browser.get("/api/v1/events?status=on_sale&limit=100").json();
  for (const auto& e : answer.at("events")) {
    const std::string id = e.at("id");
    auto reply = browser.get("/api/v1/seats/events/" + id);
    if (reply.status != 200)
      continue;
    auto candidate = reply.json();
    if (found.empty() || candidate.at("seats").size() > map.at("seats").size()) {
      found = id;
      map = std::move(candidate);
    }
  }
  return found;
}

std::string get_request(const std::string& path, const std::string& token) {
  std::string out = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!token.empty())
    out += "Authorization: Bearer " + token + "\r\n";
  return out + "\r\n";
}

std::string post_request(const std::string& path, const std::string& headers,
                         const std::string& body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{}"
                     "Content-Length: {}\r\n\r\n{}",
                     path, headers, body.size(), body);
}

void expect_all(const load_result& r, int status, const char* what) {
  for (const auto& [code, count] : r.by_status)
    if (code != status) {
      std::cerr << what << ": " << count << " answers with status " << code << '\n';
      std::exit(1);
    }
}

load_result reserve_over_http(const sale& s, std::uint16_t port, const std::string& event,
                              const nlohmann::json& map, std::size_t count,
                              std::size_t connections) {
  const auto id = *parse_id<event_id>(event);
  std::vector<std::string> requests;
  std::string tokens;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 4 == 0) { // four seats a person
      const user_id user{make_uuid(*s.env)};
      tokens = s.headers_of(id, user);
    }
    const auto body = fmt::format(R"({{"eventId":"{}","seatIds":["{}"],"idempotencyKey":"{}"}})",
                                  event, map.at("seats").at(i).at("id").get<std::string>(),
                                  to_string(make_uuid(*s.env)));
    requests.push_back(post_request("/api/v1/seats/reserve", tokens, body));
  }
  return run_load({port, connections, count, {}}, [&](std::size_t i) { return requests[i]; });
}

} // namespace tiketi::bench
