#pragma once

#include "actors/auth/messages.hpp"
#include "actors/base/environment.hpp"
#include "actors/catalog/handle.hpp"
#include "actors/catalog/news_watch.hpp"
#include "actors/event/admin.hpp"
#include "storage/catalog_admin_store.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

// What administrators do to the catalog, and what they see of the other roles. The front has
// checked who they are. Messages never leave the process.

namespace tiketi::catalog {

/// Who asks, for the audit log. Nil: a program with the internal token.
struct admin_caller {
  user_id user;
  std::string address;
};

/// Command. Answered by `event_saved` once the ticket role sells it (or after a bounded wait).
struct add_event {
  admin_caller by;
  put_event event;
};

struct change_event {
  admin_caller by;
  edit_event edit;
};

struct event_saved {
  event_row event;
};

/// Command: ends the sale. Live reservations are cancelled and refunded by the ticket role, which
/// goes on with it after the answer. With `remove` nobody sees the event any more. Answered by
/// `event_ended`.
struct end_event {
  admin_caller by;
  event_id event;
  bool remove = false;
};

struct event_ended {
  event_row event;
  std::int64_t reservations = 0; ///< live when it was ended
};

/// Command: puts the seats of the layout up for sale, or takes them out of it. Answered by
/// `seats_changed`.
struct change_seats {
  admin_caller by;
  event_id event;
  bool offered = true;
  layout_id layout = {}; ///< nil, or refused (conflict) where the event has another one
};

struct seats_changed {
  std::int64_t seats = 0; ///< created or deleted
  std::string title;
};

/// Command: a ticket type, new or (`what.exists`) changed. Answered by `type_saved`.
struct save_type {
  admin_caller by;
  put_ticket_type what;
};

struct type_saved {
  ticket_type_detail type;
  std::int32_t available = 0;
};

/// Commands on what events refer to; `exists`: it must, so that an update creates nothing.
struct save_layout {
  admin_caller by;
  layout_row layout;
  bool exists = false;
};
struct drop_layout {
  admin_caller by;
  layout_id layout;
};
struct layouts_answer {
  std::vector<layout_row> layouts;
};
struct get_layouts {};

struct save_artist {
  admin_caller by;
  artist_row artist;
  bool exists = false;
};
struct drop_artist {
  admin_caller by;
  artist_id artist;
};
struct artist_answer {
  artist_row artist;
};

/// Command: see `ticket::decide_status`. Answered by `reservation_changed`.
struct set_reservation_status {
  admin_caller by;
  reservation_id reservation;
  std::string status;         ///< empty: not set
  std::string payment_status; ///< empty: not set
  std::string trace = {};     ///< `traceparent` of the request; may be empty
};

struct reservation_changed {
  ticket::admin_reservation reservation;
  bool changed = false;
};

/// A reservation with its owner's name and address, where auth knows them.
struct named_reservation {
  ticket::admin_reservation reservation;
  std::optional<std::string> user_name;
  std::optional<std::string> user_email;
};

/// Query. Answered by `reservation_page`.
struct get_reservations {
  std::optional<std::string> status;
  std::int32_t page = 1;
  std::int32_t limit = 20;
};

struct reservation_page {
  std::vector<named_reservation> reservations;
  std::int64_t total = 0;
};

/// Query. What a role does not answer is not there.
struct get_dashboard {};

struct dashboard {
  std::optional<std::int64_t> events;
  std::optional<ticket::reservation_totals> totals;
  std::vector<named_reservation> recent; ///< newest first
};

/// Notice for the audit log: a call that did not get as far as a command, or that changed no row.
struct note_refusal {
  audit_note note;
};

/// Query of `GET /internal/...`: how much of an event is there and taken. Answered by
/// `ticket::event_stock`; zeros for an unknown event.
struct get_event_stock {
  event_id event;
};

using admin_actor = caf::typed_actor<
    caf::replies_to<add_event>::with<event_saved>, caf::replies_to<change_event>::with<event_saved>,
    caf::replies_to<end_event>::with<event_ended>,
    caf::replies_to<change_seats>::with<seats_changed>,
    caf::replies_to<save_type>::with<type_saved>,
    caf::replies_to<save_layout>::with<layouts_answer>,
    caf::replies_to<drop_layout>::with<layouts_answer>,
    caf::replies_to<get_layouts>::with<layouts_answer>,
    caf::replies_to<save_artist>::with<artist_answer>,
    caf::replies_to<drop_artist>::with<artist_answer>,
    caf::replies_to<set_reservation_status>::with<reservation_changed>,
    caf::replies_to<get_reservations>::with<reservation_page>,
    caf::replies_to<get_dashboard>::with<dashboard>,
    caf::replies_to<get_event_stock>::with<ticket::event_stock>, caf::reacts_to<note_refusal>>;

struct admin_options {
  /// How long an answer waits for the ticket role to have taken a change over; the change itself is
  /// durable before that.
  std::chrono::milliseconds apply_timeout{3'000};
  std::chrono::milliseconds apply_poll{10};       ///< how often it is asked meanwhile
  std::chrono::milliseconds known_timeout{3'000}; ///< until all nodes have heard of a change
  std::size_t applies_max = 1'000; ///< answers that wait at once; one more does not wait
  std::chrono::milliseconds names_timeout{2'000}; ///< for the auth role; then without names
};

/// The auth role as administration sees it.
using directory_view = caf::typed_actor<caf::replies_to<auth::get_user>::with<auth::user_view>>;

/// Who the administration talks to. All but `directory` are needed.
struct admin_neighbours {
  catalog_actor catalog;
  std::shared_ptr<catalog_admin_queries> queries; ///< a connection of its own
  ticket::reader_actor stock;
  ticket::admin_reader reservations;
  ticket::admin_view sale;
  directory_view directory; ///< may be null: no names
  /// Tells the sale that an event has changed in its store; may be empty.
  std::function<void(event_id)> event_changed;
  /// With it an answer waits until every node has heard of the change; null: there is one node.
  news_watch watch;
};

struct admin_role {
  admin_actor admin;
  std::vector<caf::actor> helpers;
};

/// `env` outlives the actor system. `detached`: the reader gets a thread of its own, as it blocks.
admin_role start_admin(caf::actor_system& sys, environment& env, admin_options options,
                       admin_neighbours neighbours, bool detached = true);

/// Asks all of them to quit. Returns at once.
void stop(admin_role& role);

} // namespace tiketi::catalog

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::add_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::change_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::event_saved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::end_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::event_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::change_seats)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::seats_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::save_type)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::type_saved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::save_layout)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::drop_layout)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::get_layouts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::layouts_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::save_artist)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::drop_artist)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::artist_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::set_reservation_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::reservation_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::get_reservations)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::reservation_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::get_dashboard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::dashboard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::note_refusal)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::get_event_stock)
