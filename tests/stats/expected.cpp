// Every figure counted directly over the ledgers, without any of the code under test but the
// calendar, which has tests of its own.

#include "tests/stats/expected.hpp"

#include "actors/catalog/status.hpp"
#include "actors/stats/calendar.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace tiketi::test {

namespace {

using nlohmann::json;
using ticket::reservation_status;

struct ledger {
  const ledgers& w;
  const stats::get_report& q;
  time_point now;

  stats::day_number today() const { return stats::day_of(now); }
  stats::day_number first() const { return today() - q.days; }
  time_point from() const { return stats::begin_of(first()); }

  template <class Test>
  std::int64_t count(Test test) const {
    return std::count_if(w.reservations.begin(), w.reservations.end(), test);
  }

  template <class Test>
  std::int64_t payments(Test test) const {
    return std::count_if(w.payments.begin(), w.payments.end(), test);
  }

  /// Money that came in at times that pass.
  template <class Test>
  std::int64_t paid(Test test) const {
    std::int64_t out = 0;
    for (const auto& p : w.payments)
      out += test(p.confirmed) ? p.view.amount : 0;
    return out;
  }

  template <class Test>
  std::int64_t refunded(Test test) const {
    std::int64_t out = 0;
    for (const auto& p : w.payments)
      out += p.refunded && test(*p.refunded) ? p.view.amount : 0;
    return out;
  }

  template <class Test>
  std::int64_t net(Test test) const {
    return paid(test) - refunded(test);
  }

  template <class Test>
  std::int64_t cancelled(Test test) const {
    return count(
        [&](const auto& r) { return is(r, reservation_status::cancelled) && test(*r.ended); });
  }

  static bool is(const ledger_reservation& r, reservation_status s) { return r.view.status == s; }
};

/// Halves away from zero, as people round.
double two(std::int64_t num, std::int64_t den) {
  if (den == 0)
    return 0;
  return static_cast<double>(std::roundl(static_cast<long double>(num) * 100 / den)) / 100.0;
}

std::string two_text(std::int64_t num, std::int64_t den) {
  return fmt::format("{:.2f}", two(num, den));
}

std::int64_t ms(time_point a, time_point b) {
  return (b - a).count();
}

std::string status_text(const ledger_event& e, time_point now) {
  return std::string(catalog::to_string_view(catalog::status_at(e.row.times(), now)));
}

json overview(const ledger& l) {
  const auto always = [](time_point) { return true; };
  return {{"total_users", l.w.users.size()},
          {"active_events",
           std::count_if(l.w.events.begin(), l.w.events.end(),
                         [&](const auto& e) { return status_text(e, l.now) == "on_sale"; })},
          {"total_reservations", l.w.reservations.size()},
          {"confirmed_reservations",
           l.count([](const auto& r) { return ledger::is(r, reservation_status::confirmed); })},
          {"total_revenue", l.net(always)},
          {"completed_payments", l.w.payments.size()},
          {"payment_revenue", l.paid(always)},
          {"completed_transfers", l.w.transfers.size()},
          {"activated_memberships", l.w.memberships}};
}

json daily(const ledger& l) {
  auto out = json::array();
  for (auto day = l.today(); day >= l.first(); --day) {
    const auto on = [day](time_point t) { return stats::day_of(t) == day; };
    out.push_back(
        {{"date", stats::to_date(day)},
         {"reservations", l.count([&](const auto& r) { return on(r.created); })},
         {"confirmed", l.count([&](const auto& r) { return r.confirmed && on(*r.confirmed); })},
         {"cancelled", l.cancelled(on)},
         {"revenue", l.net(on)}});
  }
  return out;
}

struct event_line {
  std::int64_t by_status[4] = {};
  std::int64_t sold = 0;
  std::int64_t held = 0;
  std::int64_t revenue = 0;
  std::int64_t all = 0;
};

event_line line_of(const ledger& l, std::size_t event) {
  event_line out;
  for (const auto& r : l.w.reservations) {
    if (r.event != event)
      continue;
    ++out.all;
    ++out.by_status[static_cast<std::size_t>(r.view.status)];
    if (ledger::is(r, reservation_status::confirmed))
      out.sold += r.units();
    if (ledger::is(r, reservation_status::pending))
      out.held += r.units();
  }
  for (const auto& p : l.w.payments)
    if (p.event == event)
      out.revenue += p.refunded ? 0 : p.view.amount;
  return out;
}

json events(const ledger& l) {
  std::vector<std::tuple<double, std::string, json>> rows;
  for (std::size_t i = 0; i < l.w.events.size(); ++i) {
    const auto& e = l.w.events[i];
    const auto line = line_of(l, i);
    const auto share = two(line.sold * 100, e.capacity());
    const auto id = to_string(e.row.id);
    const auto key = l.q.sort == stats::sort_key::revenue     ? static_cast<double>(line.revenue)
                     : l.q.sort == stats::sort_key::occupancy ? share
                                                              : static_cast<double>(line.all);
    rows.emplace_back(-key, id,
                      json{{"id", id},
                           {"event_id", id},
                           {"title", e.row.title},
                           {"venue", e.row.venue},
                           {"event_date", to_iso(e.row.event_date)},
                           {"status", status_text(e, l.now)},
                           {"reservations", line.all},
                           {"total_reservations", line.all},
                           {"confirmed_reservations", line.by_status[1]},
                           {"revenue", line.revenue},
                           {"total_revenue", line.revenue},
                           {"total_seats", e.capacity()},
                           {"sold_seats", line.sold},
                           {"occupancy_rate", share},
                           {"seat_utilization", share}});
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
  });
  auto out = json::array();
  for (std::size_t i = 0; i < rows.size() && i < static_cast<std::size_t>(l.q.limit); ++i)
    out.push_back(std::get<2>(rows[i]));
  return out;
}

