#include "actors/stats/reader.hpp"

#include "actors/stats/reports.hpp"
#include "actors/system/caf_error.hpp"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::stats {

namespace {

/// Days of hours that a report of performance looks back.
constexpr day_number performance_days = 8;

result<std::string> hours_report(const get_report& q, stats_queries& store, time_point now) {
  const auto hours = store.hours(first_hour(first_day(q.days, now)));
  if (!hours)
    return hours.error();
  switch (q.kind) {
  case report_kind::daily:
    return envelope(daily_report(*hours, q.days, now));
  case report_kind::revenue:
    return envelope(revenue_report(*hours, q.period, q.days, now));
  case report_kind::hourly_traffic:
    return envelope(hourly_traffic_report(*hours, q.days, now));
  case report_kind::conversion:
    return envelope(conversion_report(*hours, q.days, now));
  case report_kind::users: {
    const auto all = store.all_hours();
    if (!all)
      return all.error();
    const auto roles = store.roles();
    if (!roles)
      return roles.error();
    return envelope(users_report(*hours, all->registered, *roles, q.days, now));
  }
  case report_kind::cancellations: {
    auto cohorts = store.cohorts(begin_of(first_day(q.days, now)));
    if (!cohorts)
      return cohorts.error();
    return envelope(cancellations_report(*hours, std::move(*cohorts), q.days, now));
  }
  case report_kind::user_behavior: {
    const auto from = begin_of(first_day(q.days, now));
    const auto buyers = store.buyers(from);
    if (!buyers)
      return buyers.error();
    const auto weekdays = store.weekdays(from);
    if (!weekdays)
      return weekdays.error();
    return envelope(behaviour_report(*hours, *buyers, *weekdays, q.days, now));
  }
  default:
    return errc::internal;
  }
}

result<std::string> performance(const get_report& q, stats_queries& store, const size_source& size,
                                time_point now) {
  auto hours = store.hours(first_hour(day_of(now) - performance_days));
  if (!hours)
    return hours.error();
  const auto counts = store.counts();
  if (!counts)
    return counts.error();
  hour_row unsaved;
  unsaved.hour = hour_of(now);
  unsaved.requests = q.unsaved_requests;
  unsaved.failed_requests = q.unsaved_failed;
  hours->push_back(unsaved);
  return envelope(performance_report(*hours, *counts, size ? size() : std::nullopt, now));
}

} // namespace

result<std::string> make_report(const get_report& q, stats_queries& store, const size_source& size,
                                time_point now) {
  switch (q.kind) {
  case report_kind::overview: {
    const auto all = store.all_hours();
    if (!all)
      return all.error();
    const auto events = store.events();
    if (!events)
      return events.error();
    return envelope(overview_report(*all, *events, now));
  }
  case report_kind::events: {
    auto events = store.events();
    if (!events)
      return events.error();
    return envelope(events_report(std::move(*events), q.sort, q.limit, now));
  }
  case report_kind::event: {
    const auto found = store.event(q.event.value_or(event_id{}));
    if (!found)
      return found.error();
    if (!*found)
      return failure{errc::not_found, "Event not found"};
    return envelope(event_report(**found, now));
  }
  case report_kind::payments: {
    const auto methods = store.methods();
    if (!methods)
      return methods.error();
    return envelope(payments_report(*methods));
  }
  case report_kind::realtime: {
    const auto live = store.live(now - std::chrono::hours{1}, now - std::chrono::minutes{5},
                                 now - std::chrono::hours{24}, 10, 5);
    if (!live)
      return live.error();
    return envelope(realtime_report(*live));
  }
  case report_kind::seat_preferences: {
    const auto rows = store.rows(q.event);
    if (!rows)
      return rows.error();
    return envelope(seat_report(*rows));
  }
  case report_kind::performance:
    return performance(q, store, size, now);
  default:
    return hours_report(q, store, now);
  }
}

stats_actor::behavior_type reader(stats_actor::pointer self, environment* env,
                                  std::shared_ptr<stats_queries> store, size_source size,
                                  std::size_t waiting_max) {
  return {
      [self, env, store = std::move(store), size = std::move(size),
       waiting_max](const get_report& query) -> caf::result<report> {
        if (self->mailbox().size() > waiting_max)
          return to_caf(errc::overloaded);
        auto body = make_report(query, *store, size, env->now());
        if (!body)
          return to_caf(body.error());
        return report{std::make_shared<const std::string>(std::move(*body))};
      },
  };
}

} // namespace tiketi::stats
