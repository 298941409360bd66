#include "net/http/connection.hpp"

#include "actors/base/trace.hpp"
#include "net/http/front.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>
#include <caf/send.hpp>
#include <nlohmann/json.hpp>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <spdlog/spdlog.h>

namespace tiketi::net {

namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;

constexpr std::size_t read_bytes = 4 * 1024;
constexpr std::size_t read_body_bytes = 64 * 1024;
/// Bodies up to this are copied behind the header, so that one buffer holds the answer.
constexpr std::size_t copied_body_bytes_max = 8 * 1024;
/// Memory that an idle connection or a spare request may keep.
constexpr std::size_t kept_bytes_max = 64 * 1024;
constexpr std::size_t spares_max = 512;
constexpr std::size_t spare_headers_max = 64;
/// Empty lines before a request that are forgiven.
constexpr std::size_t blank_bytes_max = 16;
/// What a client may send while it listens to a stream.
constexpr std::size_t stream_input_max = 64 * 1024;
/// Of the system, per stream.
constexpr int stream_send_buffer = 128 * 1024;
/// In flight over the limit for health and metrics: an overload must not look like a death.
constexpr std::size_t exempt_extra = 64;

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// HTTP has a status for it that no use case needs.
response too_slow() {
  constexpr const char* text = "The request came too slowly";
  return json_response(408, {{"error", text}, {"message", text}, {"code", "request_timeout"}});
}

response refused_expectation() {
  constexpr const char* text = "This expectation is not supported";
  return json_response(417, {{"error", text}, {"message", text}, {"code", "expectation_failed"}});
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view{"\r\n\0", 3}) != std::string_view::npos;
}

void append_number(std::string& out, std::size_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

/// The answer to a request finds its way back to the connection, if that still lives.
class http_exchange final : public exchange {
public:
  http_exchange(std::shared_ptr<worker> home, std::weak_ptr<connection> client,
                std::uint64_t sequence, request req, std::size_t charged)
      : home_(std::move(home)),
        client_(std::move(client)),
        sequence_(sequence),
        req_(std::move(req)),
        charged_(charged) {}

  ~http_exchange() override {
    if (!answered_.exchange(true))
      deliver(error_response(errc::internal));
    auto& shared = *home_->shared();
    shared.in_flight.fetch_sub(1, std::memory_order_relaxed);
    shared.body_bytes.fetch_sub(charged_, std::memory_order_relaxed);
    home_->recycle(std::move(req_));
  }

  const request& req() const noexcept override { return req_; }

  void reply(response r) override {
    if (!answered_.exchange(true))
      deliver(std::move(r));
  }

private:
  void deliver(response r) {
    asio::post(home_->io(), [client = client_, sequence = sequence_, r = std::move(r)]() mutable {
      if (const auto c = client.lock())
        c->answered(sequence, std::move(r));
    });
  }

  std::shared_ptr<worker> home_;
  std::weak_ptr<connection> client_;
  std::uint64_t sequence_;
  request req_;
  std::size_t charged_;
  std::atomic<bool> answered_{false};
};

class posted_verdict final : public rate_waiter {
public:
  posted_verdict(std::shared_ptr<worker> home, std::weak_ptr<connection> client)
      : home_(std::move(home)), client_(std::move(client)) {}

  void decided(rate_verdict verdict) override {
    asio::post(home_->io(), [client = client_, verdict] {
      if (const auto c = client.lock())
        c->limit_decided(verdict);
    });
  }

private:
  std::shared_ptr<worker> home_;
  std::weak_ptr<connection> client_;
};

std::chrono::milliseconds sweep_interval(const server_options& o) {
  const auto shortest = std::min({o.header_timeout, o.body_timeout, o.idle_timeout,
                                  o.request_timeout, o.write_timeout, o.linger_timeout});
  return std::clamp(shortest / 4, milliseconds{5}, milliseconds{250});
}

} // namespace

// -- worker ------------------------------------------------------------------------------------

worker::worker(std::shared_ptr<server_shared> shared)
    : shared_(std::move(shared)),
      sweep_every_(sweep_interval(shared_->options)),
      metrics_(shared_->metrics, shared_->parts.routes->all().size()) {}

worker::~worker() = default;