json one_event(const ledger& l) {
  for (std::size_t i = 0; i < l.w.events.size(); ++i) {
    const auto& e = l.w.events[i];
    if (e.row.id != *l.q.event)
      continue;
    const auto line = line_of(l, i);
    return {{"overview",
             {{"id", to_string(e.row.id)},
              {"title", e.row.title},
              {"venue", e.row.venue},
              {"event_date", to_iso(e.row.event_date)},
              {"status", status_text(e, l.now)},
              {"total_reservations", line.all},
              {"confirmed_reservations", line.by_status[1]},
              {"pending_reservations", line.by_status[0]},
              {"cancelled_reservations", line.by_status[2]},
              {"expired_reservations", line.by_status[3]},
              {"total_revenue", line.revenue},
              {"total_seats", e.capacity()},
              {"sold_seats", line.sold},
              {"available_seats", std::max<std::int64_t>(0, e.capacity() - line.sold - line.held)},
              {"occupancy_rate", two(line.sold * 100, e.capacity())}}}};
  }
  return nullptr;
}

json payments(const ledger& l) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> methods;
  for (const auto& p : l.w.payments) {
    ++methods[p.view.method].first;
    methods[p.view.method].second += p.view.amount;
  }
  std::vector<std::tuple<std::int64_t, std::string, std::int64_t>> rows;
  for (const auto& [name, sum] : methods)
    rows.emplace_back(-sum.second, name, sum.first);
  std::sort(rows.begin(), rows.end());
  auto out = json::array();
  for (const auto& [amount, name, count] : rows)
    out.push_back({{"method", name},
                   {"count", count},
                   {"total_amount", -amount},
                   {"average_amount", two(-amount, count)}});
  return out;
}

json revenue(const ledger& l) {
  std::vector<stats::day_number> begins;
  const auto begin_of = [&](stats::day_number day) {
    if (l.q.period == stats::report_period::weekly)
      while (stats::weekday_of(day) != 1)
        --day;
    if (l.q.period == stats::report_period::monthly)
      while (!stats::to_date(day).ends_with("-01"))
        --day;
    return day;
  };
  for (auto day = l.today(); day >= l.first(); --day)
    if (begins.empty() || begins.back() != begin_of(day))
      begins.push_back(begin_of(day));
  auto out = json::array();
  for (const auto begin : begins) {
    const auto in = [&](time_point t) {
      const auto day = stats::day_of(t);
      return day >= l.first() && begin_of(day) == begin;
    };
    const auto count = l.payments([&](const auto& p) { return in(p.confirmed); });
    out.push_back({{"period", stats::to_date(begin)},
                   {"payment_count", count},
                   {"total_revenue", l.net(in)},
                   {"average_amount", two(l.paid(in), count)}});
  }
  return out;
}

