#pragma once

#include "actors/stats/messages.hpp"
#include "tests/stats/ledgers.hpp"

#include <nlohmann/json.hpp>

namespace tiketi::test {

/// The report as it follows from the books, counted from scratch.
nlohmann::json expected_report(const ledgers& w, const stats::get_report& query, time_point now);

} // namespace tiketi::test
