#pragma once

#include "actors/payment/payment.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tiketi::payment {

// -- what the desk is asked ------------------------------------------------------------------

struct prepare_job {
  user_id user;
  std::int64_t amount = 0; ///< 0: not said
  fresh_ids ids;
};

struct confirm_job {
  user_id user;
  std::string order_id;
  std::string payment_key;
  std::int64_t amount = 0;
};

struct process_job {
  user_id user;
  std::string method;
  fresh_ids ids;
};

struct cancel_job {
  user_id user;
  payment_id payment;
  std::string reason;
  bool repeated = false; ///< an earlier owner may have done it
};

/// What the ticket role made known about the reservation.
enum class reservation_news : std::uint8_t {
  confirmed, ///< by `payment`
  rejected,  ///< `payment` could not be used
  ended,     ///< cancelled or expired
};

struct news_job {
  uuid event;
  reservation_news what = reservation_news::ended;
  payment_id payment; ///< nil: not said
  std::string reason;
};

/// Finish what a crash interrupted.
struct resume_job {};

using job_kind =
    std::variant<prepare_job, confirm_job, process_job, cancel_job, news_job, resume_job>;

// -- what the desk wants done ------------------------------------------------------------------

struct load_payments_action {};
struct ask_payable_action {
  user_id user;
};
/// What was paid for is given up by its owner: in the ticket role, which knows who that is.
struct end_subject_action {
  user_id user;
  payment_id payment;
};
struct write_action {
  payment_change change;
};
struct look_up_action { ///< in the store
  payment_id payment;
};
struct capture_action {
  payment_view payment;
};
struct find_capture_action {
  payment_view payment;
};
struct refund_action {
  payment_view payment;
};
struct tell_payment_action { ///< `apply_payment` to the ticket role
  payment_view payment;
};
struct tell_refund_action { ///< `apply_refund` to the ticket role
  payment_view payment;
};
struct answer_action {
  std::uint64_t job = 0;
  result<payment_done> what = failure{errc::internal};
};
/// Call `wake` after the wait that fits this attempt.
struct wait_action {
  std::uint32_t attempt = 1;
};

using desk_action =
    std::variant<load_payments_action, ask_payable_action, end_subject_action, write_action,
                 look_up_action, capture_action, find_capture_action, refund_action,
                 tell_payment_action, tell_refund_action, answer_action, wait_action>;
using desk_actions = std::vector<desk_action>;

// -- what came of it ---------------------------------------------------------------------------

enum class write_outcome : std::uint8_t {
  committed,
  duplicate, ///< the event that caused it was applied before; nothing was written
  rejected,  ///< the row is not what the desk believed it to be
  key_taken, ///< rejected: another payment has this payment key
  failed,    ///< certainly not written
  unknown,
};

enum class capture_outcome : std::uint8_t { approved, declined, not_found, unknown };

struct capture_news {
  capture_outcome outcome = capture_outcome::unknown;
  time_point at;
  std::string status;
  std::string text;
};

struct verdict_news {
  bool confirmed = false;
  std::string reason; ///< of a refund
};

struct desk_options {
  std::string provider;
  bool demo = false;
  bool instant = false;         ///< the provider captures without a payment key
  std::size_t waiting_max = 32; ///< jobs of one subject
  /// A payment somebody prepared for a listing keeps others away this long.
  milliseconds reserved_for{300'000};
};

/// All payments of one subject (a reservation, a listing, a membership), one job at a time, so that
/// money is captured at most once and whatever cannot be used is given back. Pure: events in,
/// actions out; the caller carries every action out and reports its outcome, exactly once each,
/// except `answer_action`.
///
/// Order of a capture: intent durable (`capturing`), then the provider, then `captured` and its
/// event in one transaction, then the ticket role. Whatever fails after the intent is repeated
/// until it is definite; a caller that would have to wait for it hears `in_doubt`.
class desk {
public:
  desk(const payment_subject& subject, desk_options options);

