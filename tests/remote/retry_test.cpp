#include "actors/remote/retry.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace tiketi::remote {
namespace {

using namespace std::chrono_literals;

constexpr time_point now = from_millis(1'000'000);
constexpr time_point far = now + 1h;

transfer_result answered(int status, http_headers headers = {}) {
  transfer_result r;
  r.status = status;
  r.headers = std::move(headers);
  return r;
}

transfer_result broken(http_failure f) {
  transfer_result r;
  r.error = f;
  return r;
}

TEST(judge_test, a_mistake_of_ours_is_no_failure_of_the_target) {
  for (const int status : {200, 201, 204, 301, 302, 400, 401, 403, 404, 409, 422}) {
    EXPECT_EQ(judge(answered(status)).outcome, call_outcome::success) << status;
    EXPECT_FALSE(judge(answered(status)).again) << status;
  }
}

TEST(judge_test, overload_and_server_errors_are_failures_worth_repeating) {
  for (const int status : {429, 500, 502, 503, 504, 599}) {
    EXPECT_EQ(judge(answered(status)).outcome, call_outcome::failure) << status;
    EXPECT_TRUE(judge(answered(status)).again) << status;
  }
  for (const int status : {501, 505}) {
    EXPECT_EQ(judge(answered(status)).outcome, call_outcome::failure) << status;
    EXPECT_FALSE(judge(answered(status)).again) << status;
  }
}

TEST(judge_test, every_broken_transfer_has_a_meaning) {
  for (const auto f : {http_failure::refused, http_failure::timed_out, http_failure::lost}) {
    EXPECT_EQ(judge(broken(f)).outcome, call_outcome::failure);
    EXPECT_TRUE(judge(broken(f)).again);
  }
  for (const auto f : {http_failure::untrusted, http_failure::too_large}) {
    EXPECT_EQ(judge(broken(f)).outcome, call_outcome::failure);
    EXPECT_FALSE(judge(broken(f)).again);
  }
  for (const auto f :
       {http_failure::rejected, http_failure::circuit_open, http_failure::overloaded}) {
    EXPECT_EQ(judge(broken(f)).outcome, call_outcome::abandoned);
    EXPECT_FALSE(judge(broken(f)).again);
  }
}

TEST(judge_test, what_certainly_was_not_sent) {
  EXPECT_FALSE(may_have_arrived(http_failure::refused));
  EXPECT_FALSE(may_have_arrived(http_failure::untrusted));
  EXPECT_FALSE(may_have_arrived(http_failure::rejected));
  EXPECT_FALSE(may_have_arrived(http_failure::circuit_open));
  EXPECT_FALSE(may_have_arrived(http_failure::overloaded));
  EXPECT_TRUE(may_have_arrived(http_failure::none));
  EXPECT_TRUE(may_have_arrived(http_failure::timed_out));
  EXPECT_TRUE(may_have_arrived(http_failure::lost));
  EXPECT_TRUE(may_have_arrived(http_failure::too_large));
}

TEST(judge_test, retry_after_is_read_within_bounds) {
  const auto asked = [](std::string text) {
    return judge(answered(503, {{"retry-AFTER", std::move(text)}})).at_least;
  };
  EXPECT_EQ(asked("2"), 2000ms);
  EXPECT_EQ(asked("0"), 0ms);
  EXPECT_EQ(asked("999999999"), 3600s);
  for (const char* bad :
       {"", "-1", "soon", "2s", "99999999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT"})
    EXPECT_EQ(asked(bad), 0ms) << bad;
}

TEST(retry_wait_test, doubles_up_to_the_longest_wait_and_varies_by_half) {
  const retry_options o{6, 100ms, 500ms};
  const milliseconds whole[] = {100ms, 200ms, 400ms, 500ms, 500ms};
  for (std::uint32_t made = 1; made <= 5; ++made) {
    milliseconds least = 1h, most = 0ms;
    for (std::uint64_t random = 0; random < 2000; ++random) {
      const auto wait = retry_wait(o, made, 0ms, now, far, random);
      ASSERT_TRUE(wait);
      least = std::min(least, *wait);
      most = std::max(most, *wait);
    }
    EXPECT_EQ(least, whole[made - 1] / 2) << made;
    EXPECT_EQ(most, whole[made - 1]) << made;
  }
  EXPECT_TRUE(retry_wait(o, 1, 0ms, now, far, std::numeric_limits<std::uint64_t>::max()));
}

TEST(retry_wait_test, gives_up_after_the_last_attempt) {
  const retry_options o{3, 100ms, 500ms};
  EXPECT_TRUE(retry_wait(o, 2, 0ms, now, far, 0));
  EXPECT_FALSE(retry_wait(o, 3, 0ms, now, far, 0));
  EXPECT_FALSE(retry_wait(o, 0, 0ms, now, far, 0));
  EXPECT_FALSE(retry_wait({1, 100ms, 500ms}, 1, 0ms, now, far, 0));
}

TEST(retry_wait_test, never_waits_beyond_the_deadline) {
  const retry_options o{3, 100ms, 500ms};
  EXPECT_EQ(retry_wait(o, 1, 0ms, now, now + 51ms, 0), 50ms);
  EXPECT_FALSE(retry_wait(o, 1, 0ms, now, now + 50ms, 0));
  EXPECT_FALSE(retry_wait(o, 1, 0ms, now, now - 1ms, 0));
}

TEST(retry_wait_test, waits_as_long_as_it_was_asked_to_or_not_at_all) {
  const retry_options o{3, 100ms, 500ms};
  EXPECT_EQ(retry_wait(o, 1, 3000ms, now, far, 0), 3000ms);
  EXPECT_EQ(retry_wait(o, 1, 10ms, now, far, 0), 50ms);
  EXPECT_FALSE(retry_wait(o, 1, 3000ms, now, now + 2s, 0));
}

} // namespace
} // namespace tiketi::remote
