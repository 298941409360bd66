// A bare Beast server that answers every request with the same bytes: the most that Beast gives on
// this machine. beast_baseline <port> <threads> <body bytes>; port 0 takes a free one and prints
// it.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
public:
  session(tcp::socket socket, const std::string& body)
      : socket_(std::move(socket)), answer_(http::status::ok, 11, body) {
    socket_.set_option(tcp::no_delay(true));
    answer_.set(http::field::server, "baseline");
    answer_.set(http::field::content_type, "application/json");
    answer_.prepare_payload();
  }

  void read() {
    request_ = {};
    http::async_read(socket_, buffer_, request_,
                     [self = shared_from_this()](const boost::system::error_code& ec, std::size_t) {
                       if (!ec)
                         self->write();
                     });
  }

private:
  void write() {
    http::async_write(
        socket_, answer_,
        [self = shared_from_this()](const boost::system::error_code& ec, std::size_t) {
          if (!ec)
            self->read();
        });
  }

  tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> answer_;
};

class listener {
public:
  listener(std::vector<std::unique_ptr<asio::io_context>>& contexts, std::uint16_t port,
           std::string body)
      : contexts_(contexts),
        acceptor_(*contexts.front(), {tcp::v4(), port}),
        body_(std::move(body)) {}

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void accept() {
    auto& target = *contexts_[next_++ % contexts_.size()];
    acceptor_.async_accept(
        target, [this, &target](const boost::system::error_code& ec, tcp::socket socket) {
          if (ec)
            return;
          asio::post(target, [this, s = std::move(socket)]() mutable {
            std::make_shared<session>(std::move(s), body_)->read();
          });
          accept();
        });
  }

private:
  std::vector<std::unique_ptr<asio::io_context>>& contexts_;
  tcp::acceptor acceptor_;
  std::string body_;
  std::size_t next_ = 0;
};

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: beast_baseline <port> <threads> <body bytes>\n";
    return EXIT_FAILURE;
  }
  try {
    const auto port = static_cast<std::uint16_t>(std::stoul(argv[1]));
    const auto threads = std::max<std::size_t>(1, std::stoul(argv[2]));
    // One context per thread, as the server has it: no strands, no shared queue.
    std::vector<std::unique_ptr<asio::io_context>> contexts;
    for (std::size_t i = 0; i < threads; ++i)
      contexts.push_back(std::make_unique<asio::io_context>(1));
    listener source{contexts, port, std::string(std::stoul(argv[3]), 'x')};
    source.accept();
    asio::signal_set signals{*contexts.front(), SIGINT, SIGTERM};
    signals.async_wait([&](const boost::system::error_code&, int) {
      for (auto& c : contexts)
        c->stop();
    });
    std::cout << source.port() << std::endl;
    std::vector<std::jthread> running;
    for (auto& c : contexts)
      running.emplace_back([&c] {
        const auto work = asio::make_work_guard(*c);
        c->run();
      });
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
