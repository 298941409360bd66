#include "tests/sale/sale_client.hpp"

#include <cstdio>
#include <cstdlib>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tiketi::test {

namespace asio = boost::asio;

sale_client::sale_client(asio::any_io_executor executor, std::uint16_t port)
    : http(std::move(executor), port) {}

void sale_client::refresh_headers() {
  http.common.clear();
  if (!access_token_.empty())
    http.common.emplace_back("Authorization", "Bearer " + access_token_);
  if (!entry_token_.empty())
    http.common.emplace_back("x-queue-entry-token", entry_token_);
}

asio::awaitable<bool> sale_client::sign_up(std::string email) {
  // Built as objects of their own: g++ 12 miscompiles initializer lists inside co_await.
  nlohmann::json body;
  body["email"] = email;
  body["password"] = "correct horse";
  body["name"] = "Load";
  const auto reply = co_await http.post("/api/v1/auth/register", body);
  if (reply.status != 201)
    co_return false;
  const auto answer = reply.json();
  user_id = answer["user"]["id"].get<std::string>();
  use_session(answer["token"].get<std::string>());
  co_return true;
}

void sale_client::use_session(const std::string& access_token) {
  access_token_ = access_token;
  refresh_headers();
}

asio::awaitable<bool> sale_client::enter(const std::string& event) {
  auto reply = co_await http.send("POST", "/api/v1/queue/check/" + event);
  while (reply.status == 200) {
    const auto answer = reply.json();
    if (answer.value("status", "") == "active") {
      entry_token_ = answer.value("entryToken", "");
      refresh_headers();
      co_return true;
    }
    if (answer.value("status", "") != "queued")
      co_return false;
    co_await pause(std::chrono::milliseconds{100});
    reply = co_await http.get("/api/v1/queue/status/" + event);
  }
  co_return false;
}

asio::awaitable<http_reply> sale_client::reserve(const std::string& event,
                                                 const std::vector<std::string>& seats,
                                                 const std::string& idempotency_key) {
  nlohmann::json body;
  body["eventId"] = event;
  body["seatIds"] = seats;
  if (!idempotency_key.empty())
    body["idempotencyKey"] = idempotency_key;
  co_return co_await http.post("/api/v1/seats/reserve", body);
}

asio::awaitable<http_reply> sale_client::pay(const std::string& reservation) {
  nlohmann::json body;
  body["reservationId"] = reservation;
  body["paymentMethod"] = "naver_pay";
  co_return co_await http.post("/api/v1/payments/process", body);
}

asio::awaitable<http_reply> sale_client::cancel(const std::string& reservation) {
  co_return co_await http.send("POST", "/api/v1/reservations/" + reservation + "/cancel");
}

asio::awaitable<http_reply> sale_client::leave(const std::string& event) {
  co_return co_await http.send("POST", "/api/v1/queue/leave/" + event);
}

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer{co_await asio::this_coro::executor, time};
  co_await timer.async_wait(asio::use_awaitable);
}

std::vector<seat_on_map> seats_of(const nlohmann::json& seat_map) {
  std::vector<seat_on_map> seats;
  for (const auto& seat : seat_map.at("seats"))
    seats.push_back({seat.at("id"), seat.at("status"), seat.at("price")});
  return seats;
}

std::string random_uuid(std::mt19937_64& chance) {
  const auto a = chance();
  const auto b = chance();
  char out[37];
  std::snprintf(out, sizeof out, "%08x-%04x-4%03x-%04x-%012llx", static_cast<unsigned>(a >> 32),
                static_cast<unsigned>(a >> 16 & 0xffff), static_cast<unsigned>(a & 0xfff),
                static_cast<unsigned>(0x8000 | (b >> 48 & 0x3fff)),
                static_cast<unsigned long long>(b & 0xffffffffffffULL));
  return out;
}

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("TIKETI_TEST_SEED");
    const std::uint64_t value =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("seed %llu (repeat with TIKETI_TEST_SEED=%llu)\n",
                static_cast<unsigned long long>(value), static_cast<unsigned long long>(value));
    return value;
  }();
  return seed;
}

bool full_run() {
  const char* full = std::getenv("TIKETI_TEST_FULL");
  return full != nullptr && *full == '1';
}

std::vector<std::string> load_arguments() {
  return {
      "--demo",
      "--gateway.rate_limits=false",
      "--auth.argon2_memory_kib=8",
      "--auth.argon2_iterations=1",
      "--auth.password_waiting_max=10000",
      "--queue.threshold=2000",
      "--queue.admission_batch=1000",
      "--queue.admission_interval_ms=100",
  };
}

} // namespace tiketi::test
