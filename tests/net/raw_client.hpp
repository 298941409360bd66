#pragma once

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tiketi::test {

/// An answer as it came over the wire.
struct raw_answer {
  int status = 0;
  std::string head;
  std::map<std::string, std::string> headers; ///< names in lower case; the last one of a name
  std::string body;
};

/// A TCP client that sends any bytes, also such as no HTTP library would. Gives up after a while.
class raw_client {
public:
  explicit raw_client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("cannot connect");
  }

  ~raw_client() { close(); }

  raw_client(raw_client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), input_(std::move(other.input_)) {}
  raw_client& operator=(raw_client&&) = delete;

  void close() {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
  }

  /// False where the server does not take all of it any more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  /// The next answer; nothing where the connection ends or nothing comes. `head_only`: to HEAD.
  std::optional<raw_answer> receive(bool head_only = false) {
    auto end = std::string::npos;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos)
      if (!fill())
        return std::nullopt;
    raw_answer out;
    out.head = input_.substr(0, end + 2);
    input_.erase(0, end + 4);
    out.status = std::stoi(out.head.substr(9, 3));
    std::size_t at = out.head.find("\r\n") + 2;
    while (at < out.head.size()) {
      const auto line_end = out.head.find("\r\n", at);
      const auto colon = out.head.find(": ", at);
      auto name = out.head.substr(at, colon - at);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      out.headers[name] = out.head.substr(colon + 2, line_end - colon - 2);
      at = line_end + 2;
    }
    const auto length = out.headers.find("content-length");
    if (head_only || length == out.headers.end())
      return out;
    const auto size = static_cast<std::size_t>(std::stoull(length->second));
    while (input_.size() < size)
      if (!fill())
        return std::nullopt;
    out.body = input_.substr(0, size);
    input_.erase(0, size);
    return out;
  }

  std::optional<raw_answer> ask(std::string_view bytes, bool head_only = false) {
    send(bytes);
    return receive(head_only);
  }

  /// True once the server closed its side and nothing is left to read.
  bool at_end() {
    while (fill()) {
    }
    return ended_ && input_.empty();
  }

private:
  bool fill() {
    pollfd p{fd_, POLLIN, 0};
    if (::poll(&p, 1, 10'000) <= 0)
      return false;
    char bytes[16 * 1024];
    const auto n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n <= 0) {
      ended_ = true;
      return false;
    }
    input_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  bool ended_ = false;
  std::string input_;
};

} // namespace tiketi::test
