#include "actors/stats/report_numbers.hpp"

#include <cstdlib>

#include <fmt/format.h>

namespace tiketi::stats {

hour_row& hour_row::operator+=(const hour_row& other) noexcept {
  constexpr std::int64_t hour_row::*fields[] = {
      &hour_row::created,          &hour_row::confirmed,
      &hour_row::cancelled,        &hour_row::expired,
      &hour_row::cohort_confirmed, &hour_row::cohort_cancelled,
      &hour_row::cohort_expired,   &hour_row::confirm_ms,
      &hour_row::cancel_ms,        &hour_row::released,
      &hour_row::release_ms,       &hour_row::payments,
      &hour_row::failed_payments,  &hour_row::paid,
      &hour_row::refunds,          &hour_row::refunded,
      &hour_row::registered,       &hour_row::transfers,
      &hour_row::memberships,      &hour_row::requests,
      &hour_row::failed_requests,
  };
  for (const auto field : fields)
    this->*field += other.*field;
  return *this;
}

std::int64_t hundredths(std::int64_t num, std::int64_t den) noexcept {
  if (den == 0)
    return 0;
  // Whole part first, so that only the rest is multiplied.
  const auto whole = num / den;
  const auto rest = num % den * 100;
  const auto half = std::abs(den) / 2 + std::abs(den) % 2;
  auto part = rest / den;
  if (std::abs(rest % den) >= half)
    part += (rest < 0) == (den < 0) ? 1 : -1;
  return whole * 100 + part;
}

nlohmann::json ratio(std::int64_t num, std::int64_t den) {
  return static_cast<double>(hundredths(num, den)) / 100.0;
}

nlohmann::json percent(std::int64_t part, std::int64_t whole) {
  return ratio(part * 100, whole);
}

std::string ratio_text(std::int64_t num, std::int64_t den) {
  const auto value = hundredths(num, den);
  const auto size = std::abs(value);
  return fmt::format("{}{}.{:02}", value < 0 ? "-" : "", size / 100, size % 100);
}

nlohmann::json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

std::vector<hour_row> by_day(const std::vector<hour_row>& hours, day_number first,
                             day_number last) {
  std::vector<hour_row> out(static_cast<std::size_t>(last - first + 1));
  for (const auto& h : hours) {
    const auto day = day_of_hour(h.hour);
    if (day >= first && day <= last)
      out[static_cast<std::size_t>(day - first)] += h;
  }
  return out;
}

hour_row sum_since(const std::vector<hour_row>& hours, hour_number first) {
  hour_row out;
  for (const auto& h : hours)
    if (h.hour >= first)
      out += h;
  return out;
}

} // namespace tiketi::stats
