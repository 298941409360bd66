#pragma once

#include "actors/base/environment.hpp"
#include "actors/system/actor_config.hpp"
#include "actors/system/caf_error.hpp"

#include <chrono>
#include <memory>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <gtest/gtest.h>

namespace tiketi::test {

struct deterministic_config : actor_config {
  deterministic_config() { set("scheduler.policy", caf::atom("testing")); }
};

/// Single-threaded actor system with a clock that only tests can move. The environment's wall
/// clock follows it, starting at `epoch`. A test must send an exit to every actor it spawned.
class actor_test : public ::testing::Test {
protected:
  static constexpr time_point epoch = from_millis(1'771'754'400'000); // 2026-02-22T10:00:00Z

  template <class Reply, class Handle, class Message>
  result<Reply> ask(const Handle& target, Message message) {
    auto pending = self->request(target, caf::infinite, std::move(message));
    sched.run();
    result<Reply> out = failure{errc::unavailable};
    if (self->mailbox().empty())
      ADD_FAILURE() << "no answer";
    else
      pending.receive([&](Reply& x) { out = std::move(x); },
                      [&](caf::error& err) { out = to_failure(err); });
    return out;
  }

  /// Virtual time: fires what is due and runs what follows from it.
  void advance(std::chrono::milliseconds by) {
    elapsed_ += by;
    sched.advance_time(by);
    sched.run();
  }

  /// As `advance`, but what is due only becomes runnable: for tests that choose the order.
  void advance_clock(std::chrono::milliseconds by) {
    elapsed_ += by;
    sched.advance_time(by);
  }

  deterministic_config config;
  caf::actor_system sys{config};
  caf::scheduler::test_coordinator& sched =
      dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());
  std::unique_ptr<environment> env =
      make_seeded_environment(1, [this] { return epoch + elapsed_; });
  caf::scoped_actor self{sys, true};

private:
  std::chrono::milliseconds elapsed_{0};
};

} // namespace tiketi::test
