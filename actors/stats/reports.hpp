#pragma once

#include "actors/stats/messages.hpp"
#include "storage/stats_store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

// The reports, made from sums. Pure: time is an argument. Days and hours of the day are those of
// Korea; a span of n days begins at the midnight n days before today's. Counts and sums are
// integers; averages and rates are numbers with two decimals, 0 where there is nothing to divide
// by; what is not known is null.
//
// Words: revenue is what payments brought minus what went back, each on its own day. Confirmed and
// cancelled count reservations that are so now; in series they count what happened that day.

namespace tiketi::stats {

/// `{"success":true,"data":...}`
std::string envelope(const nlohmann::json& data);

nlohmann::json overview_report(const hour_row& all, const std::vector<event_sums>& events,
                               time_point now);
nlohmann::json daily_report(const std::vector<hour_row>& hours, std::int32_t days, time_point now);
nlohmann::json events_report(std::vector<event_sums> events, sort_key sort, std::int32_t limit,
                             time_point now);
nlohmann::json event_report(const event_sums& event, time_point now);
nlohmann::json payments_report(const std::vector<method_sums>& methods);
nlohmann::json revenue_report(const std::vector<hour_row>& hours, report_period period,
                              std::int32_t days, time_point now);
/// `total`: accounts of all time.
nlohmann::json users_report(const std::vector<hour_row>& hours, std::int64_t total,
                            const std::vector<role_count>& roles, std::int32_t days,
                            time_point now);
nlohmann::json hourly_traffic_report(const std::vector<hour_row>& hours, std::int32_t days,
                                     time_point now);
/// A cohort: the reservations created in the span, by where they stand now.
nlohmann::json conversion_report(const std::vector<hour_row>& hours, std::int32_t days,
                                 time_point now);
nlohmann::json cancellations_report(const std::vector<hour_row>& hours,
                                    std::vector<event_cohort> cohorts, std::int32_t days,
                                    time_point now);
nlohmann::json realtime_report(const live_figures& live);
nlohmann::json seat_report(const std::vector<row_sums>& rows);
/// Buyers: users with reservations created in the span that are confirmed now.
nlohmann::json behaviour_report(const std::vector<hour_row>& hours,
                                const std::vector<buyer>& buyers,
                                const std::vector<weekday_count>& weekdays, std::int32_t days,
                                time_point now);
/// `hours`: of eight days. `database_bytes`: nothing when it is not known.
nlohmann::json performance_report(const std::vector<hour_row>& hours, const table_counts& counts,
                                  std::optional<std::int64_t> database_bytes, time_point now);

/// First day of a span that ends today.
day_number first_day(std::int32_t days, time_point now) noexcept;

} // namespace tiketi::stats
