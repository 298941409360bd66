#pragma once

#include "actors/base/time.hpp"

#include <cstdint>
#include <string>

// The business calendar: days and hours of the day are those of Korea (UTC+9, no daylight saving
// time), so a whole hour there is a whole hour of UTC.

namespace tiketi::stats {

/// Days since 1970-01-01 in Korea.
using day_number = std::int32_t;
/// Whole hours since 1970, UTC.
using hour_number = std::int64_t;

inline constexpr std::int64_t zone_ms = 9 * 3'600'000;
inline constexpr std::int64_t day_ms = 86'400'000;
inline constexpr std::int64_t hour_ms = 3'600'000;

day_number day_of(time_point t) noexcept;
hour_number hour_of(time_point t) noexcept;
time_point begin_of(day_number day) noexcept;
hour_number first_hour(day_number day) noexcept;
day_number day_of_hour(hour_number hour) noexcept;
/// 0 to 23, in Korea.
std::int32_t clock_hour(hour_number hour) noexcept;

/// 0: Sunday.
std::int32_t weekday_of(day_number day) noexcept;
/// The Monday on or before the day.
day_number week_of(day_number day) noexcept;
/// The first of the day's month.
day_number month_of(day_number day) noexcept;
/// The first of the month after the day's.
day_number month_after(day_number day) noexcept;

/// `YYYY-MM-DD`
std::string to_date(day_number day);

} // namespace tiketi::stats
