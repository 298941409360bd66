#include "tests/support/tcp_proxy.hpp"

#include <array>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tiketi::test {

namespace {

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void at_once(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// The other end sees an error and not an orderly end.
void reset(int& fd) {
  if (fd < 0)
    return;
  const linger none{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  ::close(fd);
  fd = -1;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

} // namespace

tcp_proxy::tcp_proxy(std::uint16_t server_port) : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  auto address = local(0);
  socklen_t size = sizeof address;
  if (listener_ < 0 || wake_ < 0
      || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0
      || ::listen(listener_, 64) != 0
      || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no proxy on the loopback interface");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

tcp_proxy::~tcp_proxy() {
  {
    const std::lock_guard guard{lock_};
    stopping_ = true;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

void tcp_proxy::next(fault what, std::string text) {
  const std::lock_guard guard{lock_};
  fault_ = what;
  text_ = std::move(text);
  armed_ = true;
  happened_ = false;
}

bool tcp_proxy::happened() {
  std::unique_lock guard{lock_};
  return changed_.wait_for(guard, std::chrono::seconds{10}, [this] { return happened_; });
}

void tcp_proxy::cut() {
  std::unique_lock guard{lock_};
  cutting_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
  changed_.wait(guard, [this] { return !cutting_; });
}

void tcp_proxy::refuse(bool on) {
  const std::lock_guard guard{lock_};
  refusing_ = on;
}

void tcp_proxy::freeze(bool on) {
  std::unique_lock guard{lock_};
  frozen_ = on;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
  changed_.wait(guard, [this, on] { return is_frozen_ == on; });
}

void tcp_proxy::tell_apart(std::function<int(std::uint16_t)> who) {
  const std::lock_guard guard{lock_};
  who_ = std::move(who);
}

void tcp_proxy::silence(int client, bool on) {
  std::unique_lock guard{lock_};
  if (on)
    silent_.insert(client);
  else
    silent_.erase(client);
  const auto mine = ++silence_wanted_;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
  changed_.wait(guard, [this, mine] { return silence_known_ >= mine; });
}

void tcp_proxy::close(link& l) {
  reset(l.client);
  reset(l.server);
}

void tcp_proxy::open() {
  sockaddr_in from{};
  socklen_t size = sizeof from;
  int client = ::accept4(listener_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC);
  if (client < 0)
    return;
  ++accepted_;
  bool refused = false;
  std::function<int(std::uint16_t)> who;
  {
    const std::lock_guard guard{lock_};
    refused = refusing_;
    who = who_;
  }
  const int number = who && !refused ? who(ntohs(from.sin_port)) : -1;
  int server = refused ? -1 : ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = local(server_port_);
  if (server < 0
      || ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    reset(client);
    reset(server);
    return;
  }
  at_once(client);
  at_once(server);
  links_.push_back({client, server, false, number});
}

bool tcp_proxy::from_client(link& l) {
  std::array<char, 65536> buffer;
  const auto n = ::recv(l.client, buffer.data(), buffer.size(), 0);
  if (n <= 0)
    return false;
  const std::string_view bytes{buffer.data(), static_cast<std::size_t>(n)};
  std::unique_lock guard{lock_};
  if (armed_ && bytes.find(text_) != std::string_view::npos) {
    armed_ = false;
    const auto what = fault_;
    if (what != fault::lose_answer) {
      happened_ = true;
      changed_.notify_all();
    }
    guard.unlock();
    switch (what) {
    case fault::lose_request:
      return false;
    case fault::forget_client:
      reset(l.client);
      return true;
    case fault::lose_answer:
      l.answer_lost = true;
      break;
    }
  } else {
    guard.unlock();
  }
  return send_all(l.server, bytes);
}

bool tcp_proxy::from_server(link& l) {
  std::array<char, 65536> buffer;
  const auto n = ::recv(l.server, buffer.data(), buffer.size(), 0);
  if (n <= 0)
    return false;
  if (l.answer_lost) {
    const std::lock_guard guard{lock_};
    happened_ = true;
    changed_.notify_all();
    return false;
  }
  if (l.client < 0)
    return true;
  return send_all(l.client, {buffer.data(), static_cast<std::size_t>(n)});
}

void tcp_proxy::run() {
  bool frozen = false;
  std::set<int> silent;
  for (;;) {
    std::vector<pollfd> waiting{{wake_, POLLIN, 0}, {frozen ? -1 : listener_, POLLIN, 0}};
    for (const auto& l : links_) {
      const bool still = frozen || silent.contains(l.who);
      waiting.push_back({still ? -1 : l.client, POLLIN, 0}); // negative ones are passed over
      waiting.push_back({still ? -1 : l.server, POLLIN, 0});
    }
    ::poll(waiting.data(), waiting.size(), -1);
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto n = ::read(wake_, &ignored, sizeof ignored);
    {
      const std::lock_guard guard{lock_};
      frozen = frozen_;
      if (is_frozen_ != frozen) {
        is_frozen_ = frozen;
        changed_.notify_all();
      }
      if (silence_known_ != silence_wanted_) {
        silent = silent_;
        silence_known_ = silence_wanted_;
        changed_.notify_all();
      }
      if (stopping_ || cutting_) {
        for (auto& l : links_)
          close(l);
        links_.clear();
        cutting_ = false;
        changed_.notify_all();
        if (stopping_)
          return;
        continue;
      }
      if (frozen)
        continue; // also what was there just before
    }
    std::size_t at = 2;
    for (auto l = links_.begin(); l != links_.end(); at += 2) {
      bool alive = true;
      if (silent.contains(l->who)) { // also what was there just before
        ++l;
        continue;
      }
      if (l->client >= 0 && waiting[at].revents != 0)
        alive = from_client(*l);
      if (alive && waiting[at + 1].revents != 0)
        alive = from_server(*l);
      if (alive) {
        ++l;
      } else {
        close(*l);
        l = links_.erase(l);
      }
    }
    if (waiting[1].revents != 0)
      open();
  }
}

} // namespace tiketi::test
