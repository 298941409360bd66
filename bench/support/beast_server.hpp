#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace tiketi::bench {

/// The baseline of the HTTP benchmarks: Boost.Beast with nothing around it, which answers every
/// request with the same bytes. Threads that share nothing, as tiketi's own server has them: a
/// context of its own for each, no strands.
class beast_server {
public:
  /// `port` 0 takes a free one.
  beast_server(std::string body, std::size_t threads, std::uint16_t port = 0);
  ~beast_server();

  std::uint16_t port() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tiketi::bench
