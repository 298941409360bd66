#include "storage/sql/built_query.hpp"
#include "storage/sql/query_guard.hpp"
#include "storage/sql/stats_store.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include <spdlog/spdlog.h>

namespace tiketi::sql {

namespace {

using namespace stats;

constexpr std::string_view event_columns =
    "id, known, title, venue, event_date, sale_start, sale_end, cancelled, seated, capacity, "
    "pending, confirmed, given_up, expired, held, sold, paid, refunded";

/// The columns of `hours` after the key, in the order of the table.
constexpr std::pair<const char*, std::int64_t hour_row::*> hour_columns[] = {
    {"created", &hour_row::created},
    {"confirmed", &hour_row::confirmed},
    {"cancelled", &hour_row::cancelled},
    {"expired", &hour_row::expired},
    {"cohort_confirmed", &hour_row::cohort_confirmed},
    {"cohort_cancelled", &hour_row::cohort_cancelled},
    {"cohort_expired", &hour_row::cohort_expired},
    {"confirm_ms", &hour_row::confirm_ms},
    {"cancel_ms", &hour_row::cancel_ms},
    {"released", &hour_row::released},
    {"release_ms", &hour_row::release_ms},
    {"payments", &hour_row::payments},
    {"failed_payments", &hour_row::failed_payments},
    {"paid", &hour_row::paid},
    {"refunds", &hour_row::refunds},
    {"refunded", &hour_row::refunded},
    {"registered", &hour_row::registered},
    {"transfers", &hour_row::transfers},
    {"memberships", &hour_row::memberships},
    {"requests", &hour_row::requests},
    {"failed_requests", &hour_row::failed_requests},
};
constexpr std::size_t hour_width = std::size(hour_columns);

std::optional<time_point> time_or_none(long long ms) {
  return ms == 0 ? std::nullopt : std::optional{from_millis(ms)};
}

class sql_stats_queries final : public stats_queries {
public:
  explicit sql_stats_queries(database db) : guard_(std::move(db), "stats store") {}

  result<std::vector<hour_row>> hours(hour_number from) override {
    return guard_.run<std::vector<hour_row>>([&] {
      std::vector<hour_row> out;
      long long hour = 0;
      std::array<long long, hour_width> values{};
      built_query q{guard_.db()};
      q << "SELECT hour";
      for (const auto& [name, field] : hour_columns)
        q << ", " << name;
      q << " FROM hours WHERE hour >= ";
      q.value(from) << " ORDER BY hour";
      q.into(hour);
      for (auto& v : values)
        q.into(v);
      for (bool more = q.run(); more; more = q.next()) {
        auto& row = out.emplace_back();
        row.hour = hour;
        for (std::size_t i = 0; i < hour_width; ++i)
          row.*hour_columns[i].second = values[i];
      }
      return out;
    });
  }

  result<hour_row> all_hours() override {
    return guard_.run<hour_row>([&] {
      hour_row out;
      std::array<long long, hour_width> values{};
      built_query q{guard_.db()};
      q << "SELECT ";
      for (std::size_t i = 0; i < hour_width; ++i)
        // Sums of BIGINT are NUMERIC in PostgreSQL.
        q << (i == 0 ? "" : ", ") << "CAST(coalesce(sum(" << hour_columns[i].first
          << "), 0) AS BIGINT)";
      q << " FROM hours";
      for (auto& v : values)
        q.into(v);
      q.run();
      for (std::size_t i = 0; i < hour_width; ++i)
        out.*hour_columns[i].second = values[i];
      return out;
    });
  }

  result<std::vector<event_sums>> events() override {
    return guard_.run<std::vector<event_sums>>([&] {
      built_query q{guard_.db()};
      q << "SELECT " << event_columns << " FROM events ORDER BY id";
      return read_events(q);
    });
  }

  result<std::optional<event_sums>> event(event_id id) override {
    return guard_.run<std::optional<event_sums>>([&] {
      built_query q{guard_.db()};
      q << "SELECT " << event_columns << " FROM events WHERE id = ";
      q.value(id);
      auto found = read_events(q);
      return found.empty() ? std::nullopt : std::optional{std::move(found.front())};
    });
  }

  result<std::vector<method_sums>> methods() override {
    return guard_.run<std::vector<method_sums>>([&] {
      std::vector<method_sums> out;
      std::string method;
      long long count = 0, amount = 0;
      built_query q{guard_.db()};
      q << "SELECT method, count, amount FROM payment_methods ORDER BY amount DESC, method";
      q.into(method).into(count).into(amount);
      for (bool more = q.run(); more; more = q.next())
        out.push_back({method, count, amount});
      return out;
    });
  }

  result<std::vector<role_count>> roles() override {
    return guard_.run<std::vector<role_count>>([&] {
      std::vector<role_count> out;
      std::string role;
      long long count = 0;
      built_query q{guard_.db()};
      q << "SELECT role, count(*) FROM users GROUP BY role ORDER BY role";
      q.into(role).into(count);
      for (bool more = q.run(); more; more = q.next())
        out.push_back({role, count});
      return out;
    });
  }

