#include "actors/queue/mirror.hpp"
#include "actors/seat/redis_guard.hpp"
#include "actors/system/actor_config.hpp"
#include "actors/system/caf_error.hpp"
#include "net/http/shared_rate_limiter.hpp"
#include "tests/queue/seed.hpp"
#include "tests/redis/cluster_fixture.hpp"

#include <set>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <fmt/format.h>

// Every script, called by those who call it, on a cluster: no call has keys of several slots.

namespace tiketi::test {
namespace {

using redis::call_error;

class redis_cluster_scripts_test : public redis_cluster_calls {
protected:
  static event_id nth_event(std::uint64_t n) { return event_id{nth_user(1'000 + n).value}; }

  /// Each master has some of them.
  static constexpr std::uint64_t events = 40;
  static std::size_t master_of(const event_id& event) {
    const int slot = net::key_slot(to_string(event));
    std::size_t out = 0;
    while (slot > redis_cluster::slots_of(out)[1])
      ++out;
    return out;
  }

  std::string stored(const event_id& event, const std::vector<std::string>& words) {
    return cluster().node(master_of(event)).command(words);
  }
};

class redis_cluster_guard_test : public redis_cluster_scripts_test {
protected:
  redis_cluster_guard_test() {
    options_of_guard.deadline = milliseconds{10'000};
    options_of_guard.breaker.slow_after = milliseconds{9'000};
    options_of_guard.breaker.open_for = milliseconds{50};
    guard = ticket::spawn_redis_guard(sys, *env, registry, client, options_of_guard);
    other = ticket::spawn_redis_guard(sys, *env, registry, client, options_of_guard);
  }
  ~redis_cluster_guard_test() override {
    for (auto* one : {&guard, &other}) {
      caf::anon_send_exit(*one, caf::exit_reason::user_shutdown);
      *one = nullptr;
    }
    client->shutdown();
  }

  static seat_id nth_seat(std::uint64_t n) { return seat_id{nth_user(n).value}; }

  ticket::acquire_tokens ask(const event_id& event, std::uint64_t reservation,
                             const std::vector<std::uint64_t>& seats) {
    ticket::acquire_tokens out;
    out.event = event;
    out.reservation = reservation_id{nth_user(reservation).value};
    out.user = nth_user(reservation); // each reservation is somebody else's
    for (const auto n : seats)
      out.seats.push_back({nth_seat(n), 0});
    return out;
  }

  result<ticket::tokens> acquire(const ticket::guard_actor& whom, const event_id& event,
                                 std::uint64_t reservation,
                                 const std::vector<std::uint64_t>& seats) {
    result<ticket::tokens> out = failure{errc::internal};
    self->request(whom, patience, ask(event, reservation, seats))
        .receive([&](ticket::tokens& t) { out = std::move(t); },
                 [&](const caf::error& err) { out = to_failure(err); });
    return out;
  }

  double by(const std::string& source) const { return counted("seat_guard_tokens_total", source); }

  ticket::redis_guard_options options_of_guard;
  std::shared_ptr<redis::client> client = connect(options());
  actor_config settings;
  caf::actor_system sys{settings};
  caf::scoped_actor self{sys};
  ticket::guard_actor guard;
  ticket::guard_actor other; ///< another node's
};

TEST_F(redis_cluster_guard_test, holds_of_many_events_get_their_tokens_from_their_masters) {
  std::set<std::size_t> used;
  for (std::uint64_t n = 0; n < events; ++n) {
    const auto event = nth_event(n);
    const auto first = 10 * n; // its seats are nobody else's
    used.insert(master_of(event));
    const auto given = acquire(guard, event, 1, {first, first + 1, first + 2});
    ASSERT_TRUE(given.has_value()) << given.error().text;
    EXPECT_EQ(given->values, (std::vector<std::uint64_t>{1, 1, 1}));
    const auto taken = acquire(other, event, 2, {first + 3, first + 2});
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code, errc::seat_unavailable);
    ticket::release_tokens done;
    done.event = event;
    done.reservation = reservation_id{nth_user(1).value};
    done.seats = {{nth_seat(first), 1}, {nth_seat(first + 1), 1}, {nth_seat(first + 2), 1}};
    caf::anon_send(guard, done);
    ASSERT_TRUE(acquire(guard, event, 5, {first + 4}).has_value()); // behind the release
    const auto again = acquire(other, event, 2, {first + 3, first + 2});
    ASSERT_TRUE(again.has_value()) << again.error().text;
    EXPECT_EQ(again->values, (std::vector<std::uint64_t>{1, 2}));
    const auto check =
        script(redis::find_script("seat_verify"),
               {fmt::format("{{{}}}:seat:{}", to_string(event), to_string(nth_seat(first + 2))),
                fmt::format("{{{}}}:seat:{}", to_string(event), to_string(nth_seat(first + 3)))},
               {to_string(reservation_id{nth_user(2).value}), "2", "1"});
    const auto newest = run(*client, check);
    ASSERT_EQ(newest.value.items.size(), 2u) << newest.text;
    EXPECT_EQ(newest.value.items[0].integer, 1);
    EXPECT_EQ(newest.value.items[1].integer, 1);
  }
  EXPECT_EQ(used.size(), redis_cluster::masters);
  EXPECT_EQ(by("redis"), 6 * events);
  EXPECT_EQ(by("node"), 0);
  EXPECT_EQ(moved() + asked(), 0);
}

TEST_F(redis_cluster_guard_test, reservations_of_an_event_share_a_call_of_many_seats) {
  constexpr std::uint64_t many = 200;
  const auto event = nth_event(1);
  for (std::uint64_t n = 0; n < many; ++n)
    self->send(guard, ask(event, n, {2 * n, 2 * n + 1}));
  for (std::uint64_t n = 0; n < many; ++n)
    self->receive([&](const ticket::tokens& t) { EXPECT_EQ(t.values.size(), 2u); },
                  [&](const caf::error& err) { ADD_FAILURE() << to_failure(err).text; });
  EXPECT_EQ(by("redis"), 2 * many);
  EXPECT_EQ(by("node"), 0);
}

TEST_F(redis_cluster_guard_test, a_slot_that_moves_costs_holds_nothing) {
  const auto event = nth_event(2);
  const int slot = net::key_slot(to_string(event));
  const auto from = master_of(event);
  ASSERT_TRUE(acquire(guard, event, 1, {1}).has_value());
  cluster().begin_move(slot, from, redis_cluster::spare);
  const auto one = acquire(guard, event, 2, {2});
  EXPECT_EQ(one->values, (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(by("redis"), 2); // asked for
  const auto both = acquire(guard, event, 3, {3, 4});
  EXPECT_EQ(both->values, (std::vector<std::uint64_t>{1, 1}));
  EXPECT_EQ(by("node"), 2); // Redis takes several keys only from where all of them are
  cluster().move_keys(slot, from, redis_cluster::spare);
  cluster().end_move(slot, from, redis_cluster::spare);
  EXPECT_EQ(acquire(guard, event, 1, {1})->values,
            (std::vector<std::uint64_t>{2})); // the key went along
  EXPECT_EQ(acquire(guard, event, 3, {3, 4})->values, (std::vector<std::uint64_t>{2, 2}));
  EXPECT_EQ(by("redis"), 5);
  cluster().begin_move(slot, redis_cluster::spare, from);
  cluster().move_keys(slot, redis_cluster::spare, from);
  cluster().end_move(slot, redis_cluster::spare, from);
  EXPECT_EQ(acquire(guard, event, 1, {1})->values, (std::vector<std::uint64_t>{3}));
  EXPECT_EQ(by("redis"), 6);
}

/// Queues of events on all masters, copied, changed and cleaned up.
TEST_F(redis_cluster_scripts_test, queues_are_mirrored_to_their_masters) {
  const auto client = connect(options());
  auto now = from_millis(1'771'754'400'000);
  for (std::uint64_t n = 0; n < events; ++n) {
    const auto event = nth_event(n);
    queue::room_rules rules;
    rules.threshold = 2;
    rules.admission_batch_max = 2;
    queue::waiting_room room{rules};
    queue::mirror_options o;
    o.deadline = milliseconds{15'000};
    queue::queue_mirror mirror{event, 7, o};
    const auto commit = [&](const queue::journal_op& op) {
      room.begin(op);
      ASSERT_TRUE(room.apply(op, now));
      mirror.changed(op);
    };
    const auto settle = [&] {
      while (auto call = mirror.next(room, now)) {
        auto out = run(*client, std::move(*call));
        ASSERT_TRUE(out.ok()) << out.text;
        mirror.answered(out, now);
      }
      ASSERT_TRUE(mirror.current());
    };
    settle();
    for (std::uint64_t user = 0; user < 5; ++user)
      if (auto op = room.decide_enter(nth_user(user), now, true))
        commit(*op);
    for (const auto& op : room.decide_admissions(now, 2))
      commit(op);
    settle();
    const auto tag = fmt::format("{{{}}}", to_string(event));
    EXPECT_EQ(stored(event, {"ZCARD", tag + ":active"}),
              std::to_string(room.active_users().size()));
    EXPECT_EQ(stored(event, {"ZCARD", tag + ":queue"}),
              std::to_string(room.line_after(0, 100).size()));
    const auto place = run(*client, script(redis::find_script("queue_check"),
                                           {tag + ":queue", tag + ":active", tag + ":threshold"},
                                           {"nobody", std::to_string(to_millis(now)), "9"}));
    ASSERT_EQ(place.value.items.size(), 6u) << place.text;
    EXPECT_EQ(place.value.items[5].integer, 2);
    const auto later = now + rules.slots.ttl + milliseconds{1};
    mirror.changed(queue::purge_expired{later});
    settle();
    EXPECT_EQ(stored(event, {"ZCARD", tag + ":active"}), "0");
    EXPECT_TRUE(run(*client, command({"SADD", "queue:active-events", to_string(event)})).ok());
  }
  EXPECT_EQ(run(*client, command({"SCARD", "queue:active-events"})).value.integer,
            static_cast<std::int64_t>(events));
  EXPECT_EQ(moved() + asked(), 0);
}

TEST_F(redis_cluster_scripts_test, nodes_share_the_limits_of_clients_on_all_masters) {
  struct node {
    std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
    std::shared_ptr<redis::client> client;
    std::shared_ptr<net::shared_rate_limiter> limiter;
  };
  const auto now = from_millis(1'771'754'400'000);
  std::vector<node> nodes(2);
  for (auto& n : nodes) {
    net::shared_rate_options o;
    o.limits.queue = 20;
    o.share_from = 1;
    o.deadline = milliseconds{15'000};
    n.client = net::make_redis_client(*env, *n.registry, options());
    ASSERT_TRUE(await_whole(*n.client, redis_cluster::masters));
    n.limiter = net::make_shared_rate_limiter(net::make_local_rate_limiter(o.limits), n.client,
                                              *n.registry, o);
  }
  constexpr std::uint8_t people = 60;
  const auto passes = [&](const node& n, std::uint8_t who) {
    net::rate_client c;
    c.bytes[3] = who;
    c.is_user = true;
    return n.limiter->admit(net::rate_category::queue, c, now, nullptr)->allowed;
  };
  const auto keys = [] {
    std::vector<int> out;
    for (std::size_t i = 0; i < redis_cluster::masters; ++i)
      out.push_back(std::stoi(cluster().node(i).command({"DBSIZE"})));
    return out;
  };
  for (std::uint8_t who = 0; who < people; ++who)
    for (int i = 0; i < 15; ++i)
      ASSERT_TRUE(passes(nodes[0], who));
  nodes[0].limiter->report(now);
  ASSERT_TRUE(until([&] {
    const auto all = keys();
    return all[0] + all[1] + all[2] == people;
  }));
  for (const int some : keys())
    EXPECT_GT(some, 0);
  for (std::uint8_t who = 0; who < people; ++who)
    ASSERT_TRUE(passes(nodes[1], who));
  nodes[1].limiter->report(now);
  for (std::uint8_t who = 0; who < people; ++who) {
    int further = 0; // until it has heard of the other node's
    ASSERT_TRUE(until([&] { return further >= 20 || !passes(nodes[1], who) || ++further > 20; }));
    ASSERT_LT(further, 20);
  }
}

} // namespace
} // namespace tiketi::test
