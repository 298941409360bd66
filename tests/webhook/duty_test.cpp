#include "tests/webhook/webhook_fixture.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace tiketi::webhook {
namespace {

using namespace std::chrono_literals;
using test::local_reply;
using test::local_request;

/// Two nodes with one store; one of them sends. `role` of the fixture is whoever is asked.
class webhook_duty_test : public test::webhook_test {
protected:
  void SetUp() override {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      options.on_duty = [this, i] { return on_duty == i; };
      start();
      nodes[i] = role;
    }
  }

  void TearDown() override {
    paced->shutdown();
    for (auto& n : nodes) {
      role = n;
      stop();
      n = {};
    }
  }

  void ask_node(std::size_t i) { role = nodes[i]; }

  static std::size_t nobody() { return 2; }

  std::array<webhook_role, 2> nodes;
  std::size_t on_duty = 0;
  test::receiver shop;
};

TEST_F(webhook_duty_test, what_one_node_is_told_every_node_knows_at_once) {
  ask_node(1);
  const auto made = add(shop.url());
  ask_node(0);
  EXPECT_EQ(view(made.webhook.id).url, shop.url());
  EXPECT_EQ(call<webhook_list>(list_webhooks{})->webhooks.size(), 1u);
  change_webhook other;
  other.id = made.webhook.id;
  other.description = "changed";
  ASSERT_TRUE(call<webhook_view>(other));
  ask_node(1);
  EXPECT_EQ(view(made.webhook.id).description, "changed");
  ASSERT_TRUE(call<webhook_deleted>(delete_webhook{made.webhook.id, {}}));
  ask_node(0);
  EXPECT_EQ(call<webhook_view>(get_webhook{made.webhook.id}).error().code, errc::not_found);
}

TEST_F(webhook_duty_test, an_event_is_not_missed_by_a_node_that_has_not_heard_of_the_webhook) {
  ask_node(0);
  add(shop.url());
  ask_node(1);
  const auto e = event("k");
  auto pending = self->request(role.webhooks, caf::infinite, deliver{e});
  sched.run(); // no time has passed
  ASSERT_FALSE(self->mailbox().empty());
  pending.receive([](const applied&) {}, [](const caf::error&) { ADD_FAILURE(); });
  pass(1s);
  ASSERT_EQ(shop.count(), 1u) << "sent by the other one";
  EXPECT_EQ(shop.seen()[0].headers.at("tiketi-event-id"), to_string(e.id));
}

TEST_F(webhook_duty_test, off_duty_nothing_is_sent_and_whoever_takes_over_goes_on) {
  on_duty = nobody();
  ask_node(0);
  const auto id = add(shop.url()).webhook.id;
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(tell(event("k")));
  pass(5s);
  EXPECT_EQ(shop.count(), 0u);
  EXPECT_EQ(view(id).pending, 3);
  on_duty = 1;
  pass(1s);
  EXPECT_EQ(shop.count(), 3u);
  EXPECT_EQ(view(id).pending, 0);
}

TEST_F(webhook_duty_test, a_duty_that_goes_to_and_fro_delivers_all_and_keeps_the_order_of_a_key) {
  ask_node(0);
  const auto id = add(shop.url()).webhook.id;
  std::size_t calls_made = 0;
  shop.behave([&](const local_request&) {
    return ++calls_made % 5 == 0 ? local_reply{500, "", {}} : local_reply{200, "", {}};
  });
  std::vector<std::string> sent;
  for (int round = 0; round < 30; ++round) {
    on_duty = env->random() % 3;
    ask_node(env->random() % 2);
    const auto e = event("k");
    sent.push_back(to_string(e.id));
    ASSERT_TRUE(tell(e));
    pass(milliseconds{100 * (env->random() % 5)});
  }
  on_duty = 0;
  pass(60s);
  // Repeats aside, they arrived in their order.
  std::vector<std::string> first;
  for (const auto& r : shop.seen()) {
    const auto& event_id = r.headers.at("tiketi-event-id");
    if (std::find(first.begin(), first.end(), event_id) == first.end())
      first.push_back(event_id);
  }
  EXPECT_EQ(first, sent);
  EXPECT_EQ(view(id).pending, 0);
}

} // namespace
} // namespace tiketi::webhook
