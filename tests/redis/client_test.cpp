#include "tests/redis/client_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace tiketi::test {
namespace {

using redis::call_error;
using redis::reply;

class redis_client_test : public redis_test {};

const redis::script twice = redis::make_script("twice", "return ARGV[1] * 2");

TEST_F(redis_client_test, answers_have_the_types_of_redis) {
  const auto client = connect(options());
  const auto set = run(*client, command({"SET", "k", std::string("a\0b", 3)}));
  EXPECT_EQ(set.value.text, "OK");
  EXPECT_EQ(run(*client, command({"GET", "k"})).value.text, std::string("a\0b", 3));
  EXPECT_EQ(run(*client, command({"GET", "none"})).value.what, reply::kind::nil);
  EXPECT_EQ(run(*client, command({"INCR", "n"})).value.integer, 1);
  const auto list = run(*client, command({"MGET", "n", "none"}));
  ASSERT_EQ(list.value.items.size(), 2u);
  EXPECT_EQ(list.value.items[0].text, "1");
  EXPECT_EQ(list.value.items[1].what, reply::kind::nil);
  const auto wrong = run(*client, command({"LPUSH", "n", "x"}));
  EXPECT_EQ(wrong.error, call_error::refused);
  EXPECT_TRUE(wrong.text.starts_with("WRONGTYPE")) << wrong.text;
}

TEST_F(redis_client_test, a_script_that_redis_forgot_is_sent_again) {
  const auto client = connect(options());
  EXPECT_EQ(run(*client, script(twice, {}, {"21"})).value.integer, 42); // never loaded before
  server.command({"SCRIPT", "FLUSH"});
  EXPECT_EQ(run(*client, script(twice, {}, {"4"})).value.integer, 8);
  EXPECT_EQ(server.command({"SCRIPT", "EXISTS", twice.sha1}), "1");
}

TEST_F(redis_client_test, calls_of_one_route_arrive_in_order_and_travel_together) {
  auto o = options();
  o.connections = 3;
  const auto client = connect(o);
  constexpr int count = 3'000;
  std::promise<void> all;
  std::atomic<int> left{count};
  std::atomic<int> wrong{0};
  for (int i = 0; i < count; ++i) {
    auto c = command({"RPUSH", "list", std::to_string(i)});
    c.route = 7;
    client->start(std::move(c), [&, i](const redis::outcome& out) {
      if (!out.ok() || out.value.integer != i + 1)
        ++wrong;
      if (--left == 0)
        all.set_value();
    });
  }
  ASSERT_EQ(all.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(wrong, 0);
}

TEST_F(redis_client_test, every_call_of_many_threads_is_answered_once) {
  auto o = options();
  o.connections = 2;
  o.in_flight_max = 100'000;
  const auto client = connect(o);
  constexpr int per_thread = 5'000;
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < per_thread; ++i) {
        auto c = command({"INCR", "counter"});
        c.route = static_cast<std::uint64_t>(t);
        client->start(std::move(c), [&](const redis::outcome& out) {
          if (out.ok())
            ++answered;
        });
      }
    });
  for (auto& t : threads)
    t.join();
  for (std::uint64_t route = 0; route < 2; ++route) { // behind everything of both connections
    auto last = command({"PING"});
    last.route = route;
    EXPECT_TRUE(run(*client, std::move(last)).ok());
  }
  EXPECT_EQ(answered, 4 * per_thread);
  EXPECT_EQ(server.command({"GET", "counter"}), std::to_string(4 * per_thread));
}

