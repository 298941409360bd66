#pragma once

#include "actors/base/result.hpp"
#include "actors/payment/messages.hpp"
#include "storage/ticket_store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tiketi::ticket {

/// When a reservation looks again at what it does not know yet.
struct reservation_timing {
  milliseconds retry_min{250};          ///< first repeat of a write or look-up in doubt
  milliseconds retry_max{5'000};        ///< each repeat waits twice as long, up to this
  milliseconds reconcile_after{60'000}; ///< a pending one asks the payment role this often
  milliseconds standing_timeout{2'000}; ///< an unanswered question counts as unreachable
  milliseconds standing_retry{1'000};   ///< between questions once it is due
  milliseconds capturing_max{60'000};   ///< how long after its end it waits for a capture
  milliseconds unreachable_max{10'000}; ///< how long after its end for a silent payment role
};

/// What a change of a reservation is for.
enum class change_reason : std::uint8_t {
  confirm,
  reject,
  cancel,
  refund,
  expire,
  offer,    ///< for resale
  withdraw, ///< from resale
  transfer, ///< to whoever bought it
};

/// A decided change that is not durable yet.
struct change {
  change_reason why = change_reason::cancel;
  reservation_status from = reservation_status::pending;
  reservation_status to = reservation_status::pending;
  payment_state payment = payment_state::pending;
  stock_effect stock = stock_effect::keep;
  std::string method;      ///< empty: unchanged
  payment_id paid_by;      ///< nil: unchanged
  uuid message;            ///< nil, or what caused it
  payment_id about;        ///< payment that caused it; nil: none
  std::int64_t amount = 0; ///< of that payment
  std::string reason;      ///< in the event and the history
  std::string action;      ///< history word
  std::string event_type;  ///< empty: no domain event
  listing_change listing;
  transfer_id transfer; ///< the payment it is about was for this listing; nil: for the reservation
};

/// One reservation from the request to its end. Says what to do next and remembers; the actor does
/// it. No clock, no I/O.
///
///     reserving → granting → committing ⇄ in_doubt → live (pending)
///     live → verifying → changing ⇄ change_in_doubt → live (confirmed, cancelled, expired)
///     any of the first four → failed: nothing of it exists
///
/// A status other than pending is reached by exactly one change, and only by a commit that the
/// store reported, so it ends exactly once whatever the order of messages.
class reservation {
public:
  enum class phase : std::uint8_t {
    reserving,
    granting,
    committing,
    in_doubt,
    live,
    verifying,
    changing,
    change_in_doubt,
    failed,
  };

  /// What to do next during a hold.
  enum class hold_step : std::uint8_t {
    wait,
    ask_tokens, ///< every seat is granted: fencing tokens for all of them
    commit,     ///< write `view()`
    held,       ///< durable: it is live
    doubt,      ///< outcome unknown: tell the caller, look it up at `wake_at()`
    fail,       ///< give everything granted back, then report `why_failed()`
  };

  /// Why nothing came of it.
  struct hold_failure {
    failure error;
    std::vector<std::size_t> conflicts; ///< items that somebody else has
    bool stale = false;                 ///< the store knew better than the actors
    reservation_id same_key;            ///< the user's reservation that has the key already
  };

  /// What to do when a wake-up comes.
  enum class wake_step : std::uint8_t { nothing, look_up, repeat_change, ask_standing, expire };

  enum class standing_step : std::uint8_t { nothing, expire, confirm };

  /// What a change came to.
  enum class change_step : std::uint8_t {
    done,      ///< durable and applied
    duplicate, ///< its message was applied before; nothing changed
    rejected,  ///< a confirmation lost its seats: `current()` is now the refusal, write it
    undone,    ///< certainly not written; live as before
    doubt,     ///< unknown: repeat the same write at `wake_at()`
    look_up,   ///< which of two histories it was: ask the store for the status
    stale,     ///< the store has another state: load it again
  };

  reservation() = default;

  /// A new hold: `view` has everything but tokens and seat versions.
  static reservation start(reservation_view view, reservation_timing timing);

  /// One that the store has.
  static reservation restore(reservation_view view, reservation_timing timing);

  // -- hold ------------------------------------------------------------------------------------

  hold_step on_seat_granted(std::size_t item, std::uint64_t floor, std::uint32_t version);
  hold_step on_stock_granted(std::size_t item);
  hold_step on_refused(std::size_t item);
  hold_step on_unreachable(std::size_t item); ///< its actor did not answer
  /// Floors in the order of the seats among the items.
  std::vector<std::uint64_t> floors() const;
  hold_step on_tokens(const std::vector<std::uint64_t>& values);
  hold_step on_no_tokens(failure why);
  hold_step on_created(const ticket_written& outcome, time_point now);
  hold_step on_create_refused(failure why); ///< the writer did not take it
  hold_step on_create_lost(time_point now); ///< the writer did not answer
  hold_step on_looked_up(const ticket_written& outcome, time_point now);
  hold_step on_look_up_lost(time_point now);
  const hold_failure& why_failed() const noexcept { return failure_; }
  /// Granted by its actor and not given back yet.
  bool granted(std::size_t item) const { return marks_[item] == mark::granted; }

  // -- life ------------------------------------------------------------------------------------

  result<payable> decide(const check_payable& query, time_point now) const;
  /// An attempt of this command by an earlier owner has done what it asks for: nothing is left to
  /// decide, the view is the answer.
  bool done_before(const cancel_reservation& command) const;
  bool done_before(const end_reservation& command) const;
  bool done_before(const list_ticket& command) const;
  bool done_before(const unlist_ticket& command) const;

  result<change> decide(const cancel_reservation& command, time_point now) const;
  result<change> decide(const end_reservation& command) const;
  std::variant<payment_outcome, change> decide(const apply_payment& command) const;
  std::variant<refund_applied, change> decide(const apply_refund& command) const;
  change decide_expiry() const;
  result<change> decide(const list_ticket& command, time_point now) const;
  result<change> decide(const unlist_ticket& command, time_point now) const;
  result<payable> decide(const check_listing& query, time_point now) const;
  std::variant<payment_outcome, change> decide(const buy_listed& command) const;
  /// The refusal of a payment, whatever the status.
  change refusal(const apply_payment& command, std::string reason) const;
  change refusal(const buy_listed& command, std::string reason) const;

  /// Starts a change. True: first ask every seat whether it still has holder and token.
  bool begin(change next);
  void on_seats_verified();
  void on_seat_lost();         ///< turns the confirmation into a refusal
  void on_seats_unreachable(); ///< live as before
  const change& current() const noexcept { return current_; }
  change_reservation write_of_current(time_point now) const; ///< without events
  change_step on_changed(const ticket_written& outcome, time_point now);
  change_step on_change_refused(time_point now); ///< the writer did not take it
  change_step on_change_lost(time_point now);
  change_step on_change_looked_up(const ticket_written& outcome, time_point now);
  /// After `stale`: as the store has it now.
  void reload(reservation_view view);

  // -- time ------------------------------------------------------------------------------------

  /// When to be woken next; nothing: no need.
  std::optional<time_point> wake_at() const;
  /// `payment_known`: there is a payment role to ask.
  wake_step on_wake(time_point now, bool payment_known);
  /// Number of the question under way; answers to earlier ones are out of date.
  std::uint32_t question() const noexcept { return question_; }
  standing_step on_standing(const payment::payment_standing& answer, std::uint32_t question,
                            time_point now);
  standing_step on_no_standing(std::uint32_t question, time_point now);

  phase state() const noexcept { return phase_; }
  const reservation_view& view() const noexcept { return view_; }
  bool pending() const noexcept { return view_.status == reservation_status::pending; }

private:
  enum class mark : std::uint8_t { asked, granted, refused, unreachable };

  result<change> cancellation(std::string reason) const;
  hold_step all_answered();
  hold_step doubt(time_point now);
  hold_step fail(failure why);
  change_step repeat_later(time_point now);
  change_step done(time_point now);
  change_step lost_seats();
  milliseconds back_off();
  bool refused(const payment_id& id) const;
  bool is_spent(const payment_id& id) const;
  void end_listing(change& next) const;
  bool listing_is(const ticket_written& outcome) const;
  standing_step unknown_standing(time_point now);

  reservation_timing timing_;
  reservation_view view_;
  phase phase_ = phase::failed;
  std::vector<mark> marks_;
  std::vector<std::uint64_t> floors_; ///< by item
  std::size_t answers_ = 0;
  hold_failure failure_;
  change current_;
  std::uint32_t attempts_ = 0; ///< of the write or look-up that runs
  bool looking_ = false;       ///< a look-up of the hold is under way
  time_point next_look_;
  time_point ask_ends_; ///< epoch: no question under way
  std::uint32_t question_ = 0;
  std::vector<payment_id> refused_; ///< payments that must go back, as far as known
};

} // namespace tiketi::ticket
