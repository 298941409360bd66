#include "net/redis/slots.hpp"
#include "tests/redis/client_fixture.hpp"
#include "tests/support/redis_cluster.hpp"

#include <thread>

namespace tiketi::test {
namespace {

using redis::call_error;

/// Of its own, because its nodes change roles.
TEST(redis_cluster_failover_test, a_replica_is_a_way_in_and_followed_when_it_is_promoted) {
  redis_cluster cluster;
  cluster.make_replica(0);
  const auto env = make_system_environment();
  prometheus::Registry registry;
  net::redis_options o;
  o.port = cluster.node(redis_cluster::spare).port();
  o.cluster = true;
  o.reconnect = {milliseconds{5}, milliseconds{50}};
  const auto client = net::make_redis_client(*env, registry, o);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  const auto until = [&](const auto& done) {
    while (!done() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    return done();
  };
  ASSERT_TRUE(until([&] {
    return client->status().ready == redis_cluster::masters && client->status().slots_away == 0;
  })) << client->status().last_error;
  const auto ask = [&](std::vector<std::string> words) {
    std::promise<redis::outcome> promise;
    redis::call c;
    c.words = std::move(words);
    c.deadline = milliseconds{20'000};
    client->start(std::move(c), [&](redis::outcome out) { promise.set_value(std::move(out)); });
    return promise.get_future().get();
  };
  std::string key = "key0"; // of the first master
  for (int i = 0; net::key_slot(key) > redis_cluster::slots_of(0)[1]; ++i)
    key = "key" + std::to_string(i);
  ASSERT_TRUE(ask({"SET", key, "kept"}).ok());
  auto& replica = cluster.node(redis_cluster::spare);
  replica.command({"READONLY"});
  ASSERT_TRUE(until([&] { return replica.command({"GET", key}) == "kept"; }));
  cluster.node(0).kill();
  ASSERT_TRUE(until([&] { return client->status().ready == redis_cluster::masters - 1; }));
  EXPECT_EQ(ask({"GET", key}).error, call_error::unavailable);
  replica.command({"CLUSTER", "FAILOVER", "TAKEOVER"});
  ASSERT_TRUE(until([&] { return client->status().slots_away == 0; }));
  const auto after = ask({"GET", key});
  EXPECT_EQ(after.value.text, "kept") << to_string_view(after.error) << ' ' << after.text;
  EXPECT_EQ(client->status().connections, redis_cluster::masters);
}

} // namespace
} // namespace tiketi::test
