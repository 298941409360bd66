#include "actors/stats/reports.hpp"

#include "actors/catalog/status.hpp"
#include "actors/stats/report_numbers.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace tiketi::stats {

namespace {

using nlohmann::json;

catalog::event_status status_of(const event_sums& e, time_point now) {
  return catalog::status_at({e.event_date, e.sale_start, e.sale_end, e.cancelled}, now);
}

json status_json(const event_sums& e, time_point now) {
  if (!e.known)
    return nullptr;
  return std::string(catalog::to_string_view(status_of(e, now)));
}

json capacity_json(const event_sums& e) {
  return e.known ? json(e.capacity) : json(nullptr);
}

json occupancy_json(const event_sums& e) {
  return e.known ? percent(e.sold, e.capacity) : json(nullptr);
}

/// Days of the span, newest first: `row(day, sums)`.
template <class Row>
json newest_first(const std::vector<hour_row>& hours, std::int32_t days, time_point now, Row row) {
  const auto first = first_day(days, now);
  const auto series = by_day(hours, first, day_of(now));
  auto out = json::array();
  for (auto i = series.size(); i-- > 0;)
    out.push_back(row(first + static_cast<day_number>(i), series[i]));
  return out;
}

} // namespace

day_number first_day(std::int32_t days, time_point now) noexcept {
  return day_of(now) - days;
}

