#include "tests/queue/queue_fixture.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace tiketi::test {
namespace {

using queue::place;

/// A Redis in virtual time: the test decides when and what it answers.
class held_client final : public redis::client {
public:
  void start(redis::call c, done_fn done) override {
    if (away)
      return done({redis::call_error::unavailable, {}, {}});
    calls.emplace_back(std::move(c), std::move(done));
  }
  redis::client_status status() const override { return {}; }
  void shutdown() override {}

  /// All that wait, as a Redis would that takes everything.
  void answer_all() {
    while (!calls.empty()) {
      auto [c, done] = std::move(calls.front());
      calls.pop_front();
      redis::outcome out;
      redis::reply one;
      one.what = redis::reply::kind::integer;
      one.integer = 1;
      out.value.what = redis::reply::kind::list;
      out.value.items = {one, one, one};
      done(std::move(out));
    }
  }

  bool away = false;
  std::deque<std::pair<redis::call, done_fn>> calls;
};

class mirror_actor_test : public queue_fixture {
protected:
  mirror_actor_test() {
    stop();
    mirror = redis;
    start();
  }
  ~mirror_actor_test() override {
    stop();
    redis->calls.clear();
  }

  std::size_t mirrored() const {
    return static_cast<std::size_t>(
        std::count_if(redis->calls.begin(), redis->calls.end(),
                      [](const auto& c) { return c.first.run != nullptr; }));
  }

  std::shared_ptr<held_client> redis = std::make_shared<held_client>();
};

TEST_F(mirror_actor_test, a_redis_that_hangs_delays_and_doubles_no_admission) {
  for (std::uint64_t n = 1; n <= 6; ++n)
    ASSERT_TRUE(enter(n).has_value());
  EXPECT_EQ(mirrored(), 1u); // one call, however much there is to tell
  EXPECT_EQ(where(1), place::active);
  EXPECT_EQ(where(2), place::active);
  ASSERT_TRUE(leave(1).has_value());
  advance(options.room.leave_grace + 2 * options.admission_interval);
  EXPECT_EQ(where(3), place::active);
  EXPECT_EQ(where(4), place::waiting);
  EXPECT_EQ(mirrored(), 1u);
  EXPECT_EQ(context->metrics->admitted.Value(), 3);
  EXPECT_EQ(context->metrics->mirror_behind.Value(), 1);
}

TEST_F(mirror_actor_test, an_outage_is_made_good_from_memory) {
  redis->away = true;
  for (std::uint64_t n = 1; n <= 6; ++n)
    ASSERT_TRUE(enter(n).has_value());
  EXPECT_EQ(context->metrics->mirror_behind.Value(), 1);
  redis->away = false;
  advance(options.mirror.retry_after + options.admission_interval);
  ASSERT_EQ(mirrored(), 1u);
  const auto call = std::find_if(redis->calls.begin(), redis->calls.end(), [](const auto& c) {
                      return c.first.run != nullptr;
                    })->first;
  EXPECT_EQ(call.run->name, "queue_mirror");
  EXPECT_EQ(call.words[call.keys], ""); // from the beginning
  const auto said = [&](const char* what) {
    return std::count(call.words.begin() + static_cast<std::ptrdiff_t>(call.keys), call.words.end(),
                      what);
  };
  EXPECT_EQ(said("A"), 2);
  EXPECT_EQ(said("J"), 4);
  redis->answer_all();
  sched.run();
  EXPECT_EQ(context->metrics->mirror_behind.Value(), 0);
  // The next change goes by itself.
  ASSERT_TRUE(enter(7).has_value());
  EXPECT_EQ(mirrored(), 1u);
  redis->answer_all();
  sched.run();
}

TEST_F(mirror_actor_test, a_doubtful_write_makes_the_copy_anew) {
  ASSERT_TRUE(enter(1).has_value());
  redis->answer_all();
  sched.run();
  redis->answer_all();
  sched.run();
  const auto before = context->metrics->mirror_copies.Value();
  next_batch(fate::unknown);
  EXPECT_FALSE(enter(2).has_value());
  sched.run();
  EXPECT_EQ(context->metrics->mirror_copies.Value(), before + 1);
}

} // namespace
} // namespace tiketi::test
