#pragma once

#include "actors/remote/messages.hpp"
#include "actors/remote/retry.hpp"

#include <cstdint>
#include <string>

namespace tiketi::webhook {

struct retry_rules {
  std::uint32_t attempts_max = 12; ///< the first one included
  milliseconds wait_first{5000};   ///< before the second attempt; doubles
  milliseconds wait_max{3'600'000};
  milliseconds age_max{86'400'000}; ///< since it was queued; no attempt begins later
  milliseconds hold{10'000};        ///< a webhook whose circuit is open is left alone for this long
};

enum class settlement : std::uint8_t {
  delivered, ///< 2xx
  retry,     ///< again at `retry_at`
  dead,      ///< too often or too long
  gone,      ///< 410: the webhook is disabled, the delivery waits
  unsent,    ///< no attempt: the webhook rests until `retry_at`
};

struct verdict {
  settlement what = settlement::retry;
  time_point retry_at;
  std::int32_t status = 0; ///< 0: no answer
  std::string error;       ///< a word for a person; empty: none
};

/// What an attempt (the `attempt`th, from 1) means. Bodies of answers are not looked at: a 2xx is
/// all that counts.
verdict judge_attempt(const remote::http_answer& answer, std::uint32_t attempt,
                      time_point queued_at, time_point now, const retry_rules& rules,
                      std::uint64_t random);

/// What an answer is called where a person reads it; empty for a 2xx.
std::string error_of(const remote::http_answer& answer);

} // namespace tiketi::webhook
