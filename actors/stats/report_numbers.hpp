#pragma once

#include "actors/stats/calendar.hpp"
#include "storage/stats_store.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

// Numbers of reports: exact integers up to the last step.

namespace tiketi::stats {

/// num / den in hundredths, halves away from zero; 0 for den 0.
std::int64_t hundredths(std::int64_t num, std::int64_t den) noexcept;

/// num / den as a JSON number with two decimals; 0 for den 0.
nlohmann::json ratio(std::int64_t num, std::int64_t den);
/// part / whole in percent, in the same form.
nlohmann::json percent(std::int64_t part, std::int64_t whole);
/// As text with two decimals.
std::string ratio_text(std::int64_t num, std::int64_t den);

nlohmann::json text_or_null(const std::string& text);

/// One sum per day from `first` to `last`; what is outside is left out.
std::vector<hour_row> by_day(const std::vector<hour_row>& hours, day_number first, day_number last);

/// The sum of what happened from `first` on.
hour_row sum_since(const std::vector<hour_row>& hours, hour_number first);

} // namespace tiketi::stats
