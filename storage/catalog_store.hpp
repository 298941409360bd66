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
/// is linked by id, or found by name, or created with that name. Rejected: an unknown layout or
/// artist, another layout than before, a ticket type of another event.
struct put_event {
  event_row event;
  std::vector<ticket_type_row> types;
};

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

struct catalog_write {
  std::variant<put_artist, put_layout, put_event, put_keyword, seed_catalog, count_members> command;
};

struct catalog_written {
  commit_status status = commit_status::failed;
  failure why;            ///< of a rejection
  bool changed = false;   ///< something was written
  std::size_t events = 0; ///< written to the outbox
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
