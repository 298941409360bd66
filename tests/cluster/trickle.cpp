#include "tests/cluster/trickle.hpp"

#include "tests/cluster/history.hpp"
#include "tests/sale/sale_client.hpp"
#include "tests/support/http_client.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace tiketi::test {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t nodes_max = 16;
constexpr std::size_t repeats_max = 5;
constexpr milliseconds patience{15'000};
constexpr int silent_max = 2; ///< unanswered questions after which a node counts as gone

bool in_doubt(const http_reply& reply) {
  return reply.unknown() || reply.status >= 500;
}

struct visitor {
  std::size_t hall = 0;
  std::string token;
  std::string entry;
  std::vector<http_connection> nodes;
  std::mt19937_64 chance;
};

} // namespace

struct trickle::impl {
  impl(sale_cluster& s, std::uint64_t seed) : sale(s), served(s.halls.size()) {
    for (std::size_t i = 0; i < sale.halls.size(); ++i) {
      visitor v;
      v.hall = i;
      v.chance.seed(seed * 1000 + i);
      for (std::size_t n = 0; n < sale.cluster.size(); ++n) {
        v.nodes.emplace_back(io.get_executor(), sale.cluster.port(n));
        v.nodes.back().patience = patience;
      }
      visitors.push_back(std::move(v));
    }
    for (auto& at : served)
      at = 0;
  }

  sale_cluster& sale;
  asio::io_context io;
  std::vector<visitor> visitors;
  std::vector<std::atomic<std::int64_t>> served; ///< by hall: answer of the last hold that worked
  std::vector<std::int64_t> called;              ///< and when it had begun
  mutable std::mutex lock;                       ///< of `called` and of the tally
  std::array<std::atomic<bool>, nodes_max> ready{};
  std::array<std::atomic<bool>, nodes_max> leaving{};
  std::array<std::atomic<bool>, nodes_max> avoided{};
  std::atomic<bool> stopping{false};
  std::thread crowd;
  std::thread balancer;
  std::exception_ptr broken;
  tally sum;
  std::vector<std::string> unready; ///< what nodes said that nobody had stopped

  void spawn(asio::awaitable<void> work) {
    asio::co_spawn(io, std::move(work), [this](std::exception_ptr e) {
      if (e)
        broken = e;
    });
  }

  void watch() {
    std::vector<std::unique_ptr<http_client>> probes;
    for (std::size_t n = 0; n < sale.cluster.size(); ++n) {
      probes.push_back(std::make_unique<http_client>(sale.cluster.port(n)));
      probes.back()->patience = std::chrono::seconds{1};
    }
    std::vector<int> silent(probes.size());
    while (!stopping) {
      for (std::size_t n = 0; n < probes.size(); ++n) {
        const auto reply = probes[n]->get("/actuator/health/readiness");
        silent[n] = reply.unknown() ? silent[n] + 1 : 0;
        if (!reply.unknown() || silent[n] >= silent_max)
          ready[n] = reply.status == 200;
        if (!reply.unknown() && reply.status != 200 && !leaving[n] && unready.size() < 20)
          unready.push_back(cluster_process::name(n) + ": " + probes[n]->get("/health").body);
      }
      std::this_thread::sleep_for(milliseconds{100}); // how often this balancer asks
    }
  }

  /// A node to ask, other than those in `tried` where there is any; size of the cluster: none.
  /// Where no node calls itself ready all of them count, as with balancers that "fail open".
  std::size_t choose(visitor& who, std::uint32_t tried) {
    std::vector<std::size_t> able;
    std::vector<std::size_t> there;
    for (std::size_t n = 0; n < sale.cluster.size(); ++n) {
      if (!ready[n])
        who.nodes[n].close(); // what it left open is not used again
      if (!avoided[n] && (tried >> n & 1U) == 0) {
        if (ready[n])
          able.push_back(n);
        if (!leaving[n])
          there.push_back(n);
      }
    }
    const auto& from = able.empty() ? there : able;
    return from.empty() ? sale.cluster.size() : from[who.chance() % from.size()];
  }

