#include "actors/catalog/status.hpp"

#include <algorithm>

namespace tiketi::catalog {

namespace {

constexpr std::string_view words[] = {"upcoming", "on_sale", "ended", "cancelled"};

} // namespace

std::string_view to_string_view(event_status status) noexcept {
  return words[static_cast<std::size_t>(status)];
}

std::optional<event_status> parse_status(std::string_view word) noexcept {
  const auto* found = std::ranges::find(words, word);
  if (found == std::end(words))
    return std::nullopt;
  return static_cast<event_status>(found - std::begin(words));
}

time_point end_of_sale(const sale_times& times) noexcept {
  return times.sale_end ? std::min(*times.sale_end, times.event_date) : times.event_date;
}

event_status status_at(const sale_times& times, time_point now) noexcept {
  if (times.cancelled)
    return event_status::cancelled;
  if (now >= end_of_sale(times))
    return event_status::ended;
  if (times.sale_start && now < *times.sale_start)
    return event_status::upcoming;
  return event_status::on_sale;
}

std::optional<time_point> next_change(const sale_times& times, time_point now) noexcept {
  switch (status_at(times, now)) {
  case event_status::upcoming:
    return std::min(*times.sale_start, end_of_sale(times));
  case event_status::on_sale:
    return end_of_sale(times);
  default:
    return std::nullopt;
  }
}

pre_sale_schedule schedule_from(time_point sale_start) noexcept {
  using std::chrono::hours;
  return {sale_start, sale_start + hours{1}, sale_start + hours{24}, sale_start + hours{48}};
}

} // namespace tiketi::catalog
