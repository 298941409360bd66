#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"
#include "actors/catalog/search.hpp"
#include "actors/catalog/status.hpp"
#include "actors/store/group_commit.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What the catalog role needs from a database, by use case. The catalog owns artists, seat layouts,
// events and the price list of ticket types; what is still available belongs to the ticket role.

namespace tiketi::catalog {

struct artist_row {
  artist_id id;
  std::string name; ///< unique
  std::optional<std::string> image_url;
  std::optional<std::string> description;
  std::int64_t membership_price = 30'000; ///< won
  time_point created_at;                  ///< both times are set by the store
  time_point updated_at;
};

struct layout_row {
  layout_id id;
  std::string name; ///< unique
  std::optional<std::string> description;
  std::int32_t total_seats = 0; ///< set by the store, from `config`
  std::string config;           ///< as `parse_layout` reads it
};

struct event_row {
  event_id id;
  std::string title;
  std::optional<std::string> description;
  std::string venue;
  std::optional<std::string> address;
  time_point event_date;
  std::optional<time_point> sale_start;
  std::optional<time_point> sale_end;
  std::optional<std::string> poster_url;
  bool cancelled = false;
  layout_id layout;                       ///< nil: standing
  artist_id artist;                       ///< nil: none
  std::optional<std::string> artist_name; ///< always the linked artist's name
  bool pre_scaled = false;
  user_id created_by;    ///< nil: not known
  time_point created_at; ///< both times are set by the store
  time_point updated_at;
  bool seats_offered = true; ///< false: its seats were taken out of the sale
  bool deleted = false;      ///< also cancelled; shown to nobody, kept for its reservations

