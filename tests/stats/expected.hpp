#pragma once

#include "actors/stats/messages.hpp"
#include "tests/stats/world.hpp"

#include <nlohmann/json.hpp>

namespace tiketi::test {

/// The report as it follows from the world's ledgers, counted from scratch.
nlohmann::json expected_report(const world& w, const stats::get_report& query, time_point now);

} // namespace tiketi::test
