#pragma once

#include "actors/base/result.hpp"
#include "actors/stats/calendar.hpp"
#include "actors/stats/facts.hpp"
#include "actors/store/group_commit.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What the statistics role needs from a database, by use case.

namespace tiketi::stats {

/// Applies a fact once: ledgers, sums and the mark of the message in one transaction. A step that
/// does not follow from the state of its reservation or payment changes nothing but the mark.
struct apply_fact {
  uuid message;
  time_point at; ///< when it happened
  fact what;
};

/// Adds requests that this node answered.
struct add_requests {
  hour_number hour = 0;
  std::int64_t requests = 0;
  std::int64_t failed = 0; ///< answered 5xx
};

struct stats_write {
  std::variant<apply_fact, add_requests> command;
  time_point now;
};

struct stats_written {
  commit_status status = commit_status::failed;
  bool duplicate = false; ///< the message was applied before
};

/// Implementations reconnect by themselves.
using stats_writes = commit_target<stats_write, stats_written>;

// -- reads -------------------------------------------------------------------------------------

/// What happened in one hour; `cohort_*`: where the reservations created in it stand now.
struct hour_row {
  hour_number hour = 0;
  std::int64_t created = 0;
  std::int64_t confirmed = 0;
  std::int64_t cancelled = 0;
  std::int64_t expired = 0;
  std::int64_t cohort_confirmed = 0;
  std::int64_t cohort_cancelled = 0;
  std::int64_t cohort_expired = 0;
  std::int64_t confirm_ms = 0; ///< from creation to confirmation, summed
  std::int64_t cancel_ms = 0;  ///< from creation to cancellation
  std::int64_t released = 0;   ///< ended while pending
  std::int64_t release_ms = 0; ///< from creation to that end
  std::int64_t payments = 0;
  std::int64_t failed_payments = 0; ///< declined
  std::int64_t paid = 0;            ///< won
  std::int64_t refunds = 0;
  std::int64_t refunded = 0; ///< won
  std::int64_t registered = 0;
  std::int64_t transfers = 0;
  std::int64_t memberships = 0;
  std::int64_t requests = 0;
  std::int64_t failed_requests = 0;

  hour_row& operator+=(const hour_row& other) noexcept;
};

struct event_sums {
  event_id id;
  bool known = false; ///< false: the catalog has not told of it yet, so the texts are empty
  std::string title;
  std::string venue;
  time_point event_date;
  std::optional<time_point> sale_start;
  std::optional<time_point> sale_end;
  bool cancelled = false;
  bool seated = false;
  std::int64_t capacity = 0;
  std::int64_t pending = 0;
  std::int64_t confirmed = 0;
  std::int64_t given_up = 0; ///< cancelled reservations
  std::int64_t expired = 0;
  std::int64_t held = 0; ///< seats and tickets
  std::int64_t sold = 0;
  std::int64_t paid = 0;
  std::int64_t refunded = 0;

  std::int64_t reservations() const noexcept { return pending + confirmed + given_up + expired; }
};

struct method_sums {
  std::string method;
  std::int64_t count = 0;
  std::int64_t amount = 0;
};

struct role_count {
  std::string role;
  std::int64_t count = 0;
};

/// Rows of seats that agree in section, row and price, over one or all events.
struct row_sums {
  std::string section;
  std::int32_t row = 0;
  std::int64_t price = 0;
  std::int64_t seats = 0;
  std::int64_t sold = 0;
};

/// A user who has reservations that were created in a span and are confirmed now.
struct buyer {
  std::int64_t reservations = 0;
  std::int64_t spent = 0; ///< by this user, who may have bought them from another one
};

struct weekday_count {
  std::int32_t weekday = 0; ///< 0: Sunday
  std::int64_t users = 0;   ///< different ones
  std::int64_t reservations = 0;
};

/// Of the reservations of an event created in a span.
struct event_cohort {
  event_id id;
  std::string title; ///< empty: not known
  std::int64_t reservations = 0;
  std::int64_t cancelled = 0;
  std::int64_t refunded = 0; ///< won, given back in the span
};

struct recent_step {
  std::string type; ///< reservation_created, reservation_confirmed, …
  reservation_id reservation;
  std::string title;
  std::int64_t amount = 0;
  time_point at;
};

struct trending_event {
  event_id id;
  std::string title;
  std::int64_t reservations = 0;
};

struct live_figures {
  std::int64_t locked_seats = 0;
  std::int64_t pending = 0;      ///< reservations that wait for their payment
  std::int64_t active_users = 0; ///< different users who reserved, paid, bought or cancelled lately
  std::int64_t created = 0;      ///< in the last hour
  std::int64_t paid = 0;         ///< in the last hour, won
  std::vector<recent_step> recent;      ///< newest first
  std::vector<trending_event> trending; ///< most first
};

struct table_counts {
  std::int64_t users = 0;
  std::int64_t events = 0;
  std::int64_t reservations = 0;
  std::int64_t seats = 0;
  std::int64_t payments = 0;
};

/// One connection for reading; one thread at a time. Sees only committed state. Spans are from
/// `from`, inclusive, without an end.
class stats_queries {
public:
  virtual ~stats_queries() = default;

  /// Hours in which anything happened, in order.
  virtual result<std::vector<hour_row>> hours(hour_number from) = 0;
  /// The sum of all hours.
  virtual result<hour_row> all_hours() = 0;
  virtual result<std::vector<event_sums>> events() = 0;
  virtual result<std::optional<event_sums>> event(event_id id) = 0;
  virtual result<std::vector<method_sums>> methods() = 0;
  virtual result<std::vector<role_count>> roles() = 0;
  virtual result<std::vector<row_sums>> rows(std::optional<event_id> event) = 0;
  virtual result<std::vector<buyer>> buyers(time_point from) = 0;
  virtual result<std::vector<weekday_count>> weekdays(time_point from) = 0;
  virtual result<std::vector<event_cohort>> cohorts(time_point from) = 0;
  /// `recent_max` steps; users active since `active_from`; trending since `trend_from`.
  virtual result<live_figures> live(time_point hour_from, time_point active_from,
                                    time_point trend_from, std::int32_t recent_max,
                                    std::int32_t trending_max) = 0;
  virtual result<table_counts> counts() = 0;
};

} // namespace tiketi::stats

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::stats::stats_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::stats::stats_written)

namespace tiketi::stats {

using stats_writer = writer_actor<stats_write, stats_written>;

} // namespace tiketi::stats
