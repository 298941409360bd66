#include "actors/webhook/verdict.hpp"

#include <fmt/format.h>

namespace tiketi::webhook {

using remote::http_failure;

std::string error_of(const remote::http_answer& answer) {
  // Words of our own: what the network stack says could tell about machines inside.
  if (answer.error != http_failure::none)
    return std::string{to_string_view(answer.error)};
  if (answer.status >= 200 && answer.status < 300)
    return {};
  if (answer.status >= 300 && answer.status < 400)
    return fmt::format("status {}: redirects are not followed", answer.status);
  return fmt::format("status {}", answer.status);
}

verdict judge_attempt(const remote::http_answer& answer, std::uint32_t attempt,
                      time_point queued_at, time_point now, const retry_rules& rules,
                      std::uint64_t random) {
  verdict out;
  out.status = answer.error == http_failure::none ? answer.status : 0;
  out.error = error_of(answer);
  if (answer.error == http_failure::circuit_open || answer.error == http_failure::overloaded) {
    out.what = settlement::unsent;
    // Spread, so that what waits for one receiver does not come back in one moment.
    const auto half = rules.hold.count() / 2;
    const auto spread = static_cast<std::uint64_t>(rules.hold.count() - half) + 1;
    out.retry_at = now + milliseconds{half + static_cast<std::int64_t>(random % spread)};
    return out;
  }
  if (out.error.empty()) {
    out.what = settlement::delivered;
    return out;
  }
  if (out.status == 410) {
    out.what = settlement::gone;
    out.error = "status 410: the receiver wants no more";
    return out;
  }
  remote::transfer_result seen;
  seen.error = answer.error;
  seen.status = answer.status;
  seen.headers = answer.headers;
  const remote::retry_options options{rules.attempts_max, rules.wait_first, rules.wait_max};
  const auto wait = remote::retry_wait(options, attempt, remote::judge(seen).at_least, now,
                                       queued_at + rules.age_max, random);
  out.what = wait ? settlement::retry : settlement::dead;
  if (wait)
    out.retry_at = now + *wait;
  return out;
}

} // namespace tiketi::webhook