  desk_actions accept(std::uint64_t job, job_kind what, time_point now);

  desk_actions loaded(result<std::vector<payment_view>> rows, time_point now);
  /// `amount` and event of the reservation, or why it may not be paid.
  struct terms {
    std::int64_t amount = 0;
    event_id event;
  };
  desk_actions payable(result<terms> answer, time_point now);
  /// The owner gave it up, or it had ended before; a failure: it stays as it is.
  desk_actions subject_ended(result<void> answer, time_point now);
  desk_actions written(write_outcome outcome, time_point now);
  /// The row as it is durable now; nothing: no such row. A failure: still not known.
  desk_actions looked_up(result<std::optional<payment_view>> row, time_point now);
  desk_actions captured(capture_news news, time_point now);
  desk_actions refunded(capture_news news, time_point now);
  desk_actions judged(result<verdict_news> verdict, time_point now);
  desk_actions refund_told(time_point now);
  desk_actions wake(time_point now);

  /// For the ticket role. Nothing: not loaded yet (a `resume_job` loads).
  std::optional<payment_standing> standing() const;

  /// Nothing under way: may be passivated.
  bool idle() const noexcept;
  bool is_loaded() const noexcept { return loaded_; }
  bool is_loading() const noexcept { return phase_ == phase::loading; }

  /// The job in work; none once it is answered, also where its work goes on.
  std::optional<std::uint64_t> job_in_work() const noexcept {
    return job_ ? std::optional(job_->id) : std::nullopt;
  }

  /// Newest first.
  const std::vector<payment_view>& rows() const noexcept { return rows_; }

private:
  enum class phase : std::uint8_t {
    idle,
    loading,
    checking,   ///< the ticket role was asked whether it may be paid
    ending,     ///< the ticket role was asked to end what was paid for
    writing,    ///< `pending_` is being committed
    looking_up, ///< whether `pending_` was committed
    capturing,
    applying,
    refunding,
    telling,
    waiting, ///< to try `retry_` again
  };

  enum class retry : std::uint8_t { load, write, look_up, find_capture, refund };

  struct job {
    std::uint64_t id = 0;
    job_kind what;
  };

  void next(desk_actions& out, time_point now);
  void begin(desk_actions& out, time_point now);
  void begin_news(desk_actions& out, const news_job& j, time_point now);
  void begin_confirm(desk_actions& out, const confirm_job& j);
  void load(desk_actions& out);
  void resume(desk_actions& out);
  void write(desk_actions& out, payment_change change);
  bool make_way(desk_actions& out, const terms& t, const user_id& user, time_point now);
  void committed(desk_actions& out, payment_view row, time_point now);
  void not_committed(desk_actions& out, const failure& why, time_point now);
  void reload(desk_actions& out);
  void refund_because(desk_actions& out, std::string reason, uuid cause, time_point now);
  void wait_for(desk_actions& out, retry what);
  void answer(desk_actions& out, result<payment_done> what);
  void done(desk_actions& out, result<payment_done> what, time_point now);
  void rest(desk_actions& out, time_point now);
  void adopt(payment_view row);
  payment_view* live();
  bool known_confirmed(const payment_view& p) const noexcept {
    return p.resolved || confirmed_ == p.id;
  }

  payment_subject subject_;
  desk_options options_;
  bool loaded_ = false;
  bool owed_ = false; ///< has to be loaded, because something may be half way
  phase phase_ = phase::idle;
  std::vector<payment_view> rows_;
  std::optional<job> job_;  ///< in work and not answered yet
  bool repeated_ = false;   ///< the money was there before that job
  bool making_way_ = false; ///< `pending_` only clears the way for that job
  std::deque<job> waiting_;
  std::optional<payment_change> pending_;
  payment_id confirmed_;         ///< the ticket role said so to this desk
  std::vector<audit_entry> log_; ///< joins the next write
  retry retry_ = retry::write;
  std::uint32_t attempts_ = 0;
};

} // namespace tiketi::payment
