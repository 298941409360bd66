#include "bench/support/beast_server.hpp"

#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace tiketi::bench {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
public:
  session(tcp::socket socket, const std::string& body) : stream_(std::move(socket)), body_(body) {}

  void read() {
    parser_.emplace();
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const beast::error_code& ec, std::size_t) {
                       if (!ec)
                         self->write();
                     });
  }

private:
  void write() {
    response_.emplace(http::status::ok, 11);
    response_->set(http::field::content_type, "application/json");
    response_->body() = http::span_body<const char>::value_type{body_.data(), body_.size()};
    response_->keep_alive(true);
    response_->prepare_payload();
    http::async_write(stream_, *response_,
                      [self = shared_from_this()](const beast::error_code& ec, std::size_t) {
                        if (!ec)
                          self->read();
                      });
  }

  beast::tcp_stream stream_;
  const std::string& body_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::span_body<const char>>> response_;
};

} // namespace

struct beast_server::impl {
  impl(std::string b, std::size_t threads)
      : body(std::move(b)),
        io(static_cast<int>(threads)),
        acceptor(io, {asio::ip::address_v4::loopback(), 0}) {
    accept();
    for (std::size_t i = 0; i < threads; ++i)
      pool.emplace_back([this] { io.run(); });
  }

  ~impl() {
    io.stop();
    for (auto& t : pool)
      t.join();
  }

  void accept() {
    acceptor.async_accept(asio::make_strand(io),
                          [this](const beast::error_code& ec, tcp::socket socket) {
                            if (ec)
                              return;
                            socket.set_option(tcp::no_delay{true});
                            std::make_shared<session>(std::move(socket), body)->read();
                            accept();
                          });
  }

  std::string body;
  asio::io_context io;
  tcp::acceptor acceptor;
  std::vector<std::thread> pool;
};

beast_server::beast_server(std::string body, std::size_t threads)
    : impl_(std::make_unique<impl>(std::move(body), threads)) {}

beast_server::~beast_server() = default;

std::uint16_t beast_server::port() const noexcept {
  return impl_->acceptor.local_endpoint().port();
}

} // namespace tiketi::bench
