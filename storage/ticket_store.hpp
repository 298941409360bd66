#pragma once

#include "actors/base/result.hpp"
#include "actors/bus/messages.hpp"
#include "actors/event/messages.hpp"
#include "actors/store/group_commit.hpp"
#include "storage/membership_store.hpp"
#include "storage/transfer_store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What the ticket role needs from a database, by use case.

namespace tiketi::ticket {

struct seat_row {
  seat_id id;
  std::string section;
  std::int32_t row = 0;
  std::int32_t number = 0;
  std::string label;
  std::int64_t price = 0;
  seat_status status = seat_status::available;
  std::uint32_t version = 0;
  std::uint64_t token = 0; ///< last fencing token written; survives releases, so it only grows
  reservation_id holder;   ///< nil when available
};

/// An event as the ticket role knows it, fed by `catalog-events` only.
struct event_row {
  event_id id;
  std::string title;
  std::string venue;
  std::string address;
  time_point event_date;
  time_point sale_start; ///< epoch 0: none, always open
  time_point sale_end;   ///< epoch 0: none
  bool cancelled = false;
  artist_id artist; ///< nil: none
  std::string artist_name;
  layout_id layout;          ///< nil: standing
  std::string layout_config; ///< JSON text; empty: standing
  std::string poster_url;    ///< empty: none
};

/// Everything an event actor needs to start.
struct event_snapshot {
  event_row event;
  std::vector<seat_row> seats; ///< by section, row, number
  std::vector<ticket_type_view> types;
  /// Reservations that are pending, with items; their idempotency keys stand beside them.
  std::vector<reservation_view> pending;
  std::vector<std::string> pending_keys;
  /// Seats and tickets in live (pending or confirmed) reservations, per user.
  std::vector<std::pair<user_id, std::int32_t>> live_items;
};

// -- writes ------------------------------------------------------------------------------------

/// Commits a hold: reservation, items, history row, outbox event; every seat by compare-and-set
/// (available, version = `seat_version` - 1, stored token < `token`; sets version = `seat_version`
/// and the token), every ticket type by `available >= quantity`. Only a hold moves a seat's version
/// and token: `sell` and `free` leave both as they are.
struct create_reservation {
  reservation_view reservation;
  std::string idempotency_key; ///< empty: none; unique per user
  std::vector<domain_event> events;
};

enum class stock_effect : std::uint8_t {
  keep, ///< seats and stock stay as they are
  sell, ///< held seats become reserved
  free, ///< seats become available, ticket stock goes back
};

/// Moves a reservation from one state to another, exactly once: by compare-and-set on `from`, and
/// on holder and token of each seat for `sell`. `free` touches only seats this reservation holds.
struct change_reservation {
  reservation_id reservation;
  reservation_status from = reservation_status::pending;
  reservation_status to = reservation_status::pending; ///< == from: only payment and history change
  payment_state payment = payment_state::pending;
  std::string payment_method; ///< empty: unchanged
  payment_id paid_by;         ///< nil: unchanged
  stock_effect stock = stock_effect::keep;
  std::vector<reservation_item> items; ///< of the reservation: seats with tokens, tickets
  listing_change listing;
  uuid message; ///< nil, or the event that caused it: at most once per consumer "ticket"
  history_entry history;
  std::vector<domain_event> events;
};

/// What a `catalog-events` message says about one event. Written as a whole; a repeat changes
/// nothing.
struct change_catalog {
  uuid message; ///< at most once per consumer "ticket"
  event_row event;
  std::optional<layout_view> layout;
  std::vector<seat_row> seats;         ///< to insert where missing
  std::vector<ticket_type_view> types; ///< `available` is used for new types only
  /// `seats` is the whole plan: seats of the event that are not in it and that nobody has leave the
  /// sale (their rows and tokens stay), those that are in it come back, and seats that nobody has
  /// take its price. Seats that somebody has are left alone.
  bool whole_plan = false;
};

/// Where a command in doubt is looked up again; answers with `found`.
struct look_up {
  reservation_id reservation;
};

struct ticket_write {
  std::variant<create_reservation, change_reservation, change_catalog, look_up,
               membership::change_membership, membership::post_points, membership::put_artist_card>
      command;
};

struct ticket_written {
  commit_status status = commit_status::failed;
  bool duplicate = false;         ///< `message` was applied before; nothing was written
  std::vector<seat_id> conflicts; ///< seats whose check failed
  std::vector<ticket_type_id> sold_out;
  reservation_id same_key; ///< the user's reservation that has this idempotency key already
  /// look_up, and a rejected change_reservation: the stored state; nothing: no such row.
  std::optional<reservation_status> found;
  /// A rejected change of a listing: how the store has it; nothing: no such row.
  std::optional<transfer_status> found_listing;
  std::int32_t memberships = 0; ///< post_points: that it changed
};

/// Implementations reconnect by themselves: while the database is away every command is `failed`
/// (not started) or `unknown` (lost in the commit).
using ticket_writes = commit_target<ticket_write, ticket_written>;

/// One connection for reading; one thread at a time. Sees only committed state.
class ticket_queries {
public:
  virtual ~ticket_queries() = default;

  /// not_found: no such event.
  virtual result<event_snapshot> load_event(event_id id) = 0;
  virtual result<std::vector<event_id>> event_ids() = 0;
  /// Events that have pending reservations, or are cancelled and have a live one, at least: their
  /// expiries and cancellations need an actor after a start.
  virtual result<std::vector<event_id>> events_with_pending() { return event_ids(); }

  /// Pending and confirmed reservations of an event that is cancelled, `limit` at most, in the
  /// order of their ids; none of any other event.
  virtual result<std::vector<reservation_id>> live_of_cancelled(event_id event,
                                                                std::int32_t limit) = 0;

  /// With items, history and the event's texts.
  virtual result<std::optional<reservation_view>> find_reservation(reservation_id id) = 0;
  virtual result<std::optional<reservation_view>> find_by_key(user_id user,
                                                              const std::string& key) = 0;
  virtual result<std::vector<reservation_view>> reservations_of(user_id user,
                                                                std::int32_t limit) = 0;

  virtual result<std::vector<ticket_type_view>> ticket_types(event_id event) = 0;
  virtual result<std::optional<ticket_type_view>> ticket_type(ticket_type_id id) = 0;
  virtual result<std::vector<layout_view>> layouts() = 0;
};

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::ticket_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::ticket_written)

namespace tiketi::ticket {

using ticket_writer = writer_actor<ticket_write, ticket_written>;

} // namespace tiketi::ticket
