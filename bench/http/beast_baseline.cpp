// The bare Beast server of the benchmarks as a program, to be held against `http_edge` with a load
// generator such as wrk. beast_baseline <port> <threads> <body bytes>; port 0 takes a free one and
// prints it.

#include "bench/support/beast_server.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: beast_baseline <port> <threads> <body bytes>\n";
    return EXIT_FAILURE;
  }
  try {
    const tiketi::bench::beast_server server{std::string(std::stoul(argv[3]), 'x'),
                                             std::max<std::size_t>(1, std::stoul(argv[2])),
                                             static_cast<std::uint16_t>(std::stoul(argv[1]))};
    std::cout << server.port() << std::endl;
    boost::asio::io_context io;
    boost::asio::signal_set signals{io, SIGINT, SIGTERM};
    signals.async_wait([](const boost::system::error_code&, int) {});
    io.run();
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
