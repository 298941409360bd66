#pragma once

#include "actors/base/environment.hpp"
#include "actors/base/ids.hpp"
#include "actors/token/tokens.hpp"
#include "bench/support/load.hpp"
#include "tests/support/places.hpp"
#include "tests/support/process.hpp"

#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace tiketi::bench {

constexpr std::size_t socket_threads = 2;

/// The demo data of a program in a folder of its own, and the keys to log in as anybody.
class sale {
public:
  sale();

  std::unique_ptr<environment> env;
  session_tokens sessions;
  entry_tokens entries;
  test::temp_dir data;

  test::server_process::options server_options() const;
  std::string session_of(const user_id& user) const;
  std::string entry_of(const event_id& event, const user_id& user) const;

  /// The header lines of somebody who is logged in and admitted.
  std::string headers_of(const event_id& event, const user_id& user) const;

  /// The seated event on sale with the most seats; `map` is its seat map.
  std::string largest_hall(std::uint16_t port, nlohmann::json& map) const;
};

std::string get_request(const std::string& path, const std::string& token);

/// `headers`: whole lines.
std::string post_request(const std::string& path, const std::string& headers,
                         const std::string& body);

/// Ends the benchmark when any answer has another status.
void expect_all(const load_result& r, int status, const char* what);

/// The first `count` seats of the map, one reservation each, four a person.
load_result reserve_over_http(const sale& s, std::uint16_t port, const std::string& event,
                              const nlohmann::json& map, std::size_t count,
                              std::size_t connections = 64);

} // namespace tiketi::bench
