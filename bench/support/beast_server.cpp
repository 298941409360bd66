#include "bench/support/beast_server.hpp"

#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace tiketi::bench {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
public:
  session(tcp::socket socket, const std::string& body)
      : socket_(std::move(socket)), answer_(http::status::ok, 11) {
    socket_.set_option(tcp::no_delay(true));
    answer_.set(http::field::content_type, "application/json");
    answer_.body() = {body.data(), body.size()};
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
  http::response<http::span_body<const char>> answer_;
};

} // namespace

struct beast_server::impl {
  impl(std::string b, std::size_t threads, std::uint16_t port) : body(std::move(b)) {
    for (std::size_t i = 0; i < threads; ++i)
      contexts.push_back(std::make_unique<asio::io_context>(1));
    acceptor.emplace(*contexts.front(), tcp::endpoint{tcp::v4(), port});
    accept();
    for (auto& c : contexts)
      pool.emplace_back([&c] {
        const auto work = asio::make_work_guard(*c);
        c->run();
      });
  }

  ~impl() {
    for (auto& c : contexts)
      c->stop();
    for (auto& t : pool)
      t.join();
  }

  void accept() {
    auto& home = *contexts[next++ % contexts.size()];
    acceptor->async_accept(home,
                           [this, &home](const boost::system::error_code& ec, tcp::socket socket) {
                             if (ec)
                               return;
                             asio::post(home, [this, s = std::move(socket)]() mutable {
                               std::make_shared<session>(std::move(s), body)->read();
                             });
                             accept();
                           });
  }

  std::string body;
  std::vector<std::unique_ptr<asio::io_context>> contexts;
  std::optional<tcp::acceptor> acceptor;
  std::size_t next = 0;
  std::vector<std::thread> pool;
};

beast_server::beast_server(std::string body, std::size_t threads, std::uint16_t port)
    : impl_(std::make_unique<impl>(std::move(body), threads, port)) {}

beast_server::~beast_server() = default;

std::uint16_t beast_server::port() const noexcept {
  return impl_->acceptor->local_endpoint().port();
}

} // namespace tiketi::bench