  asio::awaitable<http_reply> ask(visitor& who, std::string what, std::string method,
                                  std::string target, std::string body, std::string key = {}) {
    header_list headers;
    headers.emplace_back("Authorization", "Bearer " + who.token);
    headers.emplace_back("x-queue-entry-token", who.entry);
    if (!key.empty())
      headers.emplace_back("Idempotency-Key", key);
    http_reply reply;
    std::string node = "no node is ready";
    std::uint32_t tried = 0;
    const auto call = now_ns();
    for (std::size_t attempt = 0; attempt < repeats_max; ++attempt) {
      auto n = choose(who, tried);
      if (n == sale.cluster.size())
        n = choose(who, 0);
      if (n == sale.cluster.size())
        break;
      node = cluster_process::name(n);
      const auto asked = now_ns();
      reply = co_await who.nodes[n].send(method, target, body, headers);
      const bool silent = std::chrono::nanoseconds{now_ns() - asked} >= patience;
      if (!reply.unknown() || silent || !leaving[n])
        break;
      tried |= 1U << n;
      const std::lock_guard only_one{lock};
      ++sum.repeated;
    }
    const auto end = now_ns();
    const std::lock_guard only_one{lock};
    ++sum.answered;
    sum.slowest =
        std::max(sum.slowest,
                 std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds{end - call}));
    if (reply.status != 200)
      sum.failures.push_back({who.hall, end,
                              what + " at " + node + ": " + std::to_string(reply.status) + ' '
                                  + reply.body.substr(0, 200)});
    co_return reply;
  }

  asio::awaitable<void> visit(visitor& who) {
    const auto& place = sale.halls[who.hall];
    std::string key = random_uuid(who.chance);
    while (!stopping) {
      const auto map = "/api/v1/seats/events/" + place.event;
      co_await ask(who, "map", "GET", map, {});
      nlohmann::json wish;
      wish["eventId"] = place.event;
      wish["seatIds"].push_back(place.seats.front());
      const auto call = now_ns();
      const auto held =
          co_await ask(who, "reserve", "POST", "/api/v1/seats/reserve", wish.dump(), key);
      // Whether it took effect is not known: only a repetition can tell, and the seat stays taken.
      if (!in_doubt(held))
        key = random_uuid(who.chance);
      if (held.status == 200) {
        {
          const std::lock_guard only_one{lock};
          called[who.hall] = call;
        }
        served[who.hall] = now_ns();
        const auto id = held.json().at("reservation").at("id").get<std::string>();
        const auto back = "/api/v1/reservations/" + id + "/cancel";
        const auto cancel_key = random_uuid(who.chance);
        http_reply cancelled;
        do {
          cancelled = co_await ask(who, "cancel", "POST", back, {}, cancel_key);
          if (in_doubt(cancelled))
            co_await pause(milliseconds{20});
        } while (in_doubt(cancelled) && !stopping);
      }
      co_await pause(milliseconds{20 + who.chance() % 40});
    }
  }

  asio::awaitable<void> let_in(visitor& who, bool& refused) {
    sale_client client{io.get_executor(), sale.cluster.port(0)};
    static std::atomic<int> people{0};
    bool well = co_await client.sign_up("trickle" + std::to_string(++people) + "@example.com");
    well = well && co_await client.enter(sale.halls[who.hall].event);
    who.token = client.access_token();
    who.entry = client.entry_token();
    refused = refused || !well;
  }
};

trickle::trickle(sale_cluster& sale, std::uint64_t seed)
    : impl_(std::make_unique<impl>(sale, seed)) {
  impl_->called.resize(sale.halls.size());
}

trickle::~trickle() {
  if (!impl_->stopping.exchange(true)) {
    if (impl_->crowd.joinable())
      impl_->crowd.join();
    if (impl_->balancer.joinable())
      impl_->balancer.join();
  }
}

bool trickle::prepare() {
  bool refused = false;
  for (auto& who : impl_->visitors)
    impl_->spawn(impl_->let_in(who, refused));
  impl_->io.run();
  impl_->io.restart();
  return !refused && !impl_->broken;
}

void trickle::start() {
  for (std::size_t n = 0; n < impl_->sale.cluster.size(); ++n)
    impl_->ready[n] = impl_->sale.cluster.is_ready(n);
  for (auto& who : impl_->visitors)
    impl_->spawn(impl_->visit(who));
  impl_->balancer = std::thread([this] { impl_->watch(); });
  impl_->crowd = std::thread([this] { impl_->io.run(); });
}

void trickle::stop() {
  impl_->stopping = true;
  impl_->crowd.join();
  impl_->balancer.join();
  if (impl_->broken)
    std::rethrow_exception(impl_->broken);
}

void trickle::leaves(std::size_t node, bool on) {
  impl_->leaving[node] = on;
}

void trickle::avoid(std::size_t node, bool on) {
  impl_->avoided[node] = on;
}

std::int64_t trickle::served(std::size_t hall, std::int64_t since, milliseconds timeout) const {
  const auto end = now_ns() + std::chrono::nanoseconds{timeout}.count();
  while (now_ns() < end) {
    if (const auto at = impl_->served[hall].load(); at > since) {
      const std::lock_guard only_one{impl_->lock};
      if (impl_->called[hall] > since)
        return at;
    }
    // Clients of another thread: the pause only saves processor time.
    std::this_thread::sleep_for(milliseconds{2});
  }
  return 0;
}

trickle::tally trickle::result() const {
  const std::lock_guard only_one{impl_->lock};
  auto out = impl_->sum;
  out.unready = impl_->unready;
  return out;
}

} // namespace tiketi::test
