// The HTTP server with all its filters and front actors, but no role behind it, so that it can be
// held against beast_baseline. http_edge <port> <threads> <body bytes>; port 0 takes a free one and
// prints it. GET /open needs nothing; GET /user needs the access token `bench` as bearer or cookie.

#include "actors/system/actor_config.hpp"
#include "net/http/server.hpp"

#include <cstdlib>
#include <iostream>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <caf/actor_system.hpp>
#include <prometheus/registry.h>

using namespace tiketi;

namespace {

void run(std::uint16_t port, std::size_t threads, std::size_t body_bytes) {
  auto env = make_system_environment();
  auto registry = std::make_shared<prometheus::Registry>();
  const auto body = std::make_shared<const std::string>(body_bytes, 'x');
  actor_config config{threads};
  caf::actor_system sys{config};
  auto routes = std::make_shared<net::router>();
  for (const auto who : {net::access::open, net::access::user})
    routes->add({.method = net::verb::get,
                 .pattern = who == net::access::open ? "/open" : "/user",
                 .who = who,
                 .limit = net::rate_category::general,
                 .body = net::body_rule::none,
                 .handle = [body](net::front&, const net::exchange_ptr& x) {
                   net::response r;
                   r.shared_body = body;
                   x->reply(std::move(r));
                 }});
  net::server_parts parts{
      routes,
      [](std::string_view token, time_point now) -> result<net::verified_token> {
        if (token != "bench")
          return errc::unauthenticated;
        return net::verified_token{{user_id{}, "bench@example.com", "user"},
                                   now + std::chrono::hours{1}};
      },
      net::make_local_rate_limiter({.general = 100'000'000})};
  net::server_options options;
  options.port = port;
  options.threads = threads;
  net::server web{sys, *env, *registry, std::move(parts), options};
  const auto started = web.start();
  if (!started)
    throw std::runtime_error(started.error().text);
  std::cout << *started << std::endl;
  boost::asio::io_context io;
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};
  signals.async_wait([](const boost::system::error_code&, int) {});
  io.run();
  web.stop(std::chrono::seconds{2});
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: http_edge <port> <threads> <body bytes>\n";
    return EXIT_FAILURE;
  }
  try {
    run(static_cast<std::uint16_t>(std::stoul(argv[1])), std::stoul(argv[2]), std::stoul(argv[3]));
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
