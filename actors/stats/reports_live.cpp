#include "actors/stats/report_numbers.hpp"
#include "actors/stats/reports.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace tiketi::stats {

namespace {

using nlohmann::json;

constexpr std::size_t top_rows_max = 10;
constexpr std::array<std::string_view, 7> day_names{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};

std::string_view tier_of(std::int64_t price) {
  if (price < 50'000)
    return "budget";
  if (price < 100'000)
    return "standard";
  return price < 150'000 ? "premium" : "vip";
}

struct spending_bracket {
  std::string_view name;
  std::int64_t below;
};

constexpr spending_bracket brackets[] = {
    {"0-49999", 50'000},
    {"50000-99999", 100'000},
    {"100000-199999", 200'000},
    {"200000-499999", 500'000},
    {"500000+", std::numeric_limits<std::int64_t>::max()},
};

struct seat_sums {
  std::int64_t seats = 0;
  std::int64_t sold = 0;
  std::int64_t value = 0; ///< price of all its seats, won

  void add(const row_sums& r) {
    seats += r.seats;
    sold += r.sold;
    value += r.seats * r.price;
  }

  json to_json() const {
    return {{"total_seats", seats},
            {"reserved_seats", sold},
            {"reservation_rate", percent(sold, seats)}};
  }
};

/// `1.5 MiB`
std::string human_size(std::int64_t bytes) {
  constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < units.size()) {
    size /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", size, units[unit]);
}

} // namespace

json realtime_report(const live_figures& live) {
  auto recent = json::array();
  for (const auto& r : live.recent)
    recent.push_back({{"type", r.type},
                      {"reservation_id", to_string(r.reservation)},
                      {"title", text_or_null(r.title)},
                      {"amount", r.amount},
                      {"time", to_iso(r.at)}});
  auto trending = json::array();
  for (const auto& t : live.trending) {
    const auto id = to_string(t.id);
    trending.push_back({{"id", id},
                        {"event_id", id},
                        {"title", text_or_null(t.title)},
                        {"recent_reservations", t.reservations},
                        {"reservations", t.reservations}});
  }
  return {{"current",
           {{"locked_seats", live.locked_seats},
            {"active_payments", live.pending},
            {"active_users", live.active_users}}},
          {"lastHour", {{"reservations", live.created}, {"revenue", live.paid}}},
          {"recentActivity", std::move(recent)},
          {"trendingEvents", std::move(trending)}};
}

json seat_report(const std::vector<row_sums>& rows) {
  std::map<std::string, seat_sums> sections;
  std::map<std::string_view, seat_sums> tiers;
  std::map<std::int32_t, seat_sums> numbers;
  for (const auto& r : rows) {
    if (r.seats == 0)
      continue; // not offered any more, and nobody has one
    sections[r.section].add(r);
    tiers[tier_of(r.price)].add(r);
    numbers[r.row].add(r);
  }
  auto by_section = json::array();
  for (const auto& [name, sum] : sections) {
    auto row = sum.to_json();
    row["section"] = name;
    by_section.push_back(std::move(row));
  }
  auto by_tier = json::array();
  for (const std::string_view tier : {"vip", "premium", "standard", "budget"}) {
    const auto found = tiers.find(tier);
    if (found == tiers.end())
      continue;
    auto row = found->second.to_json();
    row["price_tier"] = tier;
    row["tier"] = tier;
    row["avg_price"] = ratio(found->second.value, found->second.seats);
    by_tier.push_back(std::move(row));
  }
  std::vector<std::pair<std::int32_t, seat_sums>> best(numbers.begin(), numbers.end());
  std::stable_sort(best.begin(), best.end(), [](const auto& a, const auto& b) {
    return a.second.sold > b.second.sold; // ties stay in the order of the rows
  });
  if (best.size() > top_rows_max)
    best.resize(top_rows_max);
  auto top = json::array();
  for (const auto& [number, sum] : best) {
    auto row = sum.to_json();
    row["row_number"] = number;
    top.push_back(std::move(row));
  }
  return {{"bySection", std::move(by_section)},
          {"byPriceTier", std::move(by_tier)},
          {"topRows", std::move(top)}};
}

json behaviour_report(const std::vector<hour_row>& hours, const std::vector<buyer>& buyers,
                      const std::vector<weekday_count>& weekdays, std::int32_t days,
                      time_point now) {
  struct type_sums {
    std::int64_t users = 0;
    std::int64_t reservations = 0;
  };
  type_sums types[3];
  std::array<std::int64_t, std::size(brackets)> spenders{};
  std::vector<std::int64_t> counts;
  std::int64_t reservations = 0;
  std::int64_t spent = 0;
  for (const auto& b : buyers) {
    auto& type = types[b.reservations >= 4 ? 2 : b.reservations >= 2 ? 1 : 0];
    ++type.users;
    type.reservations += b.reservations;
    counts.push_back(b.reservations);
    reservations += b.reservations;
    spent += b.spent;
    std::size_t i = 0;
    while (b.spent >= brackets[i].below)
      ++i;
    ++spenders[i];
  }
  std::sort(counts.begin(), counts.end());
  const auto people = static_cast<std::int64_t>(counts.size());
  json median = 0;
  if (!counts.empty()) {
    const auto middle = counts.size() / 2;
    median = counts.size() % 2 == 1 ? ratio(counts[middle], 1)
                                    : ratio(counts[middle - 1] + counts[middle], 2);
  }
  const auto type_json = [&types](std::size_t i, const char* name) {
    return json{{"user_type", name},
                {"user_count", types[i].users},
                {"total_reservations", types[i].reservations}};
  };
  auto distribution = json::array();
  for (std::size_t i = 0; i < std::size(brackets); ++i)
    distribution.push_back({{"spending_tier", brackets[i].name},
                            {"tier", brackets[i].name},
                            {"range", brackets[i].name},
                            {"user_count", spenders[i]},
                            {"count", spenders[i]}});
  std::array<weekday_count, 7> week{};
  for (const auto& w : weekdays)
    week[static_cast<std::size_t>(w.weekday)] = w;
  auto activity = json::array();
  for (std::size_t i = 0; i < week.size(); ++i)
    activity.push_back({{"day_name", day_names[i]},
                        {"day_of_week", i},
                        {"unique_users", week[i].users},
                        {"reservations", week[i].reservations}});
  const auto sum = sum_since(hours, first_hour(first_day(days, now)));
  return {{"userTypes",
           json::array({type_json(0, "new"), type_json(1, "returning"), type_json(2, "loyal")})},
          {"averageMetrics",
           {{"avg_reservations", ratio(reservations, people)},
            {"max_reservations", counts.empty() ? 0 : counts.back()},
            {"median_reservations", std::move(median)},
            {"avg_spending", ratio(spent, people)}}},
          {"avg_spending", ratio(spent, people)},
          {"spendingDistribution", std::move(distribution)},
          {"avgTimeToPayment", ratio_text(sum.confirm_ms, sum.confirmed * 60'000)},
          {"weekdayActivity", std::move(activity)}};
}

json performance_report(const std::vector<hour_row>& hours, const table_counts& counts,
                        std::optional<std::int64_t> database_bytes, time_point now) {
  const auto today = day_of(now);
  const auto week = sum_since(hours, first_hour(today - 7));
  const auto last_day = sum_since(hours, hour_of(now) - 23);
  std::array<std::int64_t, 24> clock{};
  std::set<day_number> observed;
  for (const auto& h : hours) {
    if (h.requests == 0 || h.hour < first_hour(today - 7))
      continue;
    clock[static_cast<std::size_t>(clock_hour(h.hour))] += h.requests;
    observed.insert(day_of_hour(h.hour));
  }
  auto pattern = json::array();
  for (std::size_t i = 0; i < clock.size(); ++i)
    pattern.push_back({{"hour", i},
                       {"request_count", clock[i]},
                       {"avg_per_day", ratio(clock[i], std::ssize(observed))}});
  return {{"database",
           {{"size", database_bytes ? json(human_size(*database_bytes)) : json(nullptr)},
            {"sizeBytes", database_bytes ? json(*database_bytes) : json(nullptr)},
            {"tableCounts",
             {{"users", counts.users},
              {"events", counts.events},
              {"reservations", counts.reservations},
              {"seats", counts.seats},
              {"payments", counts.payments}}}}},
          {"recentPerformance",
           {{"successRate",
             last_day.requests == 0
                 ? json(nullptr)
                 : percent(last_day.requests - last_day.failed_requests, last_day.requests)},
            {"totalRequests", last_day.requests}}},
          {"metrics",
           {{"avgSeatLockSeconds", ratio_text(week.confirm_ms + week.release_ms,
                                              (week.confirmed + week.released) * 1000)},
            {"paymentFailureRate",
             percent(week.failed_payments, week.payments + week.failed_payments)}}},
          {"loadPattern", std::move(pattern)}};
}

} // namespace tiketi::stats
