#include "actors/stats/calendar.hpp"

#include <chrono>

#include <fmt/format.h>

namespace tiketi::stats {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

year_month_day date_of(day_number day) {
  return year_month_day{sys_days{days{day}}};
}

day_number number_of(const year_month_day& date) {
  return static_cast<day_number>(sys_days{date}.time_since_epoch().count());
}

} // namespace

day_number day_of(time_point t) noexcept {
  return static_cast<day_number>(floor_div(to_millis(t) + zone_ms, day_ms));
}

hour_number hour_of(time_point t) noexcept {
  return floor_div(to_millis(t), hour_ms);
}

time_point begin_of(day_number day) noexcept {
  return from_millis(day * day_ms - zone_ms);
}

hour_number first_hour(day_number day) noexcept {
  return std::int64_t{day} * 24 - zone_ms / hour_ms;
}

day_number day_of_hour(hour_number hour) noexcept {
  return static_cast<day_number>(floor_div(hour + zone_ms / hour_ms, 24));
}

std::int32_t clock_hour(hour_number hour) noexcept {
  const auto local = hour + zone_ms / hour_ms;
  return static_cast<std::int32_t>(local - floor_div(local, 24) * 24);
}

std::int32_t weekday_of(day_number day) noexcept {
  const auto shifted = std::int64_t{day} + 4; // 1970-01-01 was a Thursday
  return static_cast<std::int32_t>(shifted - floor_div(shifted, 7) * 7);
}

day_number week_of(day_number day) noexcept {
  return day - (weekday_of(day) + 6) % 7;
}

day_number month_of(day_number day) noexcept {
  const auto date = date_of(day);
  return number_of(date.year() / date.month() / 1);
}

day_number month_after(day_number day) noexcept {
  const auto date = date_of(day);
  const auto next = (date.year() / date.month()) + std::chrono::months{1};
  return number_of(next / 1);
}

std::string to_date(day_number day) {
  const auto date = date_of(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

} // namespace tiketi::stats
