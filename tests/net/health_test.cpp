#include "net/http/health.hpp"
#include "tests/support/actor_fixture.hpp"

namespace tiketi::net {
namespace {

using namespace std::chrono_literals;

class health_test : public test::actor_test {
protected:
  void TearDown() override {
    if (monitor)
      monitor->stop();
    sched.run();
    // The tick that is under way keeps the actor until it was delivered.
    advance(5s);
  }

  void start(bool required) {
    health_probe p{"postgresql", required, [this](std::function<void(std::string)> done) {
                     ++asked;
                     pending = std::move(done);
                   }};
    monitor.emplace(sys, *env, health_options{}, std::vector<health_probe>{std::move(p)});
    sched.run();
  }

  std::string state() { return monitor->current().dependencies.at(0).second; }

  int asked = 0;
  std::function<void(std::string)> pending;
  std::optional<health_monitor> monitor;
};

TEST_F(health_test, what_was_not_checked_is_not_there_yet) {
  start(true);
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(monitor->current().serving);
  pending("");
  EXPECT_TRUE(monitor->current().serving);
  EXPECT_EQ(state(), "ok");
}

TEST_F(health_test, probes_run_every_second_and_not_per_question) {
  start(true);
  pending("");
  for (int i = 0; i < 100; ++i)
    monitor->current();
  EXPECT_EQ(asked, 1);
  advance(1s);
  EXPECT_EQ(asked, 2);
  pending("connection refused");
  EXPECT_EQ(state(), "error: connection refused");
  EXPECT_FALSE(monitor->current().serving);
}

TEST_F(health_test, an_optional_dependency_only_degrades) {
  start(false);
  pending("gone");
  EXPECT_TRUE(monitor->current().serving);
  EXPECT_FALSE(monitor->current().healthy);
}

TEST_F(health_test, a_probe_that_hangs_fails_and_its_late_answer_is_not_believed) {
  start(true);
  pending("");
  advance(1s);
  const auto hanging = pending;
  advance(1s);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(state(), "ok");
  advance(1s);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(state(), "error: timeout");
  hanging("");
  EXPECT_EQ(state(), "error: timeout");
  pending("");
  EXPECT_EQ(state(), "ok");
}

TEST_F(health_test, answers_after_the_end_go_nowhere) {
  start(true);
  const auto late = pending;
  monitor->stop();
  sched.run();
  advance(2s);
  monitor.reset();
  late("");
}

} // namespace
} // namespace tiketi::net
