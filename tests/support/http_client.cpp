#include "tests/support/http_client.hpp"

#include "tests/support/spread.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

namespace tiketi::test {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

} // namespace

nlohmann::json http_reply::json() const {
  auto value = nlohmann::json::parse(body, nullptr, false);
  return value.is_discarded() ? nlohmann::json{} : value;
}

struct http_connection::impl {
  struct node {
    explicit node(std::uint16_t p) : port(p) {}

    void close() {
      stream.reset();
      buffer.clear();
    }

    std::uint16_t port;
    std::optional<beast::tcp_stream> stream;
    beast::flat_buffer buffer;
  };

  impl(asio::any_io_executor e, std::uint16_t port) : executor(std::move(e)) {
    for (const auto p : nodes_behind(port))
      nodes.emplace_back(p);
  }

  node& next(bool one_node) { return nodes[one_node ? 0 : requests++ % nodes.size()]; }

  asio::any_io_executor executor;
  std::vector<node> nodes;
  std::size_t requests = 0;
};

http_connection::http_connection(asio::any_io_executor executor, std::uint16_t port)
    : impl_(std::make_unique<impl>(std::move(executor), port)) {}

http_connection::~http_connection() = default;
http_connection::http_connection(http_connection&&) noexcept = default;

void http_connection::close() {
  for (auto& node : impl_->nodes)
    node.close();
}

asio::awaitable<http_reply> http_connection::send(std::string_view method, std::string target,
                                                  std::string body, header_list headers) {
  http_reply reply;
  auto& node = impl_->next(one_node);
  try {
    if (!node.stream) {
      node.stream.emplace(impl_->executor);
      node.stream->expires_after(patience);
      co_await node.stream->async_connect(
          asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), node.port},
          asio::use_awaitable);
      node.stream->socket().set_option(asio::ip::tcp::no_delay{true});
    }
    http::request<http::string_body> request{http::string_to_verb(std::string{method}), target, 11};
    request.set(http::field::host, "localhost");
    if (!body.empty())
      request.set(http::field::content_type, "application/json");
    for (const auto& [name, value] : common)
      request.set(name, value);
    for (const auto& [name, value] : headers)
      request.set(name, value);
    request.body() = std::move(body);
    request.prepare_payload();
    node.stream->expires_after(patience);
    co_await http::async_write(*node.stream, request, asio::use_awaitable);
    http::response_parser<http::string_body> parser;
    parser.body_limit(64 * 1024 * 1024);
    if (method == "HEAD")
      parser.skip(true);
    co_await http::async_read(*node.stream, node.buffer, parser, asio::use_awaitable);
    auto& answer = parser.get();
    reply.status = static_cast<int>(answer.result_int());
    for (const auto& field : answer) {
      if (field.name() == http::field::set_cookie)
        reply.cookies.emplace_back(field.value());
      else
        reply.headers.insert_or_assign(lower(std::string_view{field.name_string()}),
                                       std::string{field.value()});
    }
    reply.body = std::move(answer.body());
    if (!answer.keep_alive())
      node.close();
  } catch (const boost::system::system_error&) {
    // The server is gone or silent: whatever it was asked, it may or may not have done.
    node.close();
    reply = {};
  }
  co_return reply;
}

asio::awaitable<http_reply> http_connection::get(std::string target, header_list headers) {
  return send("GET", std::move(target), {}, std::move(headers));
}

asio::awaitable<http_reply> http_connection::post(std::string target, const nlohmann::json& body,
                                                  header_list headers) {
  return send("POST", std::move(target), body.dump(), std::move(headers));
}

struct http_client::impl {
  asio::io_context io;
  http_connection connection;

  explicit impl(std::uint16_t port) : connection(io.get_executor(), port) {}
};

http_client::http_client(std::uint16_t port) : impl_(std::make_unique<impl>(port)) {}
http_client::~http_client() = default;

http_reply http_client::send(std::string_view method, std::string target, std::string body,
                             header_list headers) {
  impl_->connection.common = common;
  impl_->connection.patience = patience;
  impl_->connection.one_node = one_node;
  auto future = asio::co_spawn(
      impl_->io,
      impl_->connection.send(method, std::move(target), std::move(body), std::move(headers)),
      asio::use_future);
  impl_->io.restart();
  impl_->io.run();
  return future.get();
}

void http_client::close() {
  impl_->connection.close();
}

http_reply http_client::get(std::string target, header_list headers) {
  return send("GET", std::move(target), {}, std::move(headers));
}

http_reply http_client::post(std::string target, const nlohmann::json& body, header_list headers) {
  return send("POST", std::move(target), body.dump(), std::move(headers));
}

} // namespace tiketi::test
