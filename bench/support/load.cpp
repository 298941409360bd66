#include "bench/support/load.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tiketi::bench {

namespace {

using clock = std::chrono::steady_clock;

struct connection {
  int fd = -1;
  std::string out;
  std::size_t sent = 0;
  std::string head;          ///< what has come of the answer's head
  std::size_t body_left = 0; ///< of the answer being read
  bool in_body = false;
  int status = 0;
  clock::time_point asked;
};

int dial(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

/// Value of Content-Length in a complete head; 0 where there is none (304).
std::size_t content_length(std::string_view head) {
  for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
    const auto at = head.find(name);
    if (at == std::string_view::npos)
      continue;
    std::size_t value = 0;
    const char* from = head.data() + at + name.size();
    std::from_chars(from, head.data() + head.size(), value);
    return value;
  }
  return 0;
}

} // namespace

load_result run_load(const load_options& options,
                     const std::function<std::string(std::size_t)>& next) {
  load_result result;
  std::vector<connection> connections(options.connections);
  std::vector<float> latencies;
  const int poll = ::epoll_create1(0);
  const auto start = clock::now();
  const auto end = start + options.duration;
  std::size_t asked = 0;
  std::size_t open = 0;
  std::vector<char> buffer(256 * 1024);

  const auto more = [&] {
    return options.requests > 0 ? asked < options.requests : clock::now() < end;
  };
  const auto flush = [&](connection& c) {
    while (c.sent < c.out.size()) {
      const auto n = ::send(c.fd, c.out.data() + c.sent, c.out.size() - c.sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN)
        return;
      if (n < 0)
        throw std::runtime_error("the server closed a connection");
      c.sent += static_cast<std::size_t>(n);
    }
  };
  const auto ask = [&](connection& c) {
    if (!more()) {
      ::close(c.fd);
      c.fd = -1;
      --open;
      return;
    }
    c.out = next(asked++);
    c.sent = 0;
    c.asked = clock::now();
    flush(c);
  };
  const auto done = [&](connection& c) {
    ++result.answers;
    ++result.by_status[c.status];
    latencies.push_back(std::chrono::duration<float, std::milli>(clock::now() - c.asked).count());
    c.in_body = false;
    c.head.clear();
    ask(c);
  };

  for (std::size_t i = 0; i < connections.size(); ++i) {
    auto& c = connections[i];
    c.fd = dial(options.port);
    ++open;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = i;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, c.fd, &event);
  }
  for (auto& c : connections)
    ask(c);

  std::array<epoll_event, 256> events{};
  while (open > 0) {
    const int n = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 10'000);
    if (n == 0)
      throw std::runtime_error("no answer for ten seconds");
    for (int e = 0; e < n; ++e) {
      auto& c = connections[events[static_cast<std::size_t>(e)].data.u64];
      if (c.fd < 0)
        continue;
      flush(c);
      while (c.fd >= 0) {
        const auto got = ::recv(c.fd, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EAGAIN)
          break;
        if (got <= 0)
          throw std::runtime_error("the server closed a connection");
        auto size = static_cast<std::size_t>(got);
        result.bytes += size;
        if (!c.in_body) {
          c.head.append(buffer.data(), size);
          const auto head_end = c.head.find("\r\n\r\n");
          if (head_end == std::string::npos)
            continue;
          int status = 0;
          std::from_chars(c.head.data() + 9, c.head.data() + 12, status);
          c.status = status;
          c.body_left = content_length(std::string_view{c.head}.substr(0, head_end + 2));
          c.in_body = true;
          size = c.head.size() - head_end - 4;
        }
        c.body_left -= std::min(size, c.body_left);
        if (c.body_left == 0)
          done(c);
      }
    }
  }
  result.seconds = std::chrono::duration<double>(clock::now() - start).count();
  ::close(poll);
  if (!latencies.empty()) {
    const auto at = [&](double share) {
      const auto k = static_cast<std::ptrdiff_t>(share * static_cast<double>(latencies.size() - 1));
      std::nth_element(latencies.begin(), latencies.begin() + k, latencies.end());
      return static_cast<double>(latencies[static_cast<std::size_t>(k)]);
    };
    result.p50_ms = at(0.50);
    result.p99_ms = at(0.99);
  }
  return result;
}

} // namespace tiketi::bench