  result<std::vector<row_sums>> rows(std::optional<event_id> event) override {
    return guard_.run<std::vector<row_sums>>([&] {
      std::vector<row_sums> out;
      std::string section;
      int row = 0;
      long long price = 0, seats = 0, sold = 0;
      built_query q{guard_.db()};
      // What is sold of a row that is no longer offered is still a seat. Rows of events that the
      // catalog has not told of yet have no seats and no price.
      q << "SELECT r.section, r.row_number, r.price, CAST(sum(CASE WHEN r.seats > r.sold THEN "
           "r.seats ELSE r.sold END) AS BIGINT), CAST(sum(r.sold) AS BIGINT) FROM event_rows r "
           "JOIN events e ON e.id = r.event_id WHERE e.known = 1";
      if (event) {
        q << " AND r.event_id = ";
        q.value(*event);
      }
      q << " GROUP BY r.section, r.row_number, r.price ORDER BY r.section, r.row_number, r.price";
      q.into(section).into(row).into(price).into(seats).into(sold);
      for (bool more = q.run(); more; more = q.next())
        out.push_back({section, row, price, seats, sold});
      return out;
    });
  }

  result<std::vector<buyer>> buyers(time_point from) override {
    return guard_.run<std::vector<buyer>>([&] {
      std::vector<buyer> out;
      long long count = 0, spent = 0;
      built_query q{guard_.db()};
      q << "SELECT count(*), CAST(sum(coalesce(o.paid, r.amount)) AS BIGINT) FROM reservations r "
           "LEFT JOIN reservation_owners o ON o.reservation_id = r.id WHERE r.created_at >= ";
      q.value(from) << " AND r.status = 'confirmed' GROUP BY coalesce(o.user_id, r.user_id)";
      q.into(count).into(spent);
      for (bool more = q.run(); more; more = q.next())
        out.push_back({count, spent});
      return out;
    });
  }

  result<std::vector<weekday_count>> weekdays(time_point from) override {
    return guard_.run<std::vector<weekday_count>>([&] {
      std::vector<weekday_count> out;
      int weekday = 0;
      long long users = 0, reservations = 0;
      built_query q{guard_.db()};
      // Day 0 was a Thursday.
      q << "SELECT CAST(((created_at + ";
      q.value(zone_ms) << ") / ";
      q.value(day_ms) << " + 4) % 7 AS INTEGER) AS weekday, count(DISTINCT user_id), count(*) FROM "
                         "reservations WHERE created_at >= ";
      q.value(from) << " GROUP BY weekday ORDER BY weekday";
      q.into(weekday).into(users).into(reservations);
      for (bool more = q.run(); more; more = q.next())
        out.push_back({weekday, users, reservations});
      return out;
    });
  }

  result<std::vector<event_cohort>> cohorts(time_point from) override {
    return guard_.run<std::vector<event_cohort>>([&] {
      std::map<std::string, event_cohort> all;
      std::string id, title;
      long long count = 0, cancelled = 0, amount = 0;
      built_query q{guard_.db()};
      q << "SELECT r.event_id, e.title, count(*), CAST(sum(CASE WHEN r.status = 'cancelled' THEN 1 "
           "ELSE 0 END) AS BIGINT) FROM reservations r JOIN events e ON e.id = r.event_id WHERE "
           "r.created_at >= ";
      q.value(from) << " GROUP BY r.event_id, e.title";
      q.into(id).into(title).into(count).into(cancelled);
      for (bool more = q.run(); more; more = q.next())
        all[id] = {parse_id<event_id>(id).value_or(event_id{}), title, count, cancelled, 0};
      built_query money{guard_.db()};
      money << "SELECT event_id, CAST(sum(amount) AS BIGINT) FROM payments WHERE refunded_at >= ";
      money.value(from) << " AND refunded_at > 0 GROUP BY event_id";
      money.into(id).into(amount);
      for (bool more = money.run(); more; more = money.next())
        if (const auto found = all.find(id); found != all.end())
          found->second.refunded = amount;
      std::vector<event_cohort> out;
      out.reserve(all.size());
      for (auto& [key, cohort] : all)
        out.push_back(std::move(cohort));
      return out;
    });
  }

