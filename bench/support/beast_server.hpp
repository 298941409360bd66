#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace tiketi::bench {

/// The baseline of the HTTP benchmarks: Boost.Beast with nothing around it, which answers every
/// request with the same bytes. As many threads as tiketi's own server uses for its sockets.
class beast_server {
public:
  beast_server(std::string body, std::size_t threads);
  ~beast_server();

  std::uint16_t port() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tiketi::bench