json users(const ledger& l) {
  auto days = json::array();
  for (auto day = l.today(); day >= l.first(); --day) {
    std::int64_t fresh = 0;
    std::int64_t all = 0;
    for (const auto& u : l.w.users) {
      fresh += stats::day_of(u.registered) == day ? 1 : 0;
      all += stats::day_of(u.registered) <= day ? 1 : 0;
    }
    days.push_back(
        {{"date", stats::to_date(day)}, {"new_users", fresh}, {"cumulative_users", all}});
  }
  std::map<std::string, std::int64_t> roles;
  for (const auto& u : l.w.users)
    ++roles[u.role];
  auto by_role = json::array();
  for (const auto& [role, count] : roles)
    by_role.push_back({{"role", role}, {"count", count}});
  return {{"daily", days}, {"byRole", by_role}};
}

std::int32_t clock_of(time_point t) {
  return static_cast<std::int32_t>((to_millis(t) / 3'600'000 + 9) % 24);
}

json hourly(const ledger& l) {
  auto rows = json::array();
  std::pair<int, std::int64_t> peak{0, 0};
  for (int hour = 0; hour < 24; ++hour) {
    const auto in = [&](time_point t) { return t >= l.from() && clock_of(t) == hour; };
    const auto created = l.count([&](const auto& r) { return in(r.created); });
    if (created > peak.second)
      peak = {hour, created};
    rows.push_back(
        {{"hour", hour},
         {"total_reservations", created},
         {"confirmed", l.count([&](const auto& r) { return r.confirmed && in(*r.confirmed); })},
         {"cancelled", l.cancelled(in)},
         {"revenue", l.net(in)}});
  }
  const auto compare = [&](const char* name, bool weekend) {
    const auto in = [&](time_point t) {
      const auto day = stats::weekday_of(stats::day_of(t));
      return t >= l.from() && (day == 0 || day == 6) == weekend;
    };
    return json{{"day_type", name},
                {"reservations", l.count([&](const auto& r) { return in(r.created); })},
                {"avg_amount", two(l.net(in), l.count([&](const auto& r) {
                   return r.confirmed && in(*r.confirmed);
                 }))}};
  };
  return {{"hourly", rows},
          {"weekdayComparison", json::array({compare("weekday", false), compare("weekend", true)})},
          {"peakHour", {{"hour", peak.first}, {"reservations", peak.second}}}};
}

json conversion(const ledger& l) {
  const auto cohort = [&](auto in) {
    std::int64_t all = 0;
    std::int64_t done = 0;
    std::int64_t ended = 0;
    for (const auto& r : l.w.reservations) {
      if (!in(r.created))
        continue;
      ++all;
      done += ledger::is(r, reservation_status::confirmed) ? 1 : 0;
      ended += r.ended ? 1 : 0;
    }
    return std::tuple{all, done, ended};
  };
  const auto [all, done, ended] = cohort([&](time_point t) { return t >= l.from(); });
  const auto pending = all - done - ended;
  auto trend = json::array();
  for (auto day = l.today(); day >= l.first(); --day) {
    const auto [a, d, e] = cohort([&](time_point t) { return stats::day_of(t) == day; });
    trend.push_back({{"date", stats::to_date(day)},
                     {"total", a},
                     {"completed", d},
                     {"conversion_rate", two(d * 100, a)}});
  }
  return {
      {"funnel",
       {{"total_started", all}, {"completed", done}, {"cancelled", ended}, {"pending", pending}}},
      {"rates",
       {{"conversion_rate", two(done * 100, all)},
        {"cancellation_rate", two(ended * 100, all)},
        {"pending_rate", two(pending * 100, all)}}},
      {"dailyTrend", trend}};
}

