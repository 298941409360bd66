#include "net/routes/stats.hpp"

#include "net/http/json_body.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tiketi::net {

namespace {

using stats::get_report;
using stats::report_kind;

/// What a report takes from the query. 0: nothing.
struct report_route {
  const char* path;
  report_kind kind;
  std::int32_t days_default = 0;
  std::int32_t days_max = 0;
};

constexpr report_route reports[] = {
    {"overview", report_kind::overview},
    {"daily", report_kind::daily, 30, 365},
    {"events", report_kind::events},
    {"events/{id}", report_kind::event},
    {"payments", report_kind::payments},
    {"revenue", report_kind::revenue, 30, 365},
    {"users", report_kind::users, 30, 365},
    {"hourly-traffic", report_kind::hourly_traffic, 7, 90},
    {"conversion", report_kind::conversion, 30, 365},
    {"cancellations", report_kind::cancellations, 30, 365},
    {"realtime", report_kind::realtime},
    {"seat-preferences", report_kind::seat_preferences},
    {"user-behavior", report_kind::user_behavior, 30, 365},
    {"performance", report_kind::performance},
};

stats::sort_key read_sort(const request& r) {
  const auto word = r.query_value("sortBy").value_or("");
  if (word == "reservations")
    return stats::sort_key::reservations;
  return word == "occupancy" ? stats::sort_key::occupancy : stats::sort_key::revenue;
}

stats::report_period read_period(const request& r) {
  const auto word = r.query_value("period").value_or("");
  if (word == "weekly")
    return stats::report_period::weekly;
  return word == "monthly" ? stats::report_period::monthly : stats::report_period::daily;
}

void answer(const report_route& which, front& f, const exchange_ptr& x,
            const stats::stats_actor& target) {
  get_report query;
  query.kind = which.kind;
  if (which.days_max > 0) {
    const auto days =
        clamped_query_number(x, "days", which.days_default, which.days_max, which.days_default);
    if (!days)
      return;
    query.days = *days;
  }
  if (which.kind == report_kind::events) {
    const auto limit = clamped_query_number(x, "limit", 10, 100, 10);
    if (!limit)
      return;
    query.limit = *limit;
    query.sort = read_sort(x->req());
  }
  if (which.kind == report_kind::revenue)
    query.period = read_period(x->req());
  if (which.kind == report_kind::event) {
    const auto id = capture_id(x, 0);
    if (!id)
      return;
    query.event = event_id{*id};
  }
  if (which.kind == report_kind::seat_preferences) {
    if (const auto text = x->req().query_value("eventId"); text && !text->empty()) {
      query.event = parse_id<event_id>(*text);
      if (!query.event)
        return x->reply(validation_response({{"eventId", "eventId must be a UUID"}}));
    }
  }
  f.ask<stats::report>(x, target, query, [](const stats::report& done) {
    response out;
    out.shared_body = done.body;
    return out;
  });
}

} // namespace

void add_stats_routes(router& routes, stats_routes deps) {
  for (const auto& which : reports)
    routes.add({verb::get, std::string{"/api/stats/"} + which.path, access::admin,
                rate_category::general, body_rule::none,
                [target = deps.stats, &which](front& f, const exchange_ptr& x) {
                  answer(which, f, x, target);
                }});
}

} // namespace tiketi::net
