#include "actors/cluster/codec.hpp"
#include "actors/cluster/courier.hpp"
#include "actors/cluster/sharding.hpp"
#include "actors/queue/messages.hpp"
#include "actors/queue/type_ids.hpp"
#include "tests/cluster/cluster_fixture.hpp"

#include <deque>
#include <optional>

namespace tiketi::cluster {
namespace {

using namespace std::chrono_literals;
using queue::admission;
using queue::check_admission;

class courier_test : public sharing_test {
protected:
  struct sent {
    milliseconds at{};
    send_command what;
  };

  void SetUp() override {
    routed_to("b");
    gate = keep(sys.spawn([this](caf::event_based_actor* me) -> caf::behavior {
      return {[this, me](const send_command& m) -> caf::result<command_reply> {
        seen.push_back({passed, m});
        if (silent)
          return me->make_response_promise<command_reply>();
        if (!script.empty()) {
          const auto reply = script.front();
          script.pop_front();
          return reply;
        }
        return command_reply{otherwise, 1, {}};
      }};
    }));
    start();
  }

  void start(courier_options options = {}) {
    if (messenger)
      self->send_exit(messenger, caf::exit_reason::kill);
    messenger = keep(sys.spawn(courier, env.get(), state, gate, options, metrics));
  }

  command_reply yes() { return {reply_code::done, 1, encode(sys, admission{true})}; }

  /// Gives the courier a command; the answer is filled in when it comes.
  std::shared_ptr<std::optional<result<admission>>>
  begin(milliseconds patience = milliseconds::max()) {
    auto out = std::make_shared<std::optional<result<admission>>>();
    auto order = order_for<admission>(sys, 7, check_admission{});
    order.patience = patience;
    keep(sys.spawn([this, out, order](caf::event_based_actor* me) {
      me->request(caf::actor_cast<courier_of<admission>>(messenger), caf::infinite, order)
          .then([out](const admission& a) { *out = a; },
                [out](const caf::error& e) { *out = to_failure(e); });
    }));
    sched.run();
    return out;
  }

  std::vector<sent> seen;
  std::deque<command_reply> script;
  reply_code otherwise = reply_code::unreachable;
  bool silent = false;
  caf::actor gate;
  caf::actor messenger;
};

TEST_F(courier_test, what_is_answered_goes_back_as_it_was_asked) {
  script = {yes()};
  const auto answer = begin();
  ASSERT_TRUE(*answer);
  EXPECT_TRUE((*answer)->value().active);
  ASSERT_EQ(seen.size(), 1u);
  const auto& c = seen[0].what.command;
  EXPECT_EQ(c.role, sale_role);
  EXPECT_EQ(c.key, 7u);
  EXPECT_EQ(c.kind, kind_of<check_admission>());
  EXPECT_EQ(c.attempt, 1u);
  EXPECT_EQ(c.deadline, to_millis(state->cluster_now()) + 8000);
}

TEST_F(courier_test, who_has_waited_already_waits_no_longer_than_he_says) {
  const auto answer = begin(500ms);
  EXPECT_EQ(seen.at(0).what.command.deadline, to_millis(state->cluster_now()) + 500);
  pass(490ms);
  EXPECT_FALSE(*answer);
  pass(300ms);
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::unavailable);
  const auto asked = seen.size();
  const auto late = begin(0ms);
  ASSERT_TRUE(*late);
  EXPECT_EQ((*late)->error().code, errc::unavailable);
  EXPECT_EQ(seen.size(), asked) << "nobody was asked";
  begin(1h);
  EXPECT_EQ(seen.back().what.command.deadline, to_millis(state->cluster_now()) + 8000)
      << "no longer than a courier keeps at it";
}

TEST_F(courier_test, repeats_under_one_id_with_growing_pauses) {
  const auto answer = begin();
  pass(3s);
  EXPECT_FALSE(*answer);
  script = {yes()};
  pass(300ms);
  ASSERT_TRUE(*answer);
  EXPECT_TRUE((*answer)->has_value());
  ASSERT_GT(seen.size(), 12u);
  EXPECT_LT(seen.size(), 36u);
  // 10 ms doubled up to 250, each halved at most, and the tick that looks.
  auto wait = 10ms;
  for (std::size_t i = 1; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].what.command.command, seen[0].what.command.command);
    EXPECT_EQ(seen[i].what.command.deadline, seen[0].what.command.deadline);
    EXPECT_EQ(seen[i].what.command.attempt, 1u) << "none before it was applied";
    const auto pause = seen[i].at - seen[i - 1].at;
    EXPECT_GE(pause, wait / 2) << i;
    EXPECT_LE(pause, wait + 12ms) << i;
    wait = std::min<milliseconds>(wait * 2, 250ms);
  }
  const auto before = seen.size();
  pass(1s);
  EXPECT_EQ(seen.size(), before) << "it has been answered";
}