void worker::recycle(request used) {
  if (used.body.capacity() > kept_bytes_max || used.headers.size() > spare_headers_max)
    return;
  used.path.clear();
  used.query.clear();
  used.captures.clear();
  used.body.clear();
  used.trace.clear();
  used.parent_span.clear();
  used.who.reset();
  const std::lock_guard lock{spares_mutex_};
  if (spares_.size() < spares_max)
    spares_.push_back(std::move(used));
}

request worker::spare() {
  const std::lock_guard lock{spares_mutex_};
  if (spares_.empty())
    return {};
  auto out = std::move(spares_.back());
  spares_.pop_back();
  return out;
}

void worker::serve(asio::ip::tcp::socket socket, bool refuse) {
  if (finishing_) {
    forget_one();
    return;
  }
  auto c = std::make_shared<connection>(*this, std::move(socket));
  c->slot = connections_.size();
  connections_.push_back(c);
  if (refuse)
    c->refuse_connection();
  else
    c->start();
}

void worker::forget(connection& c) {
  const auto slot = c.slot;
  // Keeps `c` alive until here is done with it.
  const auto gone = std::move(connections_[slot]);
  if (slot + 1 != connections_.size()) {
    connections_[slot] = std::move(connections_.back());
    connections_[slot]->slot = slot;
  }
  connections_.pop_back();
  forget_one();
}

void worker::forget_one() {
  shared_->metrics.connections.Decrement();
  if (shared_->connections.fetch_sub(1) == 1) {
    const std::lock_guard lock{shared_->empty_mutex};
    shared_->empty.notify_all();
  }
}

void worker::close_connections(bool now) {
  finishing_ = true;
  for (std::size_t i = connections_.size(); i-- > 0;) {
    // Closing moves the last one, which was looked at already, into this place.
    const auto c = connections_[i];
    if (now)
      c->close();
    else
      c->finish();
  }
}

void worker::start_sweep() {
  sweeping_ = true;
  sweep();
}

void worker::stop_sweep() {
  sweeping_ = false;
  sweep_timer_.cancel();
}

void worker::sweep() {
  // One timer for all sockets: a timer per read would cost more than the read.
  sweep_timer_.expires_after(sweep_every_);
  sweep_timer_.async_wait([this](const boost::system::error_code& ec) {
    if (ec || !sweeping_)
      return;
    const auto now = clock::now();
    for (std::size_t i = connections_.size(); i-- > 0;) {
      const auto c = connections_[i];
      c->check_deadline(now);
    }
    // By difference: the servers of one process share the gauge.
    const auto held = shared_->in_flight.load(std::memory_order_relaxed);
    const auto before = shared_->in_flight_reported.exchange(held);
    shared_->metrics.in_flight.Increment(static_cast<double>(held) - static_cast<double>(before));
    sweep();
  });
}

const std::string& worker::date_line() {
  const auto second = to_millis(shared_->env.now()) / 1000;
  if (second != date_second_) {
    date_second_ = second;
    const auto t = static_cast<std::time_t>(second);
    std::tm parts{};
    gmtime_r(&t, &parts);
    constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    date_line_ = fmt::format("Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n",
                             days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                             months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                             parts.tm_hour, parts.tm_min, parts.tm_sec);
  }
  return date_line_;
}

caf::actor& worker::next_front() {
  front_ = (front_ + 1) % shared_->fronts.size();
  return shared_->fronts[front_];
}

// -- connection: life --------------------------------------------------------------------------

connection::connection(worker& home, asio::ip::tcp::socket socket)
    : home_(home), socket_(std::move(socket)) {
  boost::system::error_code ec;
  const auto remote = socket_.remote_endpoint(ec);
  if (!ec) {
    peer_ = remote.address();
    peer_text_ = peer_.to_string();
  }
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
}

connection::~connection() {
  home_.shared()->body_bytes.fetch_sub(charged_, std::memory_order_relaxed);
}

void connection::start() {
  if (home_.shared()->parts.limits)
    waiter_ = std::make_shared<posted_verdict>(home_.shared_from_this(), weak_from_this());
  enter(phase::idle, home_.shared()->options.header_timeout);
  read();
}

void connection::refuse_connection() {
  home_.shared()->metrics.refused_connections.Increment();
  refuse(error_response(errc::overloaded));
}

void connection::enter(phase p, std::chrono::milliseconds patience) {
  phase_ = p;
  deadline_ = clock::now() + patience;
}

