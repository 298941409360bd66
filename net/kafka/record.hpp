#pragma once

#include "actors/base/result.hpp"
#include "actors/bus/messages.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a domain event looks like in Kafka. Pure.

namespace tiketi::kafka {

struct record {
  std::string topic; ///< without prefix
  std::string key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;
  std::int32_t partition = -1;
  std::int64_t offset = -1;

  /// The last header of this name, or null.
  const std::string* header(std::string_view name) const;
};

/// The value is the event's payload with `messageId`, `version`, `occurredAt` and `traceId` before
/// its own fields; `type` too where the payload has none. The same stands in the headers
/// `event-id`, `event-type`, `event-version`, `occurred-at`, `traceparent`, and `sequence`: its
/// place in the producer's outbox.
record to_record(const domain_event& event);

/// Back again, from the headers and, where they are missing, from the value. Fails with
/// `invalid_request` where neither says which event this is.
result<domain_event> to_event(const record& r);

/// Where records go that `consumer` can never apply: `<topic>.dlq`.
std::string dead_letter_topic(std::string_view topic);

/// The same record for that topic. The headers `dlq-consumer`, `dlq-reason`, `dlq-topic`,
/// `dlq-partition`, `dlq-offset`, `dlq-attempts` and `dlq-at` say what happened to it.
record dead_letter(const record& r, std::string_view consumer, std::string_view reason,
                   std::uint32_t attempts, time_point now);

/// Back to the topic it came from, for the consumer that could not apply it (`replay-for`). Fails
/// with `invalid_request` when the record is no dead letter.
result<record> replayed(const record& dead);

/// A replayed record is for one consumer only.
bool is_for(const record& r, std::string_view consumer);

} // namespace tiketi::kafka