json cancellations(const ledger& l) {
  const auto in = [&](time_point t) { return t >= l.from(); };
  std::int64_t waited = 0;
  for (const auto& r : l.w.reservations)
    if (ledger::is(r, reservation_status::cancelled) && in(*r.ended))
      waited += ms(r.created, *r.ended);
  auto clock = json::array();
  for (int hour = 0; hour < 24; ++hour)
    clock.push_back({{"hour", hour}, {"cancellations", l.cancelled([&](time_point t) {
                                        return in(t) && clock_of(t) == hour;
                                      })}});
  std::vector<std::tuple<double, std::int64_t, std::string, json>> rows;
  for (std::size_t i = 0; i < l.w.events.size(); ++i) {
    const auto& e = l.w.events[i];
    std::int64_t all = 0;
    std::int64_t gone = 0;
    for (const auto& r : l.w.reservations)
      if (r.event == i && in(r.created)) {
        ++all;
        gone += ledger::is(r, reservation_status::cancelled) ? 1 : 0;
      }
    std::int64_t back = 0;
    for (const auto& p : l.w.payments)
      if (p.event == i && p.refunded && in(*p.refunded))
        back += p.view.amount;
    if (gone == 0)
      continue;
    const auto id = to_string(e.row.id);
    rows.emplace_back(-two(gone * 100, all), -gone, id,
                      json{{"id", id},
                           {"event_id", id},
                           {"title", e.row.title},
                           {"total_reservations", all},
                           {"cancelled", gone},
                           {"cancelled_count", gone},
                           {"cancellation_rate", two(gone * 100, all)},
                           {"refund_amount", back}});
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a), std::get<2>(a))
           < std::tie(std::get<0>(b), std::get<1>(b), std::get<2>(b));
  });
  auto by_event = json::array();
  for (std::size_t i = 0; i < rows.size() && i < 10; ++i)
    by_event.push_back(std::get<3>(rows[i]));
  auto trend = json::array();
  for (auto day = l.today(); day >= l.first(); --day)
    trend.push_back(
        {{"date", stats::to_date(day)},
         {"cancellations", l.cancelled([&](time_point t) { return stats::day_of(t) == day; })}});
  const auto total = l.cancelled(in);
  return {{"overview",
           {{"total_cancelled", total},
            {"avg_hours_before_cancel", two(waited, total * 3'600'000)},
            {"total_refund_amount", l.refunded(in)}}},
          {"hourlyPattern", clock},
          {"byEvent", by_event},
          {"dailyTrend", trend}};
}

json realtime(const ledger& l) {
  using namespace std::chrono_literals;
  std::int64_t locked = 0;
  std::int64_t pending = 0;
  std::set<std::size_t> active;
  std::vector<std::tuple<std::int64_t, std::string, std::string, json>> recent;
  std::map<std::size_t, std::int64_t> trend;
  for (const auto& r : l.w.reservations) {
    if (ledger::is(r, reservation_status::pending)) {
      ++pending;
      locked += r.seats();
    }
    const auto lately = [&](time_point t) { return t >= l.now - 5min; };
    if (lately(r.created) || (r.confirmed && lately(*r.confirmed)))
      active.insert(r.user);
    if (ledger::is(r, reservation_status::cancelled) && lately(*r.ended))
      active.insert(r.owner);
    if (r.created >= l.now - 24h)
      ++trend[r.event];
    const auto note = [&](const std::string& what, time_point at) {
      recent.emplace_back(-to_millis(at), "reservation_" + what, to_string(r.view.id),
                          json{{"type", "reservation_" + what},
                               {"reservation_id", to_string(r.view.id)},
                               {"title", l.w.events[r.event].row.title},
                               {"amount", r.view.total_amount},
                               {"time", to_iso(at)}});
    };
    note("created", r.created);
    if (r.confirmed)
      note("confirmed", *r.confirmed);
    if (r.ended)
      note(ticket::to_string(r.view.status), *r.ended);
  }
  for (const auto& t : l.w.transfers)
    if (t.at >= l.now - 5min)
      active.insert(t.buyer);
  std::sort(recent.begin(), recent.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a), std::get<2>(a))
           < std::tie(std::get<0>(b), std::get<1>(b), std::get<2>(b));
  });
  auto activity = json::array();
  for (std::size_t i = 0; i < recent.size() && i < 10; ++i)
    activity.push_back(std::get<3>(recent[i]));
  std::vector<std::tuple<std::int64_t, std::string, std::size_t>> best;
  for (const auto& [event, count] : trend)
    best.emplace_back(-count, to_string(l.w.events[event].row.id), event);
  std::sort(best.begin(), best.end());
  auto trending = json::array();
  for (std::size_t i = 0; i < best.size() && i < 5; ++i) {
    const auto& [count, id, event] = best[i];
    trending.push_back({{"id", id},
                        {"event_id", id},
                        {"title", l.w.events[event].row.title},
                        {"recent_reservations", -count},
                        {"reservations", -count}});
  }
  const auto hour = [&](time_point t) { return t >= l.now - 1h; };
  return {
      {"current",
       {{"locked_seats", locked}, {"active_payments", pending}, {"active_users", active.size()}}},
      {"lastHour",
       {{"reservations", l.count([&](const auto& r) { return hour(r.created); })},
        {"revenue", l.paid(hour)}}},
      {"recentActivity", activity},
      {"trendingEvents", trending}};
}

