#include "tests/real/redis_sale.hpp"
#include "tests/support/redis_server.hpp"

#include <functional>
#include <iostream>
#include <string>

namespace tiketi::test {
namespace {

class redis_fault_test : public redis_sale {
protected:
  redis_fault_test() { prepare(redis.port(), redis.password()); }
  ~redis_fault_test() override { server.reset(); } // before its Redis

  /// The sale while Redis is in trouble, and after.
  void phase(crowd& c, const char* name, const std::function<void()>& trouble, bool visible,
             const std::function<void()>& end) {
    SCOPED_TRACE(name);
    const auto held = c.held.load();
    const auto node = by_node();
    c.slowest_ms = 0;
    trouble();
    if (visible) {
      EXPECT_TRUE(until([&] { return health("redis").starts_with("error"); }));
    }
    EXPECT_TRUE(sales_go_on(c));
    EXPECT_TRUE(until([&] { return by_node() > node; })) << "nobody noticed";
    EXPECT_TRUE(sales_go_on(c));
    std::cout << "  " << name << ": " << c.held - held << " holds, slowest " << c.slowest_ms
              << " ms, " << by_node() - node << " tokens by the node" << std::endl;
    end();
    EXPECT_TRUE(healed()) << server->log_tail();
  }

  redis_server redis{{.password = "a password", .arguments = {}}};
};

TEST_F(redis_fault_test, sales_go_on_whatever_happens_to_redis) {
  ASSERT_TRUE(server->start()) << server->log_tail();
  const auto on_sale = sales();
  ASSERT_FALSE(on_sale.empty()) << "no event with seats on sale";
  ASSERT_TRUE(until([&] { return health("redis") == "ok"; })) << server->log_tail();
  crowd c{server->port(), "fan", on_sale[0].event, on_sale[0].seats};
  ASSERT_TRUE(sales_go_on(c));
  ASSERT_TRUE(healed());

  phase(
      c, "lost", [&] { redis.kill(); }, true, [&] { redis.start(); });
  const auto before = by_redis();
  redis.restart_empty();
  EXPECT_TRUE(sales_go_on(c)) << "restarted empty";
  EXPECT_TRUE(until([&] { return by_redis() > before; }));
  EXPECT_TRUE(healed());
  phase(
      c, "hangs", [&] { redis.pause(); }, true, [&] { redis.resume(); });
  phase(
      c, "out of memory",
      [&] {
        redis.command({"CONFIG", "SET", "maxmemory", "1"});
      },
      false,
      [&] {
        redis.command({"CONFIG", "SET", "maxmemory", "0"});
      });
  phase(
      c, "became a replica",
      [&] {
        redis.command({"REPLICAOF", "127.0.0.1", "1"});
      },
      true,
      [&] {
        redis.command({"REPLICAOF", "NO", "ONE"});
      });
  phase(
      c, "forgot the password",
      [&] {
        redis.command({"CONFIG", "SET", "requirepass", "another"});
        redis.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
      },
      true,
      [&] {
        redis.command({"CONFIG", "SET", "requirepass", redis.password()});
      });
  redis.command({"FLUSHALL"});
  redis.command({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(sales_go_on(c));
  EXPECT_TRUE(healed());

  c.stop();
  EXPECT_EQ(c.surprises, 0u);
  std::cout << "  " << c.held << " holds, " << c.paid << " paid, " << c.refused << " refused"
            << std::endl;
  EXPECT_EQ(metric("seat_guard_tokens_refused_total"), 0);
  ASSERT_EQ(server->stop(), 0) << server->log_tail();
  EXPECT_GE(expect_rising_tokens(), c.held);
}

} // namespace
} // namespace tiketi::test
