#include "actors/cluster/transport.hpp"

#include <atomic>
#include <charconv>
#include <cstring>
#include <ctime>
#include <memory>
#include <random>

#include <caf/actor_system.hpp>
#include <caf/detail/get_process_id.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/openssl/publish.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace caf::detail {

// In place of libcaf_core's own definition. A node's id is made of the machine's addresses and this
// number; with the process' number two nodes in containers take each other for themselves, and a
// node that was restarted for the one before.
unsigned get_process_id() {
  static const unsigned start = std::random_device{}();
  static std::atomic<unsigned> systems{0};
  return start + systems++;
}

} // namespace caf::detail

namespace tiketi::cluster {

mono since_boot() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

std::optional<std::string> problem_of(const transport_options& options) {
  const int files = (options.ca_file.empty() ? 0 : 1) + (options.certificate_file.empty() ? 0 : 1)
                    + (options.key_file.empty() ? 0 : 1);
  if (files != 0 && files != 3)
    return "nodes need all three for TLS: the CA's certificate, their own, and its key";
  const bool loopback =
      options.bind == "127.0.0.1" || options.bind == "::1" || options.bind == "localhost";
  if (files == 0 && !loopback && !options.plain)
    return fmt::format("without certificates nodes talk on the loopback interface only, not on "
                       "'{}', unless that is allowed explicitly",
                       options.bind);
  if (options.heartbeat.count() <= 0 || options.silence_max < 3 * options.heartbeat)
    return "a peer may be silent for three heartbeats at least";
  if (options.window == 0 || options.payload_max == 0 || options.tick.count() <= 0)
    return "bounds of the transport must be positive";
  return std::nullopt;
}

void prepare(actor_config& config, const transport_options& options) {
  config.load<caf::io::middleman>();
  config.set("middleman.heartbeat-interval", caf::timespan{options.heartbeat});
  config.set("middleman.connection-timeout", caf::timespan{options.silence_max});
  config.set("middleman.workers", std::size_t{1});
  config.set("middleman.app-identifiers", std::vector<std::string>{"tiketi/cluster-1"});
  if (options.tls()) {
    config.load<caf::openssl::manager>();
    config.openssl_cafile = options.ca_file;
    config.openssl_certificate = options.certificate_file;
    config.openssl_key = options.key_file;
  }
}

result<std::uint16_t> publish(caf::actor_system& sys, const caf::actor& gateway,
                              const transport_options& options) {
  const auto* in = options.bind.empty() ? nullptr : options.bind.c_str();
  // `reuse` always: connections of the process before may linger.
  const auto port = options.tls() ? caf::openssl::publish(gateway, options.port, in, true)
                                  : sys.middleman().publish(gateway, options.port, in, true);
  if (!port)
    return failure{errc::unavailable,
                   fmt::format("cannot listen for other nodes on {}:{}: {}", options.bind,
                               options.port, sys.render(port.error()))};
  return *port;
}

std::optional<host_and_port> parse_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0)
    return std::nullopt;
  host_and_port out;
  out.host = address.substr(0, colon);
  if (out.host.front() == '[') {
    if (out.host.size() < 3 || out.host.back() != ']')
      return std::nullopt;
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  const char* begin = address.data() + colon + 1;
  const char* end = address.data() + address.size();
  const auto read = std::from_chars(begin, end, out.port);
  if (read.ec != std::errc{} || read.ptr != end || out.port == 0)
    return std::nullopt;
  return out;
}

namespace {

class deadline {
public:
  explicit deadline(milliseconds after) : at_(std::chrono::steady_clock::now() + after) {}

  /// False: too late, or the socket is broken.
  bool wait(int socket, short events) const {
    for (;;) {
      const auto left =
          std::chrono::duration_cast<milliseconds>(at_ - std::chrono::steady_clock::now());
      if (left.count() <= 0)
        return false;
      pollfd one{socket, events, 0};
      const int ready = ::poll(&one, 1, static_cast<int>(left.count()));
      if (ready > 0)
        return (one.revents & (events | POLLHUP | POLLERR)) != 0;
      if (ready == 0 || errno != EINTR)
        return false;
    }
  }

private:
  std::chrono::steady_clock::time_point at_;
};

bool shakes_hands(int socket, const transport_options& options, const deadline& until) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free};
  if (!context
      || SSL_CTX_load_verify_locations(context.get(), options.ca_file.c_str(), nullptr) != 1
      || SSL_CTX_use_certificate_chain_file(context.get(), options.certificate_file.c_str()) != 1
      || SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(), SSL_FILETYPE_PEM)
             != 1)
    return false;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl{SSL_new(context.get()), &SSL_free};
  if (!ssl || SSL_set_fd(ssl.get(), socket) != 1)
    return false;
  for (;;) {
    const int done = SSL_connect(ssl.get());
    if (done == 1) {
      SSL_shutdown(ssl.get());
      return true;
    }
    switch (SSL_get_error(ssl.get(), done)) {
    case SSL_ERROR_WANT_READ:
      if (!until.wait(socket, POLLIN))
        return false;
      break;
    case SSL_ERROR_WANT_WRITE:
      if (!until.wait(socket, POLLOUT))
        return false;
      break;
    default:
      return false;
    }
  }
}

bool answers(const addrinfo& place, const transport_options& options, const deadline& until) {
  const int socket = ::socket(place.ai_family, place.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0)
    return false;
  const std::unique_ptr<const int, void (*)(const int*)> closer{&socket,
                                                                [](const int* s) { ::close(*s); }};
  if (::connect(socket, place.ai_addr, place.ai_addrlen) != 0) {
    int error = 0;
    socklen_t size = sizeof error;
    if (errno != EINPROGRESS || !until.wait(socket, POLLOUT)
        || ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
      return false;
  }
  if (options.tls())
    return shakes_hands(socket, options, until);
  char first = 0;
  return until.wait(socket, POLLIN) && ::recv(socket, &first, 1, 0) == 1;
}

} // namespace

bool probe(const host_and_port& address, const transport_options& options) {
  const deadline until{options.probe_timeout};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found)
      != 0)
    return false;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all{found, &freeaddrinfo};
  for (const auto* place = found; place != nullptr; place = place->ai_next)
    if (answers(*place, options, until))
      return true;
  return false;
}

} // namespace tiketi::cluster
