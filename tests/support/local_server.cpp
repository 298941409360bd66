#include "tests/support/local_server.hpp"

#include <atomic>
#include <optional>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace tiketi::test {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;
using manner = local_reply::manner;

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

struct pem_pair {
  std::string certificate;
  std::string key;
};

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

pem_pair self_signed() {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"),
                                                                &EVP_PKEY_free};
  const std::unique_ptr<X509, decltype(&X509_free)> cert{X509_new(), &X509_free};
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 86'400);
  X509_set_pubkey(cert.get(), key.get());
  auto* name = X509_get_subject_name(cert.get());
  const auto* common = reinterpret_cast<const unsigned char*>("127.0.0.1");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert.get(), cert.get(), nullptr, nullptr, 0);
  for (const auto& [id, value] : {std::pair{NID_subject_alt_name, "IP:127.0.0.1"},
                                  std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension{
        X509V3_EXT_conf_nid(nullptr, &context, id, value), &X509_EXTENSION_free};
    X509_add_ext(cert.get(), extension.get(), -1);
  }
  X509_sign(cert.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), &BIO_free};
  PEM_write_bio_X509(out.get(), cert.get());
  pem_pair pair;
  pair.certificate = bio_text(out.get());
  const std::unique_ptr<BIO, decltype(&BIO_free)> secret{BIO_new(BIO_s_mem()), &BIO_free};
  PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  pair.key = bio_text(secret.get());
  return pair;
}

/// One connection: request, answer, request, ...
template <class Stream>
class session : public std::enable_shared_from_this<session<Stream>> {
public:
  session(Stream stream, local_server::handler& handle)
      : stream_(std::move(stream)), timer_(stream_.get_executor()), handle_(handle) {}

  void start() {
    if constexpr (std::is_same_v<Stream, tcp::socket>)
      read();
    else
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code ec) {
                                if (!ec)
                                  self->read();
                              });
  }

  tcp::socket& socket() {
    if constexpr (std::is_same_v<Stream, tcp::socket>)
      return stream_;
    else
      return stream_.next_layer();
  }

private:
  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_,
                     [self = this->shared_from_this()](error_code ec, std::size_t) {
                       if (!ec)
                         self->handle();
                     });
  }

  void handle() {
    local_request r;
    r.method = std::string(request_.method_string());
    r.target = std::string(request_.target());
    for (const auto& field : request_)
      r.headers[lower({field.name_string().data(), field.name_string().size()})] =
          std::string(field.value());
    r.body = request_.body();
    reply_ = handle_(r);
    timer_.expires_after(reply_.delay);
    timer_.async_wait([self = this->shared_from_this()](error_code ec) {
      if (!ec)
        self->answer();
    });
  }

  void answer() {
    error_code ec;
    switch (reply_.how) {
    case manner::silence:
      // Reads on, so that the end of the connection is noticed.
      socket().async_wait(tcp::socket::wait_read, [self = this->shared_from_this()](error_code) {});
      return;
    case manner::reset:
      socket().set_option(asio::socket_base::linger(true, 0), ec);
      socket().close(ec);
      return;
    case manner::garbage:
      text_ = "this is no answer\r\n\r\nat all";
      break;
    case manner::whole:
    case manner::half: {
      text_ = "HTTP/1.1 " + std::to_string(reply_.status)
              + " Said\r\nContent-Length: " + std::to_string(reply_.body.size()) + "\r\n";
      for (const auto& [name, value] : reply_.headers)
        text_ += name + ": " + value + "\r\n";
      const auto shown = reply_.how == manner::half ? reply_.body.size() / 2 : reply_.body.size();
      text_ += "\r\n" + reply_.body.substr(0, shown);
      break;
    }
    }
    asio::async_write(stream_, asio::buffer(text_),
                      [self = this->shared_from_this()](error_code failed, std::size_t) {
                        if (failed)
                          return;
                        if (self->reply_.how == manner::whole)
                          return self->read();
                        error_code ignored;
                        self->socket().shutdown(tcp::socket::shutdown_both, ignored);
                        self->socket().close(ignored);
                      });
  }

  Stream stream_;
  asio::steady_timer timer_;
  local_server::handler& handle_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  local_reply reply_;
  std::string text_;
};

} // namespace

struct local_server::impl {
  impl(handler h, bool tls)
      : handle(std::move(h)), acceptor(io, {asio::ip::make_address("127.0.0.1"), 0}) {
    if (tls) {
      const auto pair = self_signed();
      certificate = pair.certificate;
      context.emplace(asio::ssl::context::tls_server);
      context->use_certificate_chain(asio::buffer(pair.certificate));
      context->use_private_key(asio::buffer(pair.key), asio::ssl::context::pem);
    }
    port = acceptor.local_endpoint().port();
    accept();
    thread = std::thread([this] { io.run(); });
  }

  ~impl() {
    io.stop();
    thread.join();
  }

  void accept() {
    acceptor.async_accept([this](error_code ec, tcp::socket socket) {
      if (ec)
        return;
      ++accepted;
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      if (context)
        std::make_shared<session<asio::ssl::stream<tcp::socket>>>(
            asio::ssl::stream<tcp::socket>(std::move(socket), *context), handle)
            ->start();
      else
        std::make_shared<session<tcp::socket>>(std::move(socket), handle)->start();
      accept();
    });
  }

  handler handle;
  std::string certificate;
  std::optional<asio::ssl::context> context;
  asio::io_context io{1};
  tcp::acceptor acceptor;
  std::uint16_t port = 0;
  std::atomic<std::size_t> accepted{0};
  std::thread thread;
};

local_server::local_server(handler handle, bool tls)
    : impl_(std::make_unique<impl>(std::move(handle), tls)) {}

local_server::~local_server() = default;

std::string local_server::url() const {
  return (impl_->context ? "https" : "http") + std::string("://127.0.0.1:")
         + std::to_string(impl_->port);
}

std::size_t local_server::connections() const {
  return impl_->accepted;
}

const std::string& local_server::certificate() const {
  return impl_->certificate;
}

} // namespace tiketi::test
