#pragma once

#include "actors/stats/messages.hpp"
#include "tests/stats/ledgers.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tiketi::test {

/// TIKETI_TEST_SEED, or a random one; printed, so that a run can be repeated.
std::uint64_t test_seed();

/// Every report, over several spans; `year`: also over a year, which costs most of the time.
std::vector<stats::get_report> all_queries(const ledgers& books, bool year);

/// The first place where a report differs from the books, with what was asked; empty: none.
/// `answer`: the whole body.
std::string difference(const ledgers& books, const stats::get_report& query, time_point now,
                       const std::string& answer);

} // namespace tiketi::test
