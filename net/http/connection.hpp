#pragma once

#include "net/http/event_stream.hpp"
#include "net/http/filters.hpp"
#include "net/http/http_metrics.hpp"
#include "net/http/request_parser.hpp"
#include "net/http/server.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <caf/actor.hpp>

namespace tiketi::net {

class connection;

/// What all threads of a server share. Outlives the workers and every exchange.
struct server_shared {
  server_shared(environment& e, prometheus::Registry& registry, server_parts p, server_options o)
      : env(e),
        options(std::move(o)),
        parts(std::move(p)),
        chain(options.filters, parts.routes, e),
        tokens(parts.verify, options.tokens_cached_max),
        metrics(registry, options.application) {}

  environment& env;
  const server_options options;
  const server_parts parts;
  const filters chain;
  token_cache tokens;
  http_metrics metrics;
  std::vector<caf::actor> fronts; ///< fixed before the first connection

  std::atomic<bool> draining{false};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> in_flight{0};
  std::atomic<std::size_t> in_flight_reported{0}; ///< what the gauge says
  std::atomic<std::size_t> body_bytes{0};

  /// Signals that `connections` fell to zero.
  std::mutex empty_mutex;
  std::condition_variable empty;
};

/// One thread with its sockets. A connection never leaves its worker, so nothing in it needs a
/// lock. Kept alive by the exchanges too, because an actor may hold one for longer than the server
/// lives.
class worker : public std::enable_shared_from_this<worker> {
public:
  using clock = std::chrono::steady_clock;

  explicit worker(std::shared_ptr<server_shared> shared);
  ~worker();

  /// Any thread.
  boost::asio::io_context& io() noexcept { return io_; }
  const std::shared_ptr<server_shared>& shared() const noexcept { return shared_; }

  /// A used request whose memory the next one may take. Any thread.
  void recycle(request used);
  request spare();

  // -- on the worker's thread only --

  /// Takes over a socket. `refuse`: there are too many, so it only gets a 503.
  void serve(boost::asio::ip::tcp::socket socket, bool refuse);
  void forget(connection& c);
  /// Closes what is idle, lets the rest finish its answer. With `now` closes everything.
  void close_connections(bool now);
  void start_sweep();
  void stop_sweep();

  /// `Date: …` with its line end, made once per second.
  const std::string& date_line();
  caf::actor& next_front();
  route_metrics& metrics() noexcept { return metrics_; }

private:
  void sweep();
  void forget_one();

  // Destroyed last: the queued handlers in it refer to everything below only weakly.
  std::shared_ptr<server_shared> shared_;
  boost::asio::io_context io_{1};
  boost::asio::steady_timer sweep_timer_{io_};
  std::chrono::milliseconds sweep_every_;
  bool sweeping_ = false;
  bool finishing_ = false; ///< new connections come too late
  std::vector<std::shared_ptr<connection>> connections_;
  route_metrics metrics_;
  std::string date_line_;
  std::int64_t date_second_ = -1;
  std::size_t front_ = 0;

  std::mutex spares_mutex_;
  std::vector<request> spares_;
};

/// One client. Runs on its worker's thread only; `reply` of its exchanges comes in from anywhere.
class connection final : public std::enable_shared_from_this<connection> {
public:
  using clock = worker::clock;

  connection(worker& home, boost::asio::ip::tcp::socket socket);
  ~connection();

  void start();
  /// Answers 503 and closes.
  void refuse_connection();
  /// The deadline of the current phase, looked at by the worker's sweep.
  void check_deadline(clock::time_point now);
  /// Closes now where idle, after the answer otherwise.
  void finish();
  void close();

  /// The answer to request `sequence`; anything late is dropped.
  void answered(std::uint64_t sequence, response r);
  /// The rate limiter's answer to the current request.
  void limit_decided(rate_verdict verdict);

  std::size_t slot = 0; ///< place in the worker's list

private:
  enum class phase : std::uint8_t {
    idle,      ///< between two requests
    head,      ///< first bytes seen
    body,      ///< header accepted
    limiting,  ///< the rate limiter thinks
    handling,  ///< in a front actor
    writing,   ///< answer on its way
    streaming, ///< the head of a stream is out; what comes is passed on until one side ends it
    lingering, ///< answered early: reading until the client has seen it
    closed,
  };

  void enter(phase p, std::chrono::milliseconds patience);
  void begin_message();
  void read();
  void on_read(const boost::system::error_code& ec, std::size_t n);
  void advance();
  bool check_header();
  bool charge_body();
  bool enter_early();
  void handle();
  void proceed(const rate_verdict& verdict);
  void dispatch_request();
  void refuse(response r);
  void send(response r);
  void compose(const response& r);
  void on_written(const boost::system::error_code& ec);
  void record_span(clock::duration took);
  void linger();
  void start_stream();
  void pump();

  worker& home_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::ip::address peer_;
  std::string peer_text_;
  std::shared_ptr<rate_waiter> waiter_;
  boost::beast::flat_buffer buffer_;
  std::optional<request_parser> parser_;
  request req_;
  passage passage_;
  std::size_t header_bytes_ = 0;
  std::size_t charged_ = 0; ///< bytes of the body that count in `server_shared::body_bytes`
  std::size_t blank_lines_ = 0;
  std::uint64_t sequence_ = 0;
  clock::time_point deadline_;
  clock::time_point began_;
  phase phase_ = phase::idle;
  verb method_ = verb::get;
  bool has_request_ = false; ///< an answer now is the answer to a parsed request
  bool header_checked_ = false;
  bool entered_ = false; ///< the filters have let it in already
  bool reading_ = false;
  bool continuing_ = false; ///< `100 Continue` is on its way
  bool keep_alive_ = true;
  bool cut_off_ = false; ///< the client may still be sending when the answer goes out
  bool authenticated_ = false;
  int version_ = 11;
  int status_ = 0;
  std::string trace_;
  std::string parent_span_;
  std::string head_;
  std::string body_;
  std::shared_ptr<const std::string> shared_body_;
  std::shared_ptr<stream_source> stream_;
  std::vector<shared_text> chunks_; ///< of the stream, being written
  bool pumping_ = false;            ///< a write of the stream is under way
  bool last_chunks_ = false;        ///< after that write it ends
  bool finishing_ = false;
  std::size_t unread_ = 0; ///< bytes that came during a stream, thrown away
};

} // namespace tiketi::net