json seats(const ledger& l) {
  struct sums {
    std::int64_t seats = 0, sold = 0, value = 0;
  };
  std::map<std::string, sums> sections;
  std::map<std::string, sums> tiers;
  std::map<std::int32_t, sums> rows;
  const auto tier = [](std::int64_t price) {
    return price < 50'000    ? "budget"
           : price < 100'000 ? "standard"
           : price < 150'000 ? "premium"
                             : "vip";
  };
  const auto wanted = [&](const ledger_event& e) { return !l.q.event || e.row.id == *l.q.event; };
  for (const auto& e : l.w.events)
    if (wanted(e))
      for (const auto& r : e.rows)
        for (auto* s : {&sections[r.section], &tiers[tier(r.price)], &rows[r.row]}) {
          s->seats += r.seats;
          s->value += r.seats * r.price;
        }
  for (const auto& r : l.w.reservations)
    if (ledger::is(r, reservation_status::confirmed) && wanted(l.w.events[r.event]))
      for (const auto& i : r.view.items)
        if (!i.seat.is_nil())
          for (auto* s : {&sections[i.section], &tiers[tier(i.unit_price)], &rows[i.row]})
            ++s->sold;
  const auto row_json = [](const sums& s) {
    return json{{"total_seats", s.seats},
                {"reserved_seats", s.sold},
                {"reservation_rate", two(s.sold * 100, s.seats)}};
  };
  auto by_section = json::array();
  for (const auto& [name, s] : sections) {
    by_section.push_back(row_json(s));
    by_section.back()["section"] = name;
  }
  auto by_tier = json::array();
  for (const char* name : {"vip", "premium", "standard", "budget"})
    if (tiers.contains(name)) {
      by_tier.push_back(row_json(tiers[name]));
      by_tier.back()["price_tier"] = name;
      by_tier.back()["tier"] = name;
      by_tier.back()["avg_price"] = two(tiers[name].value, tiers[name].seats);
    }
  std::vector<std::pair<std::int64_t, std::int32_t>> best;
  for (const auto& [number, s] : rows)
    best.emplace_back(-s.sold, number);
  std::sort(best.begin(), best.end());
  auto top = json::array();
  for (std::size_t i = 0; i < best.size() && i < 10; ++i) {
    top.push_back(row_json(rows[best[i].second]));
    top.back()["row_number"] = best[i].second;
  }
  return {{"bySection", by_section}, {"byPriceTier", by_tier}, {"topRows", top}};
}