TEST_F(redis_client_test, a_slow_server_costs_the_deadline_and_no_more) {
  auto o = options();
  o.silence_max = milliseconds{5'000};
  const auto client = connect(o);
  server.pause();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run(*client, command({"INCR", "n"}, milliseconds{50})).error, call_error::timed_out);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds{2'000});
  server.resume();
  // What was late has run all the same, and its answer is nobody else's.
  EXPECT_EQ(run(*client, command({"GET", "n"})).value.text, "1");
}

TEST_F(redis_client_test, calls_over_the_bound_are_refused_at_once) {
  auto o = options();
  o.in_flight_max = 10;
  o.silence_max = milliseconds{10'000};
  const auto client = connect(o);
  server.pause();
  std::atomic<int> late{0};
  for (int i = 0; i < 10; ++i)
    client->start(command({"INCR", "n"}, milliseconds{20}),
                  [&](const redis::outcome& out) { late += out.error == call_error::timed_out; });
  EXPECT_EQ(run(*client, command({"INCR", "n"})).error, call_error::overloaded);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (late < 10 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(late, 10);
  // Redis has not given them back yet: a server that hangs must not gather more and more.
  EXPECT_EQ(run(*client, command({"INCR", "n"})).error, call_error::overloaded);
  server.resume();
  redis::outcome after;
  do
    after = run(*client, command({"GET", "n"}));
  while (after.error == call_error::overloaded && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(after.value.text, "10");
}

TEST_F(redis_client_test, a_server_that_hangs_is_given_up_and_found_again) {
  const auto client = connect(options());
  server.pause();
  ASSERT_TRUE(await_ready(*client, 0)); // by its own PING, without a call
  EXPECT_EQ(run(*client, command({"GET", "k"})).error, call_error::unavailable);
  EXPECT_NE(client->status().last_error, "");
  server.resume();
  ASSERT_TRUE(await_ready(*client, 1));
  EXPECT_TRUE(run(*client, command({"GET", "k"})).ok());
}

TEST_F(redis_client_test, calls_under_way_hear_of_a_loss_and_later_ones_of_the_return) {
  const auto client = connect(options());
  server.pause();
  std::promise<redis::outcome> promise;
  client->start(command({"GET", "k"}),
                [&](redis::outcome out) { promise.set_value(std::move(out)); });
  server.kill();
  EXPECT_EQ(promise.get_future().get().error, call_error::lost);
  ASSERT_TRUE(await_ready(*client, 0));
  EXPECT_EQ(run(*client, command({"GET", "k"})).error, call_error::unavailable);
  server.start();
  ASSERT_TRUE(await_ready(*client, 1));
  EXPECT_TRUE(run(*client, command({"GET", "k"})).ok());
  // The scripts were forgotten with the process.
  EXPECT_EQ(run(*client, script(twice, {}, {"3"})).value.integer, 6);
}

TEST_F(redis_client_test, losses_again_and_again_under_load_lose_no_answer) {
  auto o = options();
  o.connections = 2;
  const auto client = connect(o);
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> started{0};
  std::atomic<std::size_t> answered{0};
  std::thread load([&] {
    while (!stop) {
      auto c = command({"INCR", "n"}, milliseconds{30});
      c.route = started++;
      client->start(std::move(c), [&](const redis::outcome&) { ++answered; });
      if (started - answered > 500)
        std::this_thread::yield();
    }
  });
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(await_ready(*client, 2));
    server.restart_empty();
  }
  ASSERT_TRUE(await_ready(*client, 2));
  stop = true;
  load.join();
  client->shutdown();
  EXPECT_EQ(answered, started);
}

TEST_F(redis_client_test, a_replica_is_refused_and_a_new_master_accepted) {
  const auto client = connect(options());
  server.command({"REPLICAOF", "127.0.0.1", "1"}); // of a master that is not there
  EXPECT_EQ(run(*client, command({"SET", "k", "v"})).error, call_error::refused);
  ASSERT_TRUE(await_ready(*client, 0));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (client->status().last_error != "the server is a replica"
         && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(client->status().last_error, "the server is a replica");
  server.command({"REPLICAOF", "NO", "ONE"});
  ASSERT_TRUE(await_ready(*client, 1));
  EXPECT_TRUE(run(*client, command({"SET", "k", "v"})).ok());
}

TEST_F(redis_client_test, an_end_answers_what_is_under_way) {
  const auto client = connect(options());
  server.pause();
  std::atomic<int> lost{0};
  for (int i = 0; i < 5; ++i)
    client->start(command({"GET", "k"}), [&](const redis::outcome& out) { lost += !out.ok(); });
  client->shutdown();
  EXPECT_EQ(lost, 5);
  EXPECT_EQ(run(*client, command({"GET", "k"})).error, call_error::unavailable);
}

TEST(redis_client_login_test, password_and_database_are_used) {
  redis_server server{{.password = "se cret", .arguments = {}}};
  const auto env = make_system_environment();
  prometheus::Registry registry;
  net::redis_options o;
  o.port = server.port();
  o.password = "wrong";
  o.reconnect = {milliseconds{5}, milliseconds{20}};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  {
    const auto client = net::make_redis_client(*env, registry, o);
    while (client->status().last_error.empty() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    EXPECT_TRUE(client->status().last_error.starts_with("AUTH: WRONGPASS"))
        << client->status().last_error;
    EXPECT_EQ(client->status().ready, 0u);
  }
  o.password = "se cret";
  o.database = 3;
  const auto client = net::make_redis_client(*env, registry, o);
  while (client->status().ready == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  std::promise<redis::outcome> promise;
  redis::call c;
  c.words = {"SET", "k", "v"};
  c.deadline = milliseconds{5'000};
  client->start(std::move(c), [&](redis::outcome out) { promise.set_value(std::move(out)); });
  EXPECT_TRUE(promise.get_future().get().ok());
  EXPECT_EQ(server.command({"EXISTS", "k"}), "0"); // this one asks database 0
  server.command({"SELECT", "3"});
  EXPECT_EQ(server.command({"GET", "k"}), "v");
}

} // namespace
} // namespace tiketi::test
