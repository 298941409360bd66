#pragma once

#include "actors/base/time.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace tiketi::catalog {

enum class event_status : std::uint8_t { upcoming, on_sale, ended, cancelled };

/// The words of the wire format.
std::string_view to_string_view(event_status status) noexcept;

/// Nothing for any other word.
std::optional<event_status> parse_status(std::string_view word) noexcept;

/// What the status of an event follows from. It is never stored: a stored status is wrong as soon
/// as a clock passes one of these times.
struct sale_times {
  time_point event_date;
  std::optional<time_point> sale_start; ///< none: open from the beginning
  std::optional<time_point> sale_end;   ///< none: open until the event
  bool cancelled = false;               ///< wins over the clock, for ever
};

/// When nothing is sold any more: the end of the sale or the event's date, whichever is first.
time_point end_of_sale(const sale_times& times) noexcept;

/// `ended` from `end_of_sale` on; `upcoming` before the start.
event_status status_at(const sale_times& times, time_point now) noexcept;

/// The first moment after `now` at which `status_at` gives something else.
std::optional<time_point> next_change(const sale_times& times, time_point now) noexcept;

/// When each membership tier may begin to buy.
struct pre_sale_schedule {
  time_point diamond;
  time_point gold;
  time_point silver;
  time_point bronze; ///< everybody
};

pre_sale_schedule schedule_from(time_point sale_start) noexcept;

} // namespace tiketi::catalog