std::string envelope(const json& data) {
  const json body{{"success", true}, {"data", data}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

json overview_report(const hour_row& all, const std::vector<event_sums>& events, time_point now) {
  std::int64_t on_sale = 0;
  std::int64_t confirmed = 0;
  for (const auto& e : events) {
    if (e.known && status_of(e, now) == catalog::event_status::on_sale)
      ++on_sale;
    confirmed += e.confirmed;
  }
  return {{"total_users", all.registered},
          {"active_events", on_sale},
          {"total_reservations", all.created},
          {"confirmed_reservations", confirmed},
          {"total_revenue", all.paid - all.refunded},
          {"completed_payments", all.payments},
          {"payment_revenue", all.paid},
          {"completed_transfers", all.transfers},
          {"activated_memberships", all.memberships}};
}

json daily_report(const std::vector<hour_row>& hours, std::int32_t days, time_point now) {
  return newest_first(hours, days, now, [](day_number day, const hour_row& sum) {
    return json{{"date", to_date(day)},
                {"reservations", sum.created},
                {"confirmed", sum.confirmed},
                {"cancelled", sum.cancelled},
                {"revenue", sum.paid - sum.refunded}};
  });
}

json events_report(std::vector<event_sums> events, sort_key sort, std::int32_t limit,
                   time_point now) {
  const auto share = [](const event_sums& e) { return hundredths(e.sold * 100, e.capacity); };
  const auto rank = [&](const event_sums& e) {
    switch (sort) {
    case sort_key::reservations:
      return e.reservations();
    case sort_key::occupancy:
      return share(e);
    case sort_key::revenue:
      break;
    }
    return e.paid - e.refunded;
  };
  std::sort(events.begin(), events.end(), [&](const event_sums& a, const event_sums& b) {
    const auto x = rank(a);
    const auto y = rank(b);
    return x != y ? x > y : a.id.value.bytes < b.id.value.bytes;
  });
  if (events.size() > static_cast<std::size_t>(limit))
    events.resize(static_cast<std::size_t>(limit));
  auto out = json::array();
  for (const auto& e : events) {
    const auto id = to_string(e.id);
    const auto revenue = e.paid - e.refunded;
    // Two names for some: those of the interface, and those that the dashboard reads.
    out.push_back({{"id", id},
                   {"event_id", id},
                   {"title", text_or_null(e.title)},
                   {"venue", text_or_null(e.venue)},
                   {"event_date", e.known ? json(to_iso(e.event_date)) : json(nullptr)},
                   {"status", status_json(e, now)},
                   {"reservations", e.reservations()},
                   {"total_reservations", e.reservations()},
                   {"confirmed_reservations", e.confirmed},
                   {"revenue", revenue},
                   {"total_revenue", revenue},
                   {"total_seats", capacity_json(e)},
                   {"sold_seats", e.sold},
                   {"occupancy_rate", occupancy_json(e)},
                   {"seat_utilization", occupancy_json(e)}});
  }
  return out;
}

json event_report(const event_sums& e, time_point now) {
  return {
      {"overview",
       {{"id", to_string(e.id)},
        {"title", text_or_null(e.title)},
        {"venue", text_or_null(e.venue)},
        {"event_date", e.known ? json(to_iso(e.event_date)) : json(nullptr)},
        {"status", status_json(e, now)},
        {"total_reservations", e.reservations()},
        {"confirmed_reservations", e.confirmed},
        {"pending_reservations", e.pending},
        {"cancelled_reservations", e.given_up},
        {"expired_reservations", e.expired},
        {"total_revenue", e.paid - e.refunded},
        {"total_seats", capacity_json(e)},
        {"sold_seats", e.sold},
        {"available_seats",
         e.known ? json(std::max<std::int64_t>(0, e.capacity - e.sold - e.held)) : json(nullptr)},
        {"occupancy_rate", occupancy_json(e)}}}};
}

json payments_report(const std::vector<method_sums>& methods) {
  auto out = json::array();
  for (const auto& m : methods)
    out.push_back({{"method", m.method},
                   {"count", m.count},
                   {"total_amount", m.amount},
                   {"average_amount", ratio(m.amount, m.count)}});
  return out;
}

json revenue_report(const std::vector<hour_row>& hours, report_period period, std::int32_t days,
                    time_point now) {
  const auto begin_of_period = [period](day_number day) {
    switch (period) {
    case report_period::weekly:
      return week_of(day);
    case report_period::monthly:
      return month_of(day);
    case report_period::daily:
      break;
    }
    return day;
  };
  const auto first = first_day(days, now);
  const auto series = by_day(hours, first, day_of(now));
  std::map<day_number, hour_row, std::greater<>> periods; // newest first
  for (std::size_t i = 0; i < series.size(); ++i)
    periods[begin_of_period(first + static_cast<day_number>(i))] += series[i];
  auto out = json::array();
  for (const auto& [begin, sum] : periods)
    out.push_back({{"period", to_date(begin)},
                   {"payment_count", sum.payments},
                   {"total_revenue", sum.paid - sum.refunded},
                   {"average_amount", ratio(sum.paid, sum.payments)}});
  return out;
}

json users_report(const std::vector<hour_row>& hours, std::int64_t total,
                  const std::vector<role_count>& roles, std::int32_t days, time_point now) {
  // From today back: before each day there were those of later days fewer.
  auto daily = newest_first(hours, days, now, [&total](day_number day, const hour_row& sum) {
    const auto so_far = total;
    total -= sum.registered;
    return json{
        {"date", to_date(day)}, {"new_users", sum.registered}, {"cumulative_users", so_far}};
  });
  auto by_role = json::array();
  for (const auto& r : roles)
    by_role.push_back({{"role", r.role}, {"count", r.count}});
  return {{"daily", std::move(daily)}, {"byRole", std::move(by_role)}};
}

json hourly_traffic_report(const std::vector<hour_row>& hours, std::int32_t days, time_point now) {
  const auto from = first_hour(first_day(days, now));
  std::array<hour_row, 24> clock{};
  hour_row weekday;
  hour_row weekend;
  for (const auto& h : hours) {
    if (h.hour < from)
      continue;
    clock[static_cast<std::size_t>(clock_hour(h.hour))] += h;
    const auto day = weekday_of(day_of_hour(h.hour));
    (day == 0 || day == 6 ? weekend : weekday) += h;
  }
  auto hourly = json::array();
  std::size_t peak = 0;
  for (std::size_t i = 0; i < clock.size(); ++i) {
    const auto& c = clock[i];
    hourly.push_back({{"hour", i},
                      {"total_reservations", c.created},
                      {"confirmed", c.confirmed},
                      {"cancelled", c.cancelled},
                      {"revenue", c.paid - c.refunded}});
    if (c.created > clock[peak].created)
      peak = i;
  }
  const auto compare = [](const char* name, const hour_row& sum) {
    return json{{"day_type", name},
                {"reservations", sum.created},
                {"avg_amount", ratio(sum.paid - sum.refunded, sum.confirmed)}};
  };
  return {{"hourly", std::move(hourly)},
          {"weekdayComparison",
           json::array({compare("weekday", weekday), compare("weekend", weekend)})},
          {"peakHour", {{"hour", peak}, {"reservations", clock[peak].created}}}};
}

json conversion_report(const std::vector<hour_row>& hours, std::int32_t days, time_point now) {
  const auto sum = sum_since(hours, first_hour(first_day(days, now)));
  const auto completed = sum.cohort_confirmed;
  const auto ended = sum.cohort_cancelled + sum.cohort_expired;
  const auto pending = sum.created - completed - ended;
  auto trend = newest_first(hours, days, now, [](day_number day, const hour_row& s) {
    return json{{"date", to_date(day)},
                {"total", s.created},
                {"completed", s.cohort_confirmed},
                {"conversion_rate", percent(s.cohort_confirmed, s.created)}};
  });
  return {{"funnel",
           {{"total_started", sum.created},
            {"completed", completed},
            {"cancelled", ended},
            {"pending", pending}}},
          {"rates",
           {{"conversion_rate", percent(completed, sum.created)},
            {"cancellation_rate", percent(ended, sum.created)},
            {"pending_rate", percent(pending, sum.created)}}},
          {"dailyTrend", std::move(trend)}};
}

json cancellations_report(const std::vector<hour_row>& hours, std::vector<event_cohort> cohorts,
                          std::int32_t days, time_point now) {
  const auto from = first_hour(first_day(days, now));
  const auto sum = sum_since(hours, from);
  std::array<std::int64_t, 24> clock{};
  for (const auto& h : hours)
    if (h.hour >= from)
      clock[static_cast<std::size_t>(clock_hour(h.hour))] += h.cancelled;
  auto hourly = json::array();
  for (std::size_t i = 0; i < clock.size(); ++i)
    hourly.push_back({{"hour", i}, {"cancellations", clock[i]}});

  std::erase_if(cohorts, [](const event_cohort& c) { return c.cancelled == 0; });
  const auto rate = [](const event_cohort& c) {
    return hundredths(c.cancelled * 100, c.reservations);
  };
  std::sort(cohorts.begin(), cohorts.end(), [&](const event_cohort& a, const event_cohort& b) {
    return std::make_tuple(-rate(a), -a.cancelled, a.id.value.bytes)
           < std::make_tuple(-rate(b), -b.cancelled, b.id.value.bytes);
  });
  auto by_event = json::array();
  for (std::size_t i = 0; i < std::min<std::size_t>(cohorts.size(), 10); ++i) {
    const auto& c = cohorts[i];
    const auto id = to_string(c.id);
    by_event.push_back({{"id", id},
                        {"event_id", id},
                        {"title", text_or_null(c.title)},
                        {"total_reservations", c.reservations},
                        {"cancelled", c.cancelled},
                        {"cancelled_count", c.cancelled},
                        {"cancellation_rate", percent(c.cancelled, c.reservations)},
                        {"refund_amount", c.refunded}});
  }
  auto trend = newest_first(hours, days, now, [](day_number day, const hour_row& s) {
    return json{{"date", to_date(day)}, {"cancellations", s.cancelled}};
  });
  return {{"overview",
           {{"total_cancelled", sum.cancelled},
            {"avg_hours_before_cancel", ratio(sum.cancel_ms, sum.cancelled * hour_ms)},
            {"total_refund_amount", sum.refunded}}},
          {"hourlyPattern", std::move(hourly)},
          {"byEvent", std::move(by_event)},
          {"dailyTrend", std::move(trend)}};
}

} // namespace tiketi::stats
