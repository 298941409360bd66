#include "actors/queue/type_ids.hpp"
#include "net/http/entry_gate.hpp"
#include "tests/support/actor_fixture.hpp"

namespace tiketi::net {
namespace {

using namespace std::chrono_literals;

class gate_exchange final : public exchange {
public:
  const request& req() const noexcept override { return in; }
  void reply(response r) override { out = std::move(r); }

  request in;
  std::optional<response> out;
};

class entry_gate_test : public test::actor_test {
protected:
  void SetUp() override {
    queues = sys.spawn([this]() -> queue::gate_view::behavior_type {
      return {
          [this](const queue::check_admission& q) -> caf::result<queue::admission> {
            ++asked;
            if (queue_down)
              return to_caf(errc::unavailable);
            return queue::admission{q.event == concert && q.user == active_user};
          },
          [](const queue::booking_done&) {},
      };
    });
    // The gate runs inside of a front actor.
    runner = sys.spawn([this](caf::event_based_actor* me) -> caf::behavior {
      return {[this, me](int) {
        front f{me, *env};
        gate(f, x, concert, [this] { ++admitted; });
      }};
    });
    sched.run();
  }

  void TearDown() override {
    caf::anon_send_exit(queues, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(runner, caf::exit_reason::user_shutdown);
    sched.run();
  }

  std::string token_for(event_id event, user_id user, std::chrono::seconds ttl = 600s) {
    return tokens.sign({event, user, env->now(), env->now() + ttl});
  }

  void knock(bool enabled = true) {
    gate = make_entry_gate({.enabled = enabled}, tokens, queues);
    caf::anon_send(runner, 1);
    sched.run();
  }

  void expect_refused() {
    EXPECT_EQ(admitted, 0);
    ASSERT_TRUE(x->out);
    EXPECT_EQ(x->out->status, 403);
    const auto body = nlohmann::json::parse(x->out->body);
    EXPECT_EQ(body["error"], "Queue entry token required");
    EXPECT_EQ(body["code"], "entry_token_required");
    EXPECT_EQ(body["redirectTo"], "/queue");
  }

  const event_id concert = *parse_id<event_id>("00000000-0000-4000-8000-0000000000e1");
  const event_id other_concert = *parse_id<event_id>("00000000-0000-4000-8000-0000000000e2");
  const user_id anna = *parse_id<user_id>("00000000-0000-4000-8000-00000000000a");
  const user_id berta = *parse_id<user_id>("00000000-0000-4000-8000-00000000000b");
  user_id active_user;
  bool queue_down = false;
  int asked = 0;
  int admitted = 0;
  entry_tokens tokens = entry_tokens::make("a-secret-of-at-least-32-bytes-for-entry").value();
  queue::gate_view queues;
  caf::actor runner;
  entry_gate gate;
  std::shared_ptr<gate_exchange> x = [this] {
    auto out = std::make_shared<gate_exchange>();
    out->in.who = identity{anna, "a@b", "user"};
    return out;
  }();
};

TEST_F(entry_gate_test, a_token_in_header_or_cookie_opens) {
  for (const auto& [name, prefix] :
       {std::pair{"x-queue-entry-token", ""}, std::pair{"cookie", "urr-entry-token="},
        std::pair{"cookie", "a=b; tiketi-entry-token="}}) {
    admitted = 0;
    x->in.headers = {{name, prefix + token_for(concert, anna)}};
    knock();
    EXPECT_EQ(admitted, 1) << name << prefix;
  }
  EXPECT_EQ(asked, 0);
}

TEST_F(entry_gate_test, a_bad_header_does_not_hide_a_good_cookie) {
  x->in.headers = {{"x-queue-entry-token", "junk"},
                   {"cookie", "urr-entry-token=" + token_for(concert, anna)}};
  knock();
  EXPECT_EQ(admitted, 1);
}

TEST_F(entry_gate_test, another_events_token_does_not_open) {
  x->in.headers = {{"x-queue-entry-token", token_for(other_concert, anna)}};
  knock();
  expect_refused();
}

TEST_F(entry_gate_test, another_users_token_does_not_open) {
  x->in.headers = {{"x-queue-entry-token", token_for(concert, berta)}};
  knock();
  expect_refused();
}

TEST_F(entry_gate_test, an_expired_token_does_not_open) {
  x->in.headers = {{"x-queue-entry-token", token_for(concert, anna, 10s)}};
  advance(10s);
  knock();
  expect_refused();
}

TEST_F(entry_gate_test, an_active_slot_opens_without_a_token) {
  active_user = anna;
  knock();
  EXPECT_EQ(admitted, 1);
  EXPECT_EQ(asked, 1);
}

TEST_F(entry_gate_test, anothers_slot_does_not_open) {
  active_user = berta;
  knock();
  expect_refused();
}

TEST_F(entry_gate_test, the_anonymous_never_pass) {
  x->in.headers = {{"x-queue-entry-token", token_for(concert, anna)}};
  x->in.who.reset();
  knock();
  expect_refused();
  EXPECT_EQ(asked, 0);
}

TEST_F(entry_gate_test, a_missing_queue_is_no_permission) {
  queue_down = true;
  knock();
  EXPECT_EQ(admitted, 0);
  ASSERT_TRUE(x->out);
  EXPECT_EQ(x->out->status, 503);
}

TEST_F(entry_gate_test, switched_off_it_lets_everybody_in) {
  x->in.who.reset();
  knock(false);
  EXPECT_EQ(admitted, 1);
}

} // namespace
} // namespace tiketi::net
