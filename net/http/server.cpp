#include "net/http/server.hpp"

#include "net/http/connection.hpp"
#include "net/http/front.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <fmt/format.h>
#include <prometheus/gauge.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

namespace tiketi::net {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Over the limit of connections this many still get a 503; the rest is closed without a word.
constexpr std::size_t refusals_max = 256;
/// Files, databases and sockets of others in this process.
constexpr std::size_t other_files = 512;
constexpr milliseconds accept_pause{100};

void check(const server_options& o) {
  const auto within = [](std::size_t value, std::size_t least, std::size_t most, const char* name) {
    if (value < least || value > most)
      throw std::invalid_argument(fmt::format("{} must be between {} and {}", name, least, most));
  };
  within(o.threads, 1, 64, "http threads");
  within(o.fronts, 1, 64, "http fronts");
  within(o.connections_max, 1, 1'000'000, "http connections");
  within(o.requests_in_flight_max, 1, 1'000'000, "http requests in flight");
  within(o.header_bytes_max, 1024, 1024 * 1024, "http header bytes");
  within(o.body_bytes_max, 0, 64 * 1024 * 1024, "http body bytes");
  for (const auto timeout : {o.header_timeout, o.body_timeout, o.idle_timeout, o.request_timeout,
                             o.write_timeout, o.linger_timeout})
    if (timeout < milliseconds{1} || timeout > std::chrono::hours{1})
      throw std::invalid_argument("http time-outs must be between 1 ms and one hour");
}

/// Out of memory in one handler must not end the process; its connection runs into its deadline.
void run(worker& w) {
  for (;;) {
    try {
      w.io().run();
      return;
    } catch (const std::exception& e) {
      spdlog::error("http thread: {}", e.what());
    }
  }
}

/// Systems start processes with room for 1024 files, and every connection is one.
void raise_file_limit(std::size_t wanted) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted)
    return;
  files.rlim_cur = std::min<rlim_t>(wanted, files.rlim_max);
  if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < wanted)
    spdlog::warn("only {} open files are allowed, {} would be needed for all connections",
                 files.rlim_cur, wanted);
}

} // namespace

struct server::impl {
  using work_guard = asio::executor_work_guard<asio::io_context::executor_type>;

  impl(caf::actor_system& s, environment& env, prometheus::Registry& registry, server_parts parts,
       server_options options)
      : sys(s),
        shared(
            std::make_shared<server_shared>(env, registry, std::move(parts), std::move(options))) {}

  void accept() {
    auto& target = *workers[next_worker];
    next_worker = (next_worker + 1) % workers.size();
    acceptor->async_accept(
        target.io(), [this, &target](const boost::system::error_code& ec, tcp::socket socket) {
          if (!acceptor->is_open())
            return;
          if (ec) {
            // Out of files, mostly. Trying again at once would spin.
            spdlog::warn("accept failed: {}", ec.message());
            pause->expires_after(accept_pause);
            pause->async_wait([this](const boost::system::error_code& stopped) {
              if (!stopped && acceptor->is_open())
                accept();
            });
            return;
          }
          const auto open = shared->connections.fetch_add(1);
          shared->metrics.connections.Increment();
          if (open >= shared->options.connections_max + refusals_max) {
            shared->connections.fetch_sub(1);
            shared->metrics.connections.Decrement();
          } else {
            const bool refuse = open >= shared->options.connections_max;
            asio::post(target.io(), [&target, refuse, s = std::move(socket)]() mutable {
              target.serve(std::move(s), refuse);
            });
          }
          accept();
        });
  }

  /// Runs on every worker's thread.
  template <class Work>
  void on_workers(Work work) {
    for (const auto& w : workers)
      asio::post(w->io(), [w = w.get(), work] { work(*w); });
  }

