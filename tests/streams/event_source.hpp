#pragma once

#include "tests/streams/sse_reader.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tiketi::test {

/// A browser's EventSource on a plain socket.
class event_source {
public:
  explicit event_source(std::uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("cannot connect");
  }

  ~event_source() { close(); }

  event_source(event_source&& other) noexcept
      : head(std::move(other.head)),
        body(std::move(other.body)),
        reader(std::move(other.reader)),
        fd_(std::exchange(other.fd_, -1)),
        input_(std::move(other.input_)) {}
  event_source& operator=(event_source&&) = delete;

  void close() {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
  }

  void open(const std::string& target, const std::string& headers = {}) {
    const auto request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n{}\r\n", target, headers);
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL)
        != static_cast<ssize_t>(request.size()))
      throw std::runtime_error("cannot send");
  }

  /// Reads on until `enough`; false at the end of the stream, or when nothing comes any more.
  template <class Enough>
  bool read_until(Enough enough, int patience_ms = 20'000) {
    while (!enough(*this)) {
      pollfd p{fd_, POLLIN, 0};
      if (::poll(&p, 1, patience_ms) <= 0)
        return false;
      char bytes[64 * 1024];
      const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
      if (n <= 0) {
        ended = true;
        return false;
      }
      take({bytes, static_cast<std::size_t>(n)});
    }
    return true;
  }

  bool read_messages(std::size_t count) {
    return read_until([&](const event_source& s) { return s.reader.messages.size() >= count; });
  }

  bool read_to_end() {
    read_until([](const event_source&) { return false; });
    return ended;
  }

  int status() const { return head.size() > 12 ? std::stoi(head.substr(9, 3)) : 0; }
  bool has_header(const std::string& line) const {
    return head.find("\r\n" + line + "\r\n") != std::string::npos;
  }

  std::string head;
  std::string body; ///< as it came, after the head
  sse_reader reader;
  bool ended = false;

private:
  void take(std::string_view bytes) {
    if (head.empty()) {
      input_ += bytes;
      const auto end = input_.find("\r\n\r\n");
      if (end == std::string::npos)
        return;
      head = input_.substr(0, end + 2);
      body = input_.substr(end + 4);
      reader.feed(body);
      return;
    }
    body += bytes;
    reader.feed(bytes);
  }

  int fd_;
  std::string input_;
};

} // namespace tiketi::test