void connection::close() {
  if (phase_ == phase::closed)
    return;
  phase_ = phase::closed;
  boost::system::error_code ec;
  socket_.close(ec);
  stream_.reset();
  home_.forget(*this);
}

void connection::finish() {
  keep_alive_ = false;
  finishing_ = true;
  // A stream has no end to wait for; its client goes on elsewhere from the last event it has.
  if (phase_ == phase::idle || phase_ == phase::streaming)
    close();
}

void connection::check_deadline(clock::time_point now) {
  if (now < deadline_)
    return;
  auto& metrics = home_.shared()->metrics;
  switch (phase_) {
  case phase::idle:
  case phase::writing:
  case phase::streaming:
  case phase::lingering:
    close();
    break;
  case phase::head:
  case phase::body:
    metrics.refused_timeout.Increment();
    // Two writes must not overlap; a client that does not even take one line gets nothing.
    if (continuing_)
      close();
    else
      refuse(too_slow());
    break;
  case phase::limiting:
    // The verdict may still come and must not be taken for that of the next request.
    keep_alive_ = false;
    [[fallthrough]];
  case phase::handling:
    metrics.refused_timeout.Increment();
    send(error_response(errc::timeout));
    break;
  case phase::closed:
    break;
  }
}

// -- connection: reading -----------------------------------------------------------------------

void connection::read() {
  const bool plenty = phase_ == phase::body || phase_ == phase::lingering;
  const auto room = buffer_.prepare(plenty ? read_body_bytes : read_bytes);
  reading_ = true;
  socket_.async_read_some(room,
                          [self = shared_from_this()](const boost::system::error_code& ec,
                                                      std::size_t n) { self->on_read(ec, n); });
}

void connection::on_read(const boost::system::error_code& ec, std::size_t n) {
  reading_ = false;
  switch (phase_) {
  case phase::idle:
  case phase::head:
  case phase::body:
    if (ec)
      return close();
    buffer_.commit(n);
    return advance();
  case phase::lingering:
    // Whatever arrives now is thrown away.
    return ec ? close() : read();
  case phase::streaming:
    // Nothing is expected but the end.
    unread_ += n;
    return ec || unread_ > stream_input_max ? close() : read();
  default:
    // Answered while it was waiting for more; `on_written` goes on.
    return;
  }
}

void connection::begin_message() {
  const auto& options = home_.shared()->options;
  if (!req_.headers.empty())
    home_.recycle(std::move(req_));
  req_ = home_.spare();
  req_.peer = peer_text_;
  passage_ = {};
  parser_.emplace(req_, options.header_bytes_max, options.body_bytes_max);
  header_bytes_ = 0;
  header_checked_ = false;
  entered_ = false;
  has_request_ = false;
  authenticated_ = false;
  trace_.clear();
  parent_span_.clear();
  method_ = verb::get;
  ++sequence_;
  enter(phase::head, options.header_timeout);
}

void connection::advance() {
  const auto& options = home_.shared()->options;
  for (;;) {
    if (!parser_) {
      // Some clients send an empty line behind a body.
      auto bytes = static_cast<const char*>(buffer_.data().data());
      while (buffer_.size() > 0 && (*bytes == '\r' || *bytes == '\n')
             && blank_lines_ < blank_bytes_max) {
        buffer_.consume(1);
        ++blank_lines_;
        bytes = static_cast<const char*>(buffer_.data().data());
      }
      if (buffer_.size() == 0)
        return read();
      begin_message();
    }
    boost::system::error_code ec;
    const auto used = parser_->put(buffer_.data(), ec);
    buffer_.consume(used);
    if (!header_checked_)
      header_bytes_ += used;
    if (ec && ec != beast_http::error::need_more) {
      home_.shared()->metrics.refused_malformed.Increment();
      if (ec == beast_http::error::header_limit)
        return refuse(error_response(errc::header_too_large));
      if (parser_->is_body_too_large())
        return refuse(error_response(errc::payload_too_large));
      return refuse(error_response({errc::invalid_request, "Malformed HTTP request"}));
    }
    // The parser's own limit is per field; this one is for all.
    if (!header_checked_ && header_bytes_ > options.header_bytes_max) {
      home_.shared()->metrics.refused_malformed.Increment();
      return refuse(error_response(errc::header_too_large));
    }
    if (!header_checked_ && parser_->is_header_done()) {
      header_checked_ = true;
      if (!check_header())
        return;
    }
    if (!charge_body()) {
      home_.shared()->metrics.refused_overload.Increment();
      return refuse(error_response(errc::overloaded));
    }
    if (parser_->is_done())
      return handle();
    if (ec == beast_http::error::need_more || buffer_.size() == 0)
      return read();
  }
}