json behaviour(const ledger& l) {
  std::map<std::size_t, std::pair<std::int64_t, std::int64_t>> buyers;
  std::set<std::size_t> weekday_users[7];
  std::int64_t weekday_count[7] = {};
  std::int64_t waited = 0;
  std::int64_t confirmed = 0;
  for (const auto& r : l.w.reservations) {
    if (r.confirmed && *r.confirmed >= l.from()) {
      waited += ms(r.created, *r.confirmed);
      ++confirmed;
    }
    if (r.created < l.from())
      continue;
    const auto day = static_cast<std::size_t>(stats::weekday_of(stats::day_of(r.created)));
    weekday_users[day].insert(r.user);
    ++weekday_count[day];
    if (ledger::is(r, reservation_status::confirmed)) {
      ++buyers[r.owner].first;
      buyers[r.owner].second += r.spent;
    }
  }
  std::vector<std::int64_t> counts;
  std::int64_t spent = 0;
  std::int64_t reservations = 0;
  const auto people = static_cast<std::int64_t>(buyers.size());
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> types;
  std::map<std::string, std::int64_t> spenders;
  for (const auto& [user, sum] : buyers) {
    counts.push_back(sum.first);
    reservations += sum.first;
    spent += sum.second;
    auto& type = types[sum.first == 1 ? "new" : sum.first <= 3 ? "returning" : "loyal"];
    ++type.first;
    type.second += sum.first;
    ++spenders[sum.second < 50'000    ? "0-49999"
               : sum.second < 100'000 ? "50000-99999"
               : sum.second < 200'000 ? "100000-199999"
               : sum.second < 500'000 ? "200000-499999"
                                      : "500000+"];
  }
  std::sort(counts.begin(), counts.end());
  double median = 0;
  if (!counts.empty()) {
    const auto n = counts.size();
    median =
        n % 2 == 1 ? static_cast<double>(counts[n / 2]) : two(counts[n / 2 - 1] + counts[n / 2], 2);
  }
  auto user_types = json::array();
  for (const char* name : {"new", "returning", "loyal"})
    user_types.push_back({{"user_type", name},
                          {"user_count", types[name].first},
                          {"total_reservations", types[name].second}});
  auto distribution = json::array();
  for (const char* name : {"0-49999", "50000-99999", "100000-199999", "200000-499999", "500000+"})
    distribution.push_back({{"spending_tier", name},
                            {"tier", name},
                            {"range", name},
                            {"user_count", spenders[name]},
                            {"count", spenders[name]}});
  const char* names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                         "Thursday", "Friday", "Saturday"};
  auto activity = json::array();
  for (std::size_t i = 0; i < 7; ++i)
    activity.push_back({{"day_name", names[i]},
                        {"day_of_week", i},
                        {"unique_users", weekday_users[i].size()},
                        {"reservations", weekday_count[i]}});
  return {{"userTypes", user_types},
          {"averageMetrics",
           {{"avg_reservations", two(reservations, people)},
            {"max_reservations", counts.empty() ? 0 : counts.back()},
            {"median_reservations", median},
            {"avg_spending", two(spent, people)}}},
          {"avg_spending", two(spent, people)},
          {"spendingDistribution", distribution},
          {"avgTimeToPayment", two_text(waited, confirmed * 60'000)},
          {"weekdayActivity", activity}};
}

json performance(const ledger& l) {
  const auto from = stats::begin_of(l.today() - 7);
  std::int64_t held = 0;
  std::int64_t count = 0;
  for (const auto& r : l.w.reservations) {
    const auto end = r.confirmed ? r.confirmed : r.ended;
    if (end && *end >= from) {
      held += ms(r.created, *end);
      ++count;
    }
  }
  std::int64_t all_seats = 0;
  for (const auto& e : l.w.events)
    for (const auto& r : e.rows)
      all_seats += r.seats;
  const auto paid = l.payments([&](const auto& p) { return p.confirmed >= from; });
  const auto failed = std::count_if(l.w.declined.begin(), l.w.declined.end(),
                                    [&](time_point t) { return t >= from; });
  // What concerns requests is tested with the actor.
  return {{"tableCounts",
           {{"users", l.w.users.size()},
            {"events", l.w.events.size()},
            {"reservations", l.w.reservations.size()},
            {"seats", all_seats},
            {"payments", l.w.payments.size()}}},
          {"metrics",
           {{"avgSeatLockSeconds", two_text(held, count * 1000)},
            {"paymentFailureRate", two(failed * 100, failed + paid)}}}};
}

} // namespace

json expected_report(const ledgers& w, const stats::get_report& query, time_point now) {
  const ledger l{w, query, now};
  switch (query.kind) {
  case stats::report_kind::overview:
    return overview(l);
  case stats::report_kind::daily:
    return daily(l);
  case stats::report_kind::events:
    return events(l);
  case stats::report_kind::event:
    return one_event(l);
  case stats::report_kind::payments:
    return payments(l);
  case stats::report_kind::revenue:
    return revenue(l);
  case stats::report_kind::users:
    return users(l);
  case stats::report_kind::hourly_traffic:
    return hourly(l);
  case stats::report_kind::conversion:
    return conversion(l);
  case stats::report_kind::cancellations:
    return cancellations(l);
  case stats::report_kind::realtime:
    return realtime(l);
  case stats::report_kind::seat_preferences:
    return seats(l);
  case stats::report_kind::user_behavior:
    return behaviour(l);
  case stats::report_kind::performance:
    return performance(l);
  }
  return nullptr;
}

} // namespace tiketi::test
