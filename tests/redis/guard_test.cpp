#include "actors/seat/redis_guard.hpp"
#include "actors/seat/token_ledger.hpp"
#include "actors/system/actor_config.hpp"
#include "actors/system/caf_error.hpp"
#include "tests/redis/client_fixture.hpp"
#include "tests/redis/seed.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <fmt/format.h>

namespace tiketi::ticket {
namespace {

seat_id nth_seat(int n) {
  seat_id id;
  id.value.bytes[15] = static_cast<std::uint8_t>(n);
  return id;
}

reservation_id nth_reservation(int n) {
  reservation_id id;
  id.value.bytes[0] = 1;
  id.value.bytes[14] = static_cast<std::uint8_t>(n / 256);
  id.value.bytes[15] = static_cast<std::uint8_t>(n % 256);
  return id;
}

acquire_tokens ask(int reservation, const std::vector<token_floor>& seats) {
  acquire_tokens out;
  out.reservation = nth_reservation(reservation);
  out.user = user_id{out.reservation.value}; // each reservation is somebody else's
  out.seats = seats;
  return out;
}

TEST(token_ledger_test, issues_what_is_newer_than_floor_and_memory) {
  token_ledger l;
  EXPECT_EQ(l.issue({{nth_seat(1), 0}, {nth_seat(2), 41}}), (std::vector<std::uint64_t>{1, 42}));
  EXPECT_EQ(l.issue({{nth_seat(1), 0}, {nth_seat(2), 0}}), (std::vector<std::uint64_t>{2, 43}));
  EXPECT_EQ(l.floor({nth_seat(2), 50}), 50u);
  EXPECT_EQ(l.floor({nth_seat(2), 0}), 43u);
}

TEST(token_ledger_test, accepts_all_or_nothing) {
  token_ledger l;
  const std::vector<token_floor> both{{nth_seat(1), 5}, {nth_seat(2), 5}};
  EXPECT_FALSE(l.accept(both, {6, 5}));
  EXPECT_FALSE(l.accept(both, {6}));
  EXPECT_FALSE(l.accept(both, {6, 7, 8}));
  EXPECT_EQ(l.floor({nth_seat(1), 0}), 0u);
  EXPECT_TRUE(l.accept(both, {6, 9}));
  EXPECT_FALSE(l.accept({{nth_seat(2), 0}}, {9}));
  EXPECT_EQ(l.issue({{nth_seat(2), 0}}), (std::vector<std::uint64_t>{10}));
}

/// Gives every answer on, except those that a test replaces: what no Redis can be brought to say.
class tampered_client final : public redis::client {
public:
  explicit tampered_client(std::shared_ptr<redis::client> real) : real_(std::move(real)) {}

  void start(redis::call c, done_fn done) override {
    const bool asks = c.run && c.run->name == "seat_acquire";
    acquired += asks ? 1 : 0;
    if (replace && asks)
      done({redis::call_error::none, replacement, {}});
    else
      real_->start(std::move(c), std::move(done));
  }
  redis::client_status status() const override { return real_->status(); }
  void shutdown() override { real_->shutdown(); }

