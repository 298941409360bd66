#pragma once

#include "storage/outbox.hpp"
#include "storage/ticket_store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tiketi::memory {

/// What the ticket role's database holds: only what is committed.
struct ticket_state {
  struct seat {
    event_id event;
    ticket::seat_row row;
    bool retired = false; ///< no longer in the sale
  };
  struct reservation {
    ticket::reservation_view view; ///< history without `created`
    std::string key;               ///< empty: none
  };
  struct transfer {
    ticket::transfer_view view; ///< without what other tables know
    payment_id payment;         ///< the buyer's
    payment_id seller_payment;
  };
  struct points {
    membership_id membership;
    membership::point_entry entry;
  };
  struct dead_event {
    std::string consumer;
    domain_event event;
    std::string reason;
  };

  /// What the compare-and-set of a hold compares. A simulation leaves something out to show that it
  /// would notice.
  struct hold_checks {
    bool state = true; ///< available, and the version before
    bool token = true; ///< greater than the stored one
  };

  hold_checks checks;
  std::map<event_id, ticket::event_row> events;
  std::map<layout_id, ticket::layout_view> layouts;
  std::map<seat_id, seat> seats;
  std::map<ticket_type_id, ticket::ticket_type_view> types;
  std::map<reservation_id, reservation> reservations;
  std::map<transfer_id, transfer> transfers;
  std::map<artist_id, membership::artist_card> artists;
  std::map<membership_id, membership::membership_row> memberships;
  std::vector<points> point_log;
  std::set<uuid> processed; ///< messages applied by the consumer "ticket"
  std::vector<domain_event> outbox;
  std::int64_t last_sequence = 0;
  std::map<std::string, std::int64_t> cursors;
  std::vector<dead_event> dead;
};

/// What goes wrong with one batch.
enum class commit_fault : std::uint8_t {
  none,
  refused,     ///< nothing is written, and the outcome says so: `failed`
  answer_lost, ///< committed, but the outcome is `unknown`
  commit_lost, ///< not committed, and the outcome is `unknown`
};

/// The ticket store without a database, with the same semantics as the one in SQL, for simulations
/// and tests. The state outlives whoever uses it, as a disk would. Thread-safe, except `state`.
class ticket_store final : public ticket::ticket_writes {
public:
  ticket_store();

  std::vector<ticket::ticket_written> commit(std::vector<ticket::ticket_write>& batch) override;

  /// Asked before every batch; empty: nothing goes wrong. Called with the store locked.
  void on_batch(std::function<commit_fault(const std::vector<ticket::ticket_write>&)> hook);

  /// While away, every write is `failed` and every read answers `unavailable`.
  void set_away(bool away);

  /// Before anything is written.
  void leave_out(ticket_state::hold_checks checks);

  /// More connections to the same state. They may outlive this object.
  std::unique_ptr<ticket::ticket_queries> queries() const;
  std::unique_ptr<ticket::transfer_queries> transfers() const;
  std::unique_ptr<membership::membership_queries> memberships() const;
  std::unique_ptr<outbox_store> outbox() const;

  /// For checks between two steps of a simulation: nobody may write meanwhile.
  const ticket_state& state() const;

private:
  struct shared;
  class query_view;
  class outbox_view;
  class transfer_view;
  class membership_view;

  std::shared_ptr<shared> shared_;
};

} // namespace tiketi::memory