  result<live_figures> live(time_point hour_from, time_point active_from, time_point trend_from,
                            std::int32_t recent_max, std::int32_t trending_max) override {
    return guard_.run<live_figures>([&] {
      live_figures out;
      long long number = 0, other = 0;
      built_query held{guard_.db()};
      held << "SELECT count(*), CAST(coalesce(sum(seats), 0) AS BIGINT) FROM reservations WHERE "
              "status = 'pending'";
      held.into(number).into(other).run();
      out.pending = number;
      out.locked_seats = other;

      built_query active{guard_.db()};
      active << "SELECT count(DISTINCT user_id) FROM (SELECT user_id FROM reservations WHERE "
                "created_at >= ";
      active.value(active_from) << " UNION SELECT user_id FROM reservations WHERE confirmed_at >= ";
      active.value(active_from) << " UNION SELECT coalesce(o.user_id, r.user_id) FROM "
                                   "reservations r LEFT JOIN reservation_owners o ON "
                                   "o.reservation_id = r.id WHERE r.status = 'cancelled' AND "
                                   "r.ended_at >= ";
      active.value(active_from) << " UNION SELECT user_id FROM reservation_owners WHERE since >= ";
      active.value(active_from) << ") AS those";
      active.into(number).run();
      out.active_users = number;

      built_query created{guard_.db()};
      created << "SELECT count(*) FROM reservations WHERE created_at >= ";
      created.value(hour_from).into(number).run();
      out.created = number;
      built_query paid{guard_.db()};
      paid << "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM payments WHERE confirmed_at "
              ">= ";
      paid.value(hour_from).into(number).run();
      out.paid = number;

      read_recent(out.recent, "created_at", "'created'", recent_max);
      read_recent(out.recent, "confirmed_at", "'confirmed'", recent_max);
      read_recent(out.recent, "ended_at", "r.status", recent_max);
      std::sort(out.recent.begin(), out.recent.end(), [](const auto& a, const auto& b) {
        return std::tie(b.at, a.type, a.reservation.value.bytes)
               < std::tie(a.at, b.type, b.reservation.value.bytes);
      });
      if (out.recent.size() > static_cast<std::size_t>(recent_max))
        out.recent.resize(static_cast<std::size_t>(recent_max));

      std::string id, title;
      built_query trend{guard_.db()};
      trend << "SELECT r.event_id, e.title, count(*) AS n FROM reservations r JOIN events e ON "
               "e.id = r.event_id WHERE r.created_at >= ";
      trend.value(trend_from) << " GROUP BY r.event_id, e.title ORDER BY n DESC, r.event_id LIMIT ";
      trend.value(trending_max).into(id).into(title).into(number);
      for (bool more = trend.run(); more; more = trend.next())
        out.trending.push_back({parse_id<event_id>(id).value_or(event_id{}), title, number});
      return out;
    });
  }

  result<table_counts> counts() override {
    return guard_.run<table_counts>([&] {
      table_counts out;
      long long n = 0;
      const auto count = [&](std::string_view what) {
        built_query q{guard_.db()};
        q << "SELECT " << what;
        q.into(n).run();
        return n;
      };
      out.users = count("count(*) FROM users");
      out.events = count("count(*) FROM events");
      out.reservations = count("count(*) FROM reservations");
      out.seats = count("CAST(coalesce(sum(seats), 0) AS BIGINT) FROM event_rows");
      out.payments = count("count(*) FROM payments");
      return out;
    });
  }

private:
  std::vector<event_sums> read_events(built_query& q) {
    std::vector<event_sums> out;
    std::string id, title, venue;
    int known = 0, cancelled = 0, seated = 0;
    long long date = 0, start = 0, end = 0, capacity = 0, pending = 0, confirmed = 0, given_up = 0,
              expired = 0, held = 0, sold = 0, paid = 0, refunded = 0;
    q.into(id).into(known).into(title).into(venue).into(date).into(start).into(end);
    q.into(cancelled).into(seated).into(capacity).into(pending).into(confirmed).into(given_up);
    q.into(expired).into(held).into(sold).into(paid).into(refunded);
    for (bool more = q.run(); more; more = q.next()) {
      auto& e = out.emplace_back();
      e.id = parse_id<event_id>(id).value_or(event_id{});
      e.known = known != 0;
      e.title = title;
      e.venue = venue;
      e.event_date = from_millis(date);
      e.sale_start = time_or_none(start);
      e.sale_end = time_or_none(end);
      e.cancelled = cancelled != 0;
      e.seated = seated != 0;
      e.capacity = capacity;
      e.pending = pending;
      e.confirmed = confirmed;
      e.given_up = given_up;
      e.expired = expired;
      e.held = held;
      e.sold = sold;
      e.paid = paid;
      e.refunded = refunded;
    }
    return out;
  }

  void read_recent(std::vector<recent_step>& out, const std::string& column, std::string_view what,
                   std::int32_t max) {
    std::string id, type, title;
    long long amount = 0, at = 0;
    built_query q{guard_.db()};
    q << "SELECT r.id, " << what << ", e.title, r.amount, r." << column
      << " FROM reservations r JOIN events e ON e.id = r.event_id WHERE r." << column
      << " > 0 ORDER BY r." << column << " DESC, r.id LIMIT ";
    q.value(max).into(id).into(type).into(title).into(amount).into(at);
    for (bool more = q.run(); more; more = q.next())
      out.push_back({"reservation_" + type, parse_id<reservation_id>(id).value_or(reservation_id{}),
                     title, amount, from_millis(at)});
  }
  query_guard guard_;
};

} // namespace

std::unique_ptr<stats_queries> make_stats_queries(database db) {
  return std::make_unique<sql_stats_queries>(std::move(db));
}

} // namespace tiketi::sql