  std::atomic<bool> replace{false};
  std::atomic<int> acquired{0}; ///< calls
  redis::reply replacement;

private:
  std::shared_ptr<redis::client> real_;
};

class redis_guard_test : public test::redis_test {
protected:
  redis_guard_test() {
    client = std::make_shared<tampered_client>(connect(options()));
    guard_options.deadline = milliseconds{1'000};
    guard_options.breaker.slow_after = milliseconds{900};
    guard_options.breaker.open_for = milliseconds{50};
    start();
  }

  ~redis_guard_test() override {
    stop();
    client->shutdown();
  }

  void start() {
    // The one before counts until it has really ended.
    metrics = all_metrics.emplace_back(std::make_unique<prometheus::Registry>()).get();
    guard = spawn_redis_guard(sys, *env, *metrics, client, guard_options);
  }

  void stop() {
    caf::anon_send_exit(guard, caf::exit_reason::user_shutdown);
    guard = nullptr;
  }

  result<tokens> acquire(int reservation, const std::vector<token_floor>& seats) {
    result<tokens> out = failure{errc::internal};
    self->request(guard, patience, ask(reservation, seats))
        .receive([&](tokens& t) { out = std::move(t); },
                 [&](const caf::error& err) { out = to_failure(err); });
    return out;
  }

  std::vector<std::uint64_t> values(int reservation, const std::vector<token_floor>& seats) {
    auto out = acquire(reservation, seats);
    EXPECT_TRUE(out.has_value()) << out.error().text;
    return out ? out->values : std::vector<std::uint64_t>{};
  }

  double counted(const std::string& name, const std::string& source = {}) const {
    for (const auto& family : metrics->Collect())
      for (const auto& metric : family.metric)
        if (family.name == name && (source.empty() || metric.label.at(0).value == source))
          return std::max(metric.counter.value, metric.gauge.value);
    return -1;
  }
  double by_redis() const { return counted("seat_guard_tokens_total", "redis"); }
  double by_node() const { return counted("seat_guard_tokens_total", "node"); }

  /// Holds until one gets its tokens from Redis.
  bool heals(int seat) {
    const auto before = by_redis();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (int i = 1; std::chrono::steady_clock::now() < deadline; ++i) {
      acquire(1'000 + i % 1'000, {{nth_seat(seat), 0}});
      if (by_redis() > before && counted("seat_guard_circuit_open") == 0)
        return true;
    }
    return false;
  }

  redis_guard_options guard_options;
  std::shared_ptr<tampered_client> client;
  std::vector<std::unique_ptr<prometheus::Registry>> all_metrics;
  prometheus::Registry* metrics = nullptr;
  actor_config settings;
  caf::actor_system sys{settings};
  caf::scoped_actor self{sys};
  guard_actor guard;
};

TEST_F(redis_guard_test, one_sequence_for_all_nodes) {
  EXPECT_EQ(values(1, {{nth_seat(1), 0}, {nth_seat(2), 41}}), (std::vector<std::uint64_t>{1, 42}));
  stop();
  start(); // another node, which knows nothing
  EXPECT_EQ(values(1, {{nth_seat(2), 0}}), (std::vector<std::uint64_t>{43}));
  EXPECT_EQ(by_redis(), 1);
  EXPECT_EQ(by_node(), 0);
}

TEST_F(redis_guard_test, who_waits_for_the_same_event_shares_a_call) {
  constexpr int many = 100;
  caf::scoped_actor other{sys};
  for (int i = 0; i < many; ++i)
    other->send(guard, ask(i, {{nth_seat(i), 0}, {nth_seat(i + many), 5}}));
  for (int i = 0; i < many; ++i)
    other->receive(
        [&](const tokens& t) {
          EXPECT_EQ(t.values, (std::vector<std::uint64_t>{1, 6}));
        },
        [&](const caf::error& err) { ADD_FAILURE() << to_failure(err).text; });
  EXPECT_EQ(by_redis(), 2 * many);
  EXPECT_LT(client->acquired, many);
}

TEST_F(redis_guard_test, a_lock_of_another_node_is_a_conflict_until_it_is_released) {
  EXPECT_EQ(values(1, {{nth_seat(1), 0}}), (std::vector<std::uint64_t>{1}));
  auto other = spawn_redis_guard(sys, *env, *metrics, client, guard_options);
  std::swap(guard, other);
  const auto refused = acquire(2, {{nth_seat(2), 0}, {nth_seat(1), 0}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::seat_unavailable);
  std::swap(guard, other);
  release_tokens done;
  done.reservation = nth_reservation(1);
  done.seats = {{nth_seat(1), 1}};
  caf::anon_send(guard, done);
  values(9, {{nth_seat(9), 0}}); // behind the release, on the same connection
  std::swap(guard, other);
  EXPECT_EQ(values(2, {{nth_seat(2), 0}, {nth_seat(1), 0}}), (std::vector<std::uint64_t>{1, 2}));
  caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
}

TEST_F(redis_guard_test, a_lost_redis_costs_nothing_and_comes_back) {
  EXPECT_EQ(values(1, {{nth_seat(1), 7}}), (std::vector<std::uint64_t>{8}));
  server.kill();
  ASSERT_TRUE(await_ready(*client, 0));
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t last = 8;
  for (int i = 2; i < 200; ++i) {
    const auto got = values(i, {{nth_seat(1), 0}});
    ASSERT_EQ(got, (std::vector<std::uint64_t>{++last}));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{5});
  EXPECT_EQ(by_redis(), 1);
  EXPECT_EQ(counted("seat_guard_circuit_open"), 1);
  server.start(); // empty
  ASSERT_TRUE(await_ready(*client, 1));
  ASSERT_TRUE(heals(2));
  EXPECT_EQ(values(300, {{nth_seat(1), 0}}), (std::vector<std::uint64_t>{++last}));
}

TEST_F(redis_guard_test, a_slow_redis_costs_its_deadline_a_few_times) {
  stop();
  guard_options.deadline = milliseconds{20};
  guard_options.breaker.slow_after = milliseconds{15};
  guard_options.breaker.open_for = milliseconds{200};
  start();
  ASSERT_TRUE(heals(1));
  server.pause();
  std::uint64_t last = 0;
  for (int i = 0; i < 40; ++i) {
    const auto got = values(i, {{nth_seat(3), 0}});
    ASSERT_EQ(got.size(), 1u);
    ASSERT_GT(got[0], last);
    last = got[0];
  }
  EXPECT_EQ(counted("seat_guard_circuit_open"), 1);
  server.resume();
  ASSERT_TRUE(heals(1));
}

TEST_F(redis_guard_test, a_redis_without_room_does_not_stop_holds) {
  values(1, {{nth_seat(1), 0}});
  server.command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(values(2, {{nth_seat(1), 0}, {nth_seat(2), 3}}), (std::vector<std::uint64_t>{2, 4}));
  server.command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(values(3, {{nth_seat(1), 0}, {nth_seat(2), 0}}), (std::vector<std::uint64_t>{3, 5}));
}

TEST_F(redis_guard_test, an_old_token_is_refused_and_redis_repaired) {
  EXPECT_EQ(values(1, {{nth_seat(1), 9}}), (std::vector<std::uint64_t>{10}));
  redis::reply one;
  one.what = redis::reply::kind::integer;
  one.integer = 1;
  redis::reply old = one;
  old.integer = 10;
  redis::reply list;
  list.what = redis::reply::kind::list;
  list.items = {one, old};
  client->replacement.what = redis::reply::kind::list;
  client->replacement.items = {list};
  client->replace = true;
  EXPECT_EQ(values(2, {{nth_seat(1), 10}}), (std::vector<std::uint64_t>{11}));
  client->replacement.items[0].items = {one}; // for another number of seats
  EXPECT_EQ(values(3, {{nth_seat(1), 30}}), (std::vector<std::uint64_t>{31}));
  client->replacement = {}; // nonsense
  EXPECT_EQ(values(4, {{nth_seat(1), 0}}), (std::vector<std::uint64_t>{32}));
  client->replace = false;
  EXPECT_EQ(counted("seat_guard_tokens_refused_total"), 3);
  values(5, {{nth_seat(2), 0}}); // behind the repairs
  EXPECT_TRUE(server
                  .command({"GET", fmt::format("{{{}}}:seat:{}", to_string(event_id{}),
                                               to_string(nth_seat(1)))})
                  .starts_with("32:0::")); // told, because it was never asked
}

TEST_F(redis_guard_test, tokens_never_go_back_whatever_happens_to_redis) {
  std::mt19937_64 chance{test::random_test_seed()};
  std::map<int, std::uint64_t> newest;   // given out
  std::map<int, std::uint64_t> database; // what its floor is
  stop();
  guard_options.deadline = milliseconds{30};
  start();
  std::size_t given = 0;
  for (int step = 0; step < 400; ++step) {
    switch (chance() % 60) {
    case 0:
      server.restart_empty();
      break;
    case 1:
      server.command({"FLUSHALL"});
      break;
    case 2:
      server.restart_with_data();
      break;
    case 3:
      stop(); // the process ends too: what was not written is forgotten
      newest = database;
      server.command({"FLUSHALL"});
      start();
      break;
    default:
      break;
    }
    std::set<int> chosen;
    for (auto n = 1 + chance() % 4; n > 0; --n)
      chosen.insert(static_cast<int>(chance() % 6));
    std::vector<token_floor> seats;
    for (const int seat : chosen)
      seats.push_back({nth_seat(seat), database[seat]});
    auto got = acquire(step, seats);
    if (!got) {
      ASSERT_EQ(got.error().code, errc::seat_unavailable);
      continue;
    }
    ASSERT_EQ(got->values.size(), seats.size());
    std::size_t i = 0;
    for (const int seat : chosen) {
      ASSERT_GT(got->values[i], newest[seat]) << "step " << step;
      newest[seat] = got->values[i++];
      if (chance() % 3 != 0) // the hold was committed
        database[seat] = newest[seat];
    }
    ++given;
  }
  EXPECT_GT(given, 100u);
  EXPECT_GT(by_redis() + by_node(), 0);
}

} // namespace
} // namespace tiketi::ticket
