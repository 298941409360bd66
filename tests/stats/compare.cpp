#include "tests/stats/compare.hpp"

#include "tests/stats/expected.hpp"

#include <cstdio>
#include <cstdlib>
#include <random>

#include <fmt/format.h>

namespace tiketi::test {

using nlohmann::json;
using stats::report_kind;

std::uint64_t test_seed() {
  const char* given = std::getenv("TIKETI_TEST_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("seed %llu (repeat with TIKETI_TEST_SEED=%llu)\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed));
  return seed;
}

std::vector<stats::get_report> all_queries(const ledgers& books, bool year) {
  constexpr report_kind kinds[] = {
      report_kind::overview,      report_kind::daily,          report_kind::events,
      report_kind::event,         report_kind::payments,       report_kind::revenue,
      report_kind::users,         report_kind::hourly_traffic, report_kind::conversion,
      report_kind::cancellations, report_kind::realtime,       report_kind::seat_preferences,
      report_kind::user_behavior, report_kind::performance,
  };
  std::vector<stats::get_report> out;
  for (const auto kind : kinds)
    for (const std::int32_t days : {1, 7, 30, 365}) {
      if (days == 365 && !year)
        continue;
      stats::get_report query;
      query.kind = kind;
      query.days = days;
      query.limit = days == 7 ? 3 : 100;
      query.sort = static_cast<stats::sort_key>(days % 3);
      query.period = static_cast<stats::report_period>(days == 365 ? 2 : days == 30 ? 1 : 0);
      query.event = books.events[static_cast<std::size_t>(days) % books.events.size()].row.id;
      out.push_back(query);
      if (kind == report_kind::seat_preferences) {
        query.event.reset();
        out.push_back(query);
      }
    }
  return out;
}

std::string difference(const ledgers& books, const stats::get_report& query, time_point now,
                       const std::string& answer) {
  const auto body = json::parse(answer, nullptr, false);
  if (!body.is_object() || body.value("success", json{}) != true)
    return "no success: " + answer;
  auto got = body.value("data", json{});
  if (query.kind == report_kind::performance)
    got = {{"tableCounts", got["database"]["tableCounts"]}, {"metrics", got["metrics"]}};
  const auto patch = json::diff(expected_report(books, query, now), got);
  if (patch.empty())
    return {};
  return fmt::format("{} in {}: kind {}, days {}, limit {}, sort {}, period {}, at {}",
                     patch[0].dump(), got.dump().substr(0, 400), static_cast<int>(query.kind),
                     query.days, query.limit, static_cast<int>(query.sort),
                     static_cast<int>(query.period), to_iso(now));
}

} // namespace tiketi::test