bool connection::check_header() {
  const auto& options = home_.shared()->options;
  version_ = parser_->version();
  method_ = req_.method;
  auto& malformed = home_.shared()->metrics.refused_malformed;
  if ((version_ == 11 && parser_->hosts() != 1) || parser_->hosts() > 1
      || parser_->is_ambiguous()) {
    malformed.Increment();
    refuse(error_response({errc::invalid_request, "Malformed HTTP request"}));
    return false;
  }
  const auto length = parser_->content_length();
  // A route may take longer bodies than others. Which route it is, and whether this client may call
  // it, is found out before such a body is read.
  if (length && *length > options.body_bytes_max && *length <= options.bodies_bytes_max
      && !enter_early())
    return false;
  const auto most = entered_ ? std::max(options.body_bytes_max, passage_.found->body_bytes_max)
                             : options.body_bytes_max;
  if (length && *length > most) {
    malformed.Increment();
    refuse(error_response(errc::payload_too_large));
    return false;
  }
  parser_->set_body_limit(most);
  if (parser_->is_done())
    return true;
  enter(phase::body, options.body_timeout);
  if (parser_->expect().empty() || version_ < 11)
    return true;
  auto expected = parser_->expect();
  std::transform(expected.begin(), expected.end(), expected.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (expected != "100-continue") {
    refuse(refused_expectation());
    return false;
  }
  continuing_ = true;
  asio::async_write(socket_, asio::buffer(continue_line),
                    [self = shared_from_this()](const boost::system::error_code& ec, std::size_t) {
                      self->continuing_ = false;
                      if (self->phase_ != phase::body)
                        return;
                      if (ec)
                        self->close();
                      else
                        self->advance();
                    });
  return false;
}

bool connection::charge_body() {
  const auto size = req_.body.size();
  if (size <= charged_)
    return true;
  auto& total = home_.shared()->body_bytes;
  const auto before = total.fetch_add(size - charged_, std::memory_order_relaxed);
  const auto after = before + size - charged_;
  charged_ = size;
  return after <= home_.shared()->options.bodies_bytes_max;
}

// -- connection: handling ----------------------------------------------------------------------

/// The filters up to access, for a request whose body is still to come. False: answered.
bool connection::enter_early() {
  auto answer =
      home_.shared()->chain.enter(req_, parser_->target(), peer_, home_.shared()->tokens, passage_);
  trace_ = req_.trace;
  parent_span_ = req_.parent_span;
  authenticated_ = req_.who.has_value();
  entered_ = !answer.has_value() && passage_.found != nullptr;
  if (answer)
    refuse(std::move(*answer));
  return entered_;
}

void connection::handle() {
  auto& shared = *home_.shared();
  began_ = clock::now();
  has_request_ = true;
  keep_alive_ = parser_->keep_alive() && keep_alive_;
  std::optional<response> answer;
  if (!entered_)
    answer = shared.chain.enter(req_, parser_->target(), peer_, shared.tokens, passage_);
  trace_ = req_.trace;
  parent_span_ = req_.parent_span;
  authenticated_ = req_.who.has_value();
  if (answer)
    return send(std::move(*answer));
  if (!shared.parts.limits || passage_.found->limit == rate_category::exempt)
    return proceed({});
  enter(phase::limiting, shared.options.request_timeout);
  const auto verdict =
      shared.parts.limits->admit(passage_.found->limit, passage_.client, shared.env.now(), waiter_);
  if (verdict)
    proceed(*verdict);
}

void connection::limit_decided(rate_verdict verdict) {
  if (phase_ == phase::limiting)
    proceed(verdict);
}

void connection::proceed(const rate_verdict& verdict) {
  auto& shared = *home_.shared();
  if (!verdict.allowed) {
    shared.metrics.rate_limited.Increment();
    return send(filters::rate_limited(verdict));
  }
  if (auto answer = shared.chain.leave(req_, passage_))
    return send(std::move(*answer));
  dispatch_request();
}

void connection::dispatch_request() {
  auto& shared = *home_.shared();
  const auto most = shared.options.requests_in_flight_max
                    + (passage_.found->limit == rate_category::exempt ? exempt_extra : 0);
  if (shared.in_flight.fetch_add(1, std::memory_order_relaxed) >= most) {
    shared.in_flight.fetch_sub(1, std::memory_order_relaxed);
    shared.metrics.refused_overload.Increment();
    return send(error_response(errc::overloaded));
  }
  enter(phase::handling, shared.options.request_timeout);
  auto x = std::make_shared<http_exchange>(home_.shared_from_this(), weak_from_this(), sequence_,
                                           std::move(req_), std::exchange(charged_, 0));
  caf::anon_send(home_.next_front(), dispatch{std::move(x), passage_.found});
}

void connection::answered(std::uint64_t sequence, response r) {
  if (phase_ == phase::handling && sequence == sequence_)
    send(std::move(r));
}

// -- connection: writing -----------------------------------------------------------------------

void connection::refuse(response r) {
  keep_alive_ = false;
  cut_off_ = true;
  if (parser_ && header_checked_)
    passage_.cors_headers = home_.shared()->chain.cors_headers(req_);
  began_ = clock::now();
  send(std::move(r));
}

void connection::send(response r) {
  const auto& shared = *home_.shared();
  if (shared.draining.load(std::memory_order_relaxed))
    keep_alive_ = false;
  if (trace_.empty())
    trace_ = make_traceparent(shared.env);
  if (r.stream && method_ == verb::head)
    r.stream.reset();
  if (r.stream)
    keep_alive_ = false;
  status_ = r.status;
  compose(r);
  stream_ = std::move(r.stream);
  enter(phase::writing, shared.options.write_timeout);

  std::array<asio::const_buffer, 2> parts{asio::buffer(head_), asio::const_buffer{}};
  const bool has_body = !stream_ && method_ != verb::head && r.status != 204 && r.status != 304;
  if (has_body && r.shared_body) {
    shared_body_ = std::move(r.shared_body);
    parts[1] = asio::buffer(*shared_body_);
  } else if (has_body && r.body.size() > copied_body_bytes_max) {
    body_ = std::move(r.body);
    parts[1] = asio::buffer(body_);
  } else if (has_body) {
    head_ += r.body;
    parts[0] = asio::buffer(head_);
  }
  asio::async_write(socket_, parts,
                    [self = shared_from_this()](const boost::system::error_code& ec, std::size_t) {
                      self->on_written(ec);
                    });
}

void connection::compose(const response& r) {
  const auto& body = r.shared_body ? *r.shared_body : r.body;
  auto& out = head_;
  out.clear();
  if (r.status == 200) {
    out += "HTTP/1.1 200 OK\r\nServer: tiketi\r\n";
  } else {
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::size_t>(r.status));
    out += ' ';
    const auto reason =
        beast_http::obsolete_reason(beast_http::int_to_status(static_cast<unsigned>(r.status)));
    out.append(reason.data(), reason.size());
    out += "\r\nServer: tiketi\r\n";
  }
  out += home_.date_line();
  if (r.stream) {
    // Without a length the body ends with the connection.
    out += "Content-Type: ";
    out += r.content_type;
    out += "\r\n";
  } else if (r.status != 204 && r.status != 304) {
    if (!body.empty()) {
      out += "Content-Type: ";
      out += r.content_type;
      out += "\r\n";
    }
    out += "Content-Length: ";
    append_number(out, body.size());
    out += "\r\n";
  }
  if (!keep_alive_)
    out += "Connection: close\r\n";
  else if (version_ == 10)
    out += "Connection: keep-alive\r\n";
  out += "X-Content-Type-Options: nosniff\r\nVary: Origin\r\ntraceparent: ";
  out += trace_;
  out += "\r\n";
  out += passage_.cors_headers;
  bool has_cache_rule = false;
  for (const auto& [name, value] : r.headers) {
    // Values may hold what a client sent; a line break in one would begin another header.
    if (has_line_break(name) || has_line_break(value))
      continue;
    has_cache_rule = has_cache_rule || name == "Cache-Control";
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  if (!has_cache_rule && (authenticated_ || r.status >= 400))
    out += "Cache-Control: no-store\r\n";
  out += "\r\n";
}

void connection::on_written(const boost::system::error_code& ec) {
  if (phase_ != phase::writing)
    return;
  const auto took = clock::now() - began_;
  home_.metrics().observe(passage_.found, method_, status_, took);
  record_span(took);
  if (spdlog::should_log(spdlog::level::debug))
    spdlog::debug("{} {} {} {:.3f} ms {}{}", to_string_view(method_),
                  has_request_ ? std::string_view{parser_->target()} : "-", status_,
                  std::chrono::duration<double, std::milli>(took).count(), peer_text_,
                  log_mark_of(trace_));
  shared_body_.reset();
  if (body_.capacity() > kept_bytes_max)
    std::string{}.swap(body_);
  if (head_.capacity() > kept_bytes_max)
    std::string{}.swap(head_);
  home_.shared()->body_bytes.fetch_sub(std::exchange(charged_, 0), std::memory_order_relaxed);
  if (ec)
    return close();
  if (stream_)
    return start_stream();
  if (cut_off_)
    return linger();
  if (!keep_alive_)
    return close();
  parser_.reset();
  blank_lines_ = 0;
  if (buffer_.size() == 0 && buffer_.capacity() > kept_bytes_max)
    buffer_ = boost::beast::flat_buffer{};
  enter(phase::idle, home_.shared()->options.idle_timeout);
  advance();
}

void connection::record_span(clock::duration took) {
  const auto& shared = *home_.shared();
  if (!shared.parts.spans || !has_request_ || !is_sampled(trace_))
    return;
  trace::span s;
  s.trace = trace_;
  s.parent = parent_span_;
  s.method = to_string_view(method_);
  if (passage_.found != nullptr)
    s.route = passage_.found->pattern;
  s.name = s.route.empty() ? s.method : s.method + ' ' + s.route;
  s.status = status_;
  s.took = took;
  s.start = shared.env.now() - std::chrono::duration_cast<milliseconds>(took);
  shared.parts.spans->record(std::move(s));
}

void connection::linger() {
  // Closing with unread bytes would reset the connection, and the client might never see the
  // answer. So it gets the end of our side and some time to read.
  boost::system::error_code ec;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  if (ec)
    return close();
  enter(phase::lingering, home_.shared()->options.linger_timeout);
  // A read that was under way when the client was cut off goes on by itself.
  if (reading_)
    return;
  buffer_.clear();
  read();
}

// -- connection: streams -----------------------------------------------------------------------

void connection::start_stream() {
  if (finishing_)
    return close();
  phase_ = phase::streaming;
  deadline_ = clock::time_point::max();
  parser_.reset();
  buffer_.clear();
  // Systems keep megabytes for a client that does not read; what waits for it is to be seen here.
  boost::system::error_code ec;
  socket_.set_option(asio::socket_base::send_buffer_size(stream_send_buffer), ec);
  // Reading is how the end of a client shows that is told nothing for a while.
  if (!reading_)
    read();
  stream_->attach([home = home_.shared_from_this(), client = weak_from_this()] {
    asio::post(home->io(), [client] {
      if (const auto c = client.lock())
        c->pump();
    });
  });
}

void connection::pump() {
  if (phase_ != phase::streaming)
    return;
  if (stream_->given_up())
    return close();
  if (pumping_)
    return;
  last_chunks_ = !stream_->take(chunks_);
  if (chunks_.empty()) {
    if (last_chunks_)
      linger();
    return;
  }
  std::vector<asio::const_buffer> parts;
  parts.reserve(chunks_.size());
  for (const auto& chunk : chunks_)
    parts.push_back(asio::buffer(*chunk));
  pumping_ = true;
  deadline_ = clock::now() + home_.shared()->options.write_timeout;
  asio::async_write(socket_, parts,
                    [self = shared_from_this()](const boost::system::error_code& ec, std::size_t) {
                      self->pumping_ = false;
                      self->chunks_.clear();
                      if (self->phase_ != phase::streaming)
                        return;
                      if (ec)
                        return self->close();
                      self->deadline_ = clock::time_point::max();
                      if (self->last_chunks_)
                        self->linger();
                      else
                        self->pump();
                    });
}

} // namespace tiketi::net
