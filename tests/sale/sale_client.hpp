#pragma once

#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

namespace tiketi::test {

struct seat_on_map {
  std::string id;
  std::string status;
  long long price = 0;
};

/// One person with a browser: an own connection, a session and an entry token.
class sale_client {
public:
  sale_client(boost::asio::any_io_executor executor, std::uint16_t port);

  http_connection http;
  std::string user_id;

  /// Registers and stays logged in. False: no 201.
  boost::asio::awaitable<bool> sign_up(std::string email);

  /// Takes over a session made earlier.
  void use_session(const std::string& access_token);
  const std::string& access_token() const noexcept { return access_token_; }
  const std::string& entry_token() const noexcept { return entry_token_; } ///< of the last `enter`

  /// Joins the line of the event and waits until it is admitted. False: refused or gone.
  boost::asio::awaitable<bool> enter(const std::string& event);

  boost::asio::awaitable<http_reply> reserve(const std::string& event,
                                             const std::vector<std::string>& seats,
                                             const std::string& idempotency_key = {});
  boost::asio::awaitable<http_reply> pay(const std::string& reservation);
  boost::asio::awaitable<http_reply> cancel(const std::string& reservation);
  boost::asio::awaitable<http_reply> leave(const std::string& event);

private:
  void refresh_headers();

  std::string access_token_;
  std::string entry_token_;
};

boost::asio::awaitable<void> pause(std::chrono::milliseconds time);

std::vector<seat_on_map> seats_of(const nlohmann::json& seat_map);

/// A random version 4 uuid of the test's own generator, so that a printed seed replays it.
std::string random_uuid(std::mt19937_64& chance);

/// The seed of this run: TIKETI_TEST_SEED, or a new one; printed either way.
std::uint64_t test_seed();

/// True under `tools/test --full`.
bool full_run();

/// The settings that a load from one address needs: no rate limits, cheap password hashes, quick
/// admission.
std::vector<std::string> load_arguments();

} // namespace tiketi::test