TEST_F(courier_test, counts_the_attempts_that_follow_one_that_may_have_been_applied) {
  const auto answer = begin(); // "unreachable"
  script = {{reply_code::lost, 2, {}}, {reply_code::moving, 2, ""}, yes()};
  pass(500ms);
  ASSERT_TRUE(*answer);
  std::vector<std::uint32_t> attempts;
  for (const auto& one : seen)
    attempts.push_back(one.what.command.attempt);
  EXPECT_EQ(attempts, (std::vector<std::uint32_t>{1, 1, 2, 3}));
}

TEST_F(courier_test, goes_at_once_to_whom_a_holder_names_but_not_for_ever) {
  script = {{reply_code::moving, 1, "c"},
            {reply_code::moving, 1, "d"},
            {reply_code::moving, 1, "c"},
            yes()};
  const auto answer = begin();
  ASSERT_EQ(seen.size(), 3u) << "two redirections took no time";
  EXPECT_EQ(seen[0].what.to, "");
  EXPECT_EQ(seen[1].what.to, "c");
  EXPECT_EQ(seen[2].what.to, "d");
  EXPECT_EQ(seen[2].what.command.attempt, 1u);
  EXPECT_FALSE(*answer);
  pass(50ms);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[3].what.to, "") << "by its own view again";
  EXPECT_TRUE(*answer);
}

TEST_F(courier_test, whoever_names_nobody_or_the_one_just_asked_is_waited_for) {
  script = {{reply_code::moving, 1, ""},
            {reply_code::moving, 1, "c"},
            {reply_code::moving, 1, "c"},
            yes()};
  const auto answer = begin();
  EXPECT_EQ(seen.size(), 1u);
  pass(15ms);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[2].what.to, "c");
  EXPECT_FALSE(*answer);
  pass(50ms);
  EXPECT_TRUE(*answer);
}

TEST_F(courier_test, certainly_not_done_is_unavailable_at_the_deadline) {
  const auto answer = begin();
  pass(7900ms);
  EXPECT_FALSE(*answer);
  pass(500ms);
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::unavailable);
}

TEST_F(courier_test, perhaps_done_is_in_doubt_at_the_deadline) {
  script = {{reply_code::lost, 1, {}}};
  const auto answer = begin();
  pass(7900ms);
  EXPECT_FALSE(*answer);
  EXPECT_GT(seen.size(), 20u) << "only its owner can say what became of it";
  pass(500ms);
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::in_doubt);
}

TEST_F(courier_test, a_gateway_that_is_gone_leaves_it_in_doubt) {
  self->send_exit(gate, caf::exit_reason::kill);
  sched.run();
  const auto answer = begin();
  pass(8500ms);
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::in_doubt);
}

TEST_F(courier_test, a_forgotten_answer_is_in_doubt_at_once) {
  script = {{reply_code::forgotten, 1, {}}};
  const auto answer = begin();
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::in_doubt);
  EXPECT_EQ(seen.size(), 1u);
}

TEST_F(courier_test, what_no_repetition_helps_is_given_up_at_once) {
  script = {{reply_code::too_large, 1, {}}};
  const auto answer = begin();
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::unavailable);
}

TEST_F(courier_test, a_refusal_goes_back_with_its_words) {
  script = {{reply_code::failed, 1, encode_failure({errc::sold_out, "no more"})}};
  const auto answer = begin();
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::sold_out);
  EXPECT_EQ((*answer)->error().text, "no more");
}

TEST_F(courier_test, an_answer_that_cannot_be_read_is_an_error) {
  script = {{reply_code::done, 1, {}}};
  const auto answer = begin();
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::internal);
}

TEST_F(courier_test, over_its_bound_it_refuses_and_goes_on_afterwards) {
  courier_options options;
  options.waiting_max = 2;
  start(options);
  silent = true;
  const auto first = begin();
  const auto second = begin();
  const auto third = begin();
  EXPECT_FALSE(*first);
  EXPECT_FALSE(*second);
  ASSERT_TRUE(*third);
  EXPECT_EQ((*third)->error().code, errc::overloaded);
  EXPECT_EQ(seen.size(), 2u);
}

TEST_F(courier_test, a_node_that_has_not_joined_sends_nothing) {
  state->set_routes(std::make_shared<const routing>());
  const auto answer = begin();
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->error().code, errc::unavailable);
  EXPECT_TRUE(seen.empty());
}

TEST_F(courier_test, a_notice_is_carried_like_a_command) {
  script = {{reply_code::unreachable, 1, {}}, {reply_code::done, 1, {}}};
  outgoing notice;
  notice.key = 7;
  notice.open = [](caf::actor_system&, const std::string&) -> std::optional<caf::message> {
    return caf::message{};
  };
  caf::anon_send(messenger, notice);
  sched.run();
  pass(1s);
  EXPECT_EQ(seen.size(), 2u);
}

} // namespace
} // namespace tiketi::cluster