  sale_times times() const noexcept { return {event_date, sale_start, sale_end, cancelled}; }
};

struct ticket_type_row {
  ticket_type_id id;
  std::string name;
  std::optional<std::string> description;
  std::int64_t price = 0; ///< won
  std::int32_t total = 0;
};

// -- writes ------------------------------------------------------------------------------------
//
// Each is one atomic change, and writes EVENT_CHANGED to the outbox (topic `catalog-events`) for
// every event whose published form it changes, and ARTIST_CHANGED for an artist.

/// Inserts or updates. A new name also reaches the artist's events.
struct put_artist {
  artist_row artist;
};

/// Inserts or updates. Rejected (conflict) when the seats change while an event uses the layout.
struct put_layout {
  layout_row layout;
};

/// Inserts or updates an event and the ticket types named here; other types of it stay. An artist
/// is linked by id, or found by name, or created with that name. What is cancelled stays cancelled.
/// Rejected: an unknown layout or artist, another layout than before (unless `new_layout`), a
/// ticket type of another event.
struct put_event {
  event_row event;
  std::vector<ticket_type_row> types;
  bool new_layout = false; ///< the caller has made sure that nobody has a seat
};

/// What an administrator may change about an event. All of it replaces what was there.
struct event_edit {
  std::string title;
  std::optional<std::string> description;
  std::string venue;
  std::optional<std::string> address;
  time_point event_date;
  std::optional<time_point> sale_start;
  std::optional<time_point> sale_end;
  std::optional<std::string> poster_url;
  std::optional<std::string> artist_name;
  layout_id layout; ///< nil: as before
};

/// Rejected: not_found; and as `put_event`.
struct edit_event {
  event_id event;
  event_edit to;
  bool new_layout = false; ///< as in `put_event`
};

/// Ends the sale for ever. Rejected (not_found): unknown, or cancelled before.
struct cancel_event {
  event_id event;
};

/// Cancels it and shows it to nobody any more. Rejected (not_found): unknown, or deleted before.
struct delete_event {
  event_id event;
};

/// Puts the seats of the event's layout up for sale (again), or takes those that nobody has out of
/// it. Publishes the event even where nothing else changes. Rejected: not_found; no layout.
struct offer_seats {
  event_id event;
  bool offered = true;
};

/// A ticket type of an event. Rejected: not_found, of the event or (`exists`) of the type.
struct put_ticket_type {
  event_id event; ///< nil with `exists`: whichever it belongs to
  ticket_type_row type;
  bool exists = false; ///< update, rather than insert
};

/// Rejected: not_found; conflict while an event (deleted or not) refers to it.
struct remove_layout {
  layout_id layout;
};
/// Also rejected (conflict) while the artist has members. Writes ARTIST_REMOVED to the outbox.
struct remove_artist {
  artist_id artist;
};

/// Sets of these what the artist does not have yet. Rejected: not_found.
struct describe_artist {
  artist_id artist;
  std::optional<std::string> image_url;
  std::optional<std::string> description;
};

/// Once per database: ARTIST_CHANGED for every artist, for those that were there before others were
/// told of artists.
struct announce_artists {};

/// Nothing but the audit row that comes with it.
struct note_call {};

struct put_keyword {
  keyword_mapping mapping;
};

/// All of it, in this order, in one transaction, if the catalog has no event yet; otherwise
/// committed with `changed == false`.
struct seed_catalog {
  std::vector<put_artist> artists;
  std::vector<put_layout> layouts;
  std::vector<put_event> events;
  std::vector<put_keyword> keywords;
};

/// From `membership-events`: an artist has one active member more, or less.
struct count_members {
  uuid message; ///< at most once per consumer "catalog"
  artist_id artist;
  std::int64_t change = 0;
};

/// Who asked for a change of the catalog, for the audit log.
struct audit_note {
  user_id admin;
  std::string address; ///< of the client
  std::string action;  ///< CREATE_EVENT ...
  std::string resource_type;
  std::optional<uuid> resource; ///< none: there is no such thing (yet)
  int status = 200;             ///< of the answer when the command is carried out
  std::string detail = "{}";    ///< JSON
};

struct catalog_write {
  std::variant<put_artist, put_layout, put_event, put_keyword, seed_catalog, edit_event,
               cancel_event, delete_event, offer_seats, put_ticket_type, remove_layout,
               remove_artist, describe_artist, note_call, count_members, announce_artists>
      command;
  /// Written in the same transaction; with a rejection's own status where the command is rejected.
  std::optional<audit_note> audit = {};
};

/// A ticket type with everything the catalog knows about it.
struct ticket_type_detail {
  ticket_type_row type;
  event_id event;
  time_point created_at;
  time_point updated_at;
};

struct catalog_written {
  commit_status status = commit_status::failed;
  failure why;            ///< of a rejection
  bool changed = false;   ///< something was written
  std::size_t events = 0; ///< written to the outbox
  uuid message = {};      ///< the last of them; nil: none
  // As they stand after the change, where it was about one of them.
  std::optional<event_row> event = {};
  std::optional<ticket_type_detail> type = {};
  std::optional<artist_row> artist = {};
  std::optional<layout_row> layout = {};
};

// -- reads -------------------------------------------------------------------------------------

struct event_filter {
  std::optional<event_status> status; ///< as computed at the time of the query
  std::string text;                   ///< folded; empty: all
  std::int32_t page = 1;              ///< from 1
  std::int32_t limit = 10;
};

struct event_item {
  event_row event;
  std::int64_t ticket_type_count = 0;
  std::optional<std::int64_t> min_price; ///< over the ticket types; none without them
  std::optional<std::int64_t> max_price;
};

struct event_page {
  std::vector<event_item> events;
  std::int64_t total = 0; ///< all matches
};

struct event_detail {
  event_row event;
  std::vector<ticket_type_row> types; ///< by price descending
};

struct artist_item {
  artist_row artist;
  std::int64_t event_count = 0;
  std::int64_t member_count = 0;
};

struct artist_page {
  std::vector<artist_item> artists;
  std::int64_t total = 0;
};

struct artist_detail {
  artist_row artist;
  std::vector<event_item> events; ///< by event date
  std::int64_t member_count = 0;
};

/// One connection for reading; one thread at a time. Sees only committed state. Fails with
/// `unavailable`, reconnects by itself.
class catalog_queries {
public:
  virtual ~catalog_queries() = default;

  /// By start of the sale (none last), then id.
  virtual result<event_page> events(const event_filter& filter, time_point now) = 0;
  virtual result<std::optional<event_detail>> event(event_id id) = 0;

  /// By name, then id.
  virtual result<artist_page> artists(std::int32_t page, std::int32_t limit) = 0;
  virtual result<std::optional<artist_detail>> artist(artist_id id) = 0;

  /// The first moment after `now` at which any event's status changes.
  virtual result<std::optional<time_point>> next_status_change(time_point now) = 0;
};

using catalog_target = commit_target<catalog_write, catalog_written>;

} // namespace tiketi::catalog

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::catalog_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::catalog::catalog_written)

namespace tiketi::catalog {

using catalog_writer = writer_actor<catalog_write, catalog_written>;

} // namespace tiketi::catalog
