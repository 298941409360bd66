#include "net/redis/slots.hpp"
#include "tests/real/redis_sale.hpp"
#include "tests/support/redis_cluster.hpp"

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <string>

namespace tiketi::test {
namespace {

class redis_cluster_fault_test : public redis_sale {
protected:
  redis_cluster_fault_test() {
    prepare(redis.node(0).port(), redis.node(0).password(), {"--redis.cluster=true"});
  }
  ~redis_cluster_fault_test() override { server.reset(); } // before its Redis

  /// All that Redis knows of a sale is in one slot.
  static int slot_of(const sale& one) { return net::key_slot('{' + one.event + '}'); }

  static std::size_t master_of(const sale& one) {
    std::size_t n = 0;
    while (slot_of(one) > redis_cluster::slots_of(n)[1])
      ++n;
    return n;
  }

  double redirections() {
    return metric("redis_redirections_total", "kind=\"moved\"")
           + metric("redis_redirections_total", "kind=\"ask\"");
  }

  redis_cluster redis{"se cret"};
};

TEST_F(redis_cluster_fault_test, a_slot_moves_and_a_master_dies_during_two_sales) {
  ASSERT_TRUE(server->start()) << server->log_tail();
  const auto on_sale = sales();
  ASSERT_FALSE(on_sale.empty()) << "no event with seats on sale";
  const auto& first = on_sale.front();
  const auto other = std::find_if(on_sale.begin(), on_sale.end(), [&](const sale& one) {
    return master_of(one) != master_of(first);
  });
  ASSERT_NE(other, on_sale.end()) << "all events of the demo have one master";
  ASSERT_TRUE(until([&] { return health("redis") == "ok"; })) << server->log_tail();

  crowd moving{server->port(), "fan", first.event, first.seats};
  crowd staying{server->port(), "guest", other->event, other->seats};
  const auto both_go_on = [&] { return sales_go_on(moving) && sales_go_on(staying); };
  ASSERT_TRUE(both_go_on());
  ASSERT_TRUE(healed());

  const auto slot = slot_of(first);
  const auto from = master_of(first);
  const auto redirected = redirections();
  const auto by_itself = by_node();
  redis.begin_move(slot, from, redis_cluster::spare);
  EXPECT_TRUE(both_go_on());
  redis.move_keys(slot, from, redis_cluster::spare);
  EXPECT_TRUE(both_go_on());
  redis.end_move(slot, from, redis_cluster::spare);
  EXPECT_TRUE(until([&] { return redirections() > redirected; })) << "nothing moved";
  EXPECT_TRUE(both_go_on());
  EXPECT_TRUE(healed());
  std::cout << "  a slot moved: " << redirections() - redirected << " calls were redirected, "
            << by_node() - by_itself << " tokens by the node" << std::endl;

  for (const auto dies : {master_of(*other), redis_cluster::spare}) {
    const auto node = by_node();
    redis.node(dies).kill();
    EXPECT_TRUE(until([&] { return health("redis").starts_with("error"); })) << dies;
    EXPECT_TRUE(both_go_on()) << dies;
    EXPECT_GT(by_node(), node) << dies;
    redis.restart(dies);
    EXPECT_TRUE(healed()) << dies << server->log_tail();
    EXPECT_TRUE(both_go_on()) << dies;
    std::cout << "  node " << dies << " died: " << by_node() - node << " tokens by the node"
              << std::endl;
  }

  moving.stop();
  staying.stop();
  EXPECT_EQ(moving.surprises + staying.surprises, 0u);
  ASSERT_EQ(server->stop(), 0) << server->log_tail();
  EXPECT_GE(expect_rising_tokens(), moving.held + staying.held);
}

} // namespace
} // namespace tiketi::test
