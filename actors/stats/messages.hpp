#pragma once

#include "actors/base/ids.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::stats {

enum class report_kind : std::uint8_t {
  overview,
  daily,
  events,
  event,
  payments,
  revenue,
  users,
  hourly_traffic,
  conversion,
  cancellations,
  realtime,
  seat_preferences,
  user_behavior,
  performance,
};

enum class sort_key : std::uint8_t { revenue, reservations, occupancy };
enum class report_period : std::uint8_t { daily, weekly, monthly };

/// Query: one report. Each kind reads what it needs of the rest. Answered by `report`; not_found
/// where an event is asked for that nobody told of.
struct get_report {
  report_kind kind = report_kind::overview;
  std::int32_t days = 30;  ///< the span begins this many days before today
  std::int32_t limit = 10; ///< rows
  sort_key sort = sort_key::revenue;
  report_period period = report_period::daily;
  std::optional<event_id> event{};
  /// Requests that this node answered and has not stored yet; set by the stats actor.
  std::int64_t unsaved_requests = 0;
  std::int64_t unsaved_failed = 0;
};

/// The whole answer: `{"success":true,"data":...}`.
struct report {
  std::shared_ptr<const std::string> body;
};

} // namespace tiketi::stats

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::stats::get_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::stats::report)

namespace tiketi::stats {

/// Answers reports. These messages never leave the process.
using stats_actor = caf::typed_actor<caf::replies_to<get_report>::with<report>>;

} // namespace tiketi::stats