  void stop(milliseconds patience) {
    if (threads.empty())
      return;
    shared->draining = true;
    asio::post(workers.front()->io(), [this] {
      boost::system::error_code ec;
      acceptor->close(ec);
      pause->cancel();
    });
    on_workers([](worker& w) { w.close_connections(false); });
    {
      std::unique_lock lock{shared->empty_mutex};
      shared->empty.wait_for(lock, patience, [this] { return shared->connections == 0; });
    }
    on_workers([](worker& w) {
      w.close_connections(true);
      w.stop_sweep();
    });
    guards.clear();
    for (auto& t : threads)
      t.join();
    threads.clear();
    for (const auto& f : shared->fronts)
      caf::anon_send_exit(f, caf::exit_reason::user_shutdown);
    // The actors' end must not wait for somebody who still holds an exchange.
    shared->fronts.clear();
  }

  caf::actor_system& sys;
  std::shared_ptr<server_shared> shared;
  std::vector<std::shared_ptr<worker>> workers;
  std::unique_ptr<tcp::acceptor> acceptor;   ///< on the first worker
  std::unique_ptr<asio::steady_timer> pause; ///< on the first worker
  std::vector<work_guard> guards;
  std::vector<std::thread> threads;
  std::size_t next_worker = 0;
  std::uint16_t port = 0;
};

server::server(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
               server_parts parts, server_options options) {
  check(options);
  if (!parts.routes)
    throw std::invalid_argument("a server needs routes");
  impl_ = std::make_unique<impl>(sys, env, registry, std::move(parts), std::move(options));
}

server::~server() {
  impl_->stop(milliseconds{0});
}

result<std::uint16_t> server::start() {
  auto& self = *impl_;
  const auto& options = self.shared->options;
  if (!self.workers.empty())
    return failure{errc::conflict, "the server was started before"};
  const auto fail = [&](const char* what, const boost::system::error_code& ec) {
    self.acceptor.reset();
    self.workers.clear();
    return failure{errc::unavailable, fmt::format("cannot {} {}:{}: {}", what, options.address,
                                                  options.port, ec.message())};
  };
  for (std::size_t i = 0; i < options.threads; ++i)
    self.workers.push_back(std::make_shared<worker>(self.shared));
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(options.address, ec);
  if (ec)
    return fail("understand the address", ec);
  const tcp::endpoint endpoint{address, options.port};
  auto& first = self.workers.front()->io();
  self.acceptor = std::make_unique<tcp::acceptor>(first);
  self.acceptor->open(endpoint.protocol(), ec);
  if (!ec)
    self.acceptor->set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec)
    self.acceptor->bind(endpoint, ec);
  if (!ec)
    self.acceptor->listen(asio::socket_base::max_listen_connections, ec);
  if (ec)
    return fail("listen on", ec);
  self.port = self.acceptor->local_endpoint(ec).port();
  self.pause = std::make_unique<asio::steady_timer>(first);
  raise_file_limit(options.connections_max + refusals_max + other_files);

  for (std::size_t i = 0; i < options.fronts; ++i)
    self.shared->fronts.push_back(
        self.sys.spawn([env = &self.shared->env](caf::event_based_actor* front) {
          return front_actor(front, *env);
        }));
  for (const auto& w : self.workers)
    self.guards.emplace_back(w->io().get_executor());
  self.on_workers([](worker& w) { w.start_sweep(); });
  asio::post(first, [&self] { self.accept(); });
  for (const auto& w : self.workers)
    self.threads.emplace_back([w] { run(*w); });
  return self.port;
}

std::uint16_t server::port() const noexcept {
  return impl_->port;
}

void server::drain() {
  impl_->shared->draining = true;
}

bool server::is_draining() const noexcept {
  return impl_->shared->draining;
}

void server::stop(milliseconds patience) {
  impl_->stop(patience);
}

std::size_t server::connections() const noexcept {
  return impl_->shared->connections;
}

std::size_t server::requests_in_flight() const noexcept {
  return impl_->shared->in_flight;
}

} // namespace tiketi::net
