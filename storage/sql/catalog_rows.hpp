#pragma once

#include "storage/catalog_store.hpp"
#include "storage/sql/database.hpp"

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

// What the two halves of the catalog's store share: how its rows are read.

namespace tiketi::sql {

/// A statement that is put together from text and values, in order. For queries that are too
/// varied or too rare to be kept prepared.
class query {
public:
  explicit query(database& db) : statement_(db.session()) {}

  query& operator<<(std::string_view text) {
    text_ += text;
    return *this;
  }

  query& value(std::int64_t number) {
    numbers_.push_back(number);
    statement_.exchange(soci::use(numbers_.back()));
    return placeholder();
  }

  query& value(std::string text) {
    texts_.push_back(std::move(text));
    statement_.exchange(soci::use(texts_.back()));
    return placeholder();
  }

  query& value(time_point t) { return value(to_millis(t)); }

  query& value(const std::optional<std::string>& text) {
    texts_.push_back(text.value_or(""));
    indicators_.push_back(text ? soci::i_ok : soci::i_null);
    statement_.exchange(soci::use(texts_.back(), indicators_.back()));
    return placeholder();
  }

  query& value(const std::optional<time_point>& t) {
    numbers_.push_back(t ? to_millis(*t) : 0);
    indicators_.push_back(t ? soci::i_ok : soci::i_null);
    statement_.exchange(soci::use(numbers_.back(), indicators_.back()));
    return placeholder();
  }

  template <class Tag>
  query& value(const basic_id<Tag>& id) {
    return value(id.is_nil() ? std::optional<std::string>{} : to_string(id));
  }

  template <class T>
  query& into(T& column) {
    statement_.exchange(soci::into(column));
    return *this;
  }

  template <class T>
  query& into(T& column, soci::indicator& present) {
    statement_.exchange(soci::into(column, present));
    return *this;
  }

  /// Runs it; true when there is a (first) row.
  bool run() {
    statement_.alloc();
    statement_.prepare(text_);
    statement_.define_and_bind();
    return statement_.execute(true);
  }

  bool next() { return statement_.fetch(); }

private:
  query& placeholder() {
    text_ += fmt::format(":p{}", count_++);
    return *this;
  }

  std::string text_;
  std::size_t count_ = 0;
  // SOCI keeps references until the statement has run; these do not move.
  std::deque<long long> numbers_;
  std::deque<std::string> texts_;
  std::deque<soci::indicator> indicators_;
  soci::statement statement_;
};

template <class T>
struct nullable {
  T value{};
  soci::indicator present = soci::i_null;

  std::optional<T> get() const {
    return present == soci::i_ok ? std::optional<T>(value) : std::nullopt;
  }
};

inline std::optional<time_point> to_time(const nullable<long long>& x) {
  return x.present == soci::i_ok ? std::optional(from_millis(x.value)) : std::nullopt;
}

template <class Id>
Id to_id(const std::string& text) {
  return parse_id<Id>(text).value_or(Id{});
}

template <class Id>
Id to_id(const nullable<std::string>& x) {
  return x.present == soci::i_ok ? to_id<Id>(x.value) : Id{};
}

struct event_columns {
  static constexpr std::string_view names =
      "e.id, e.title, e.description, e.venue, e.address, e.event_date, e.sale_start, e.sale_end, "
      "e.poster_url, e.cancelled, e.layout_id, e.artist_id, e.artist_name, e.pre_scaled, "
      "e.created_by, e.created_at, e.updated_at, e.seats_offered, e.deleted";

  void bind(query& q) {
    q.into(id).into(title).into(description.value, description.present).into(venue);
    q.into(address.value, address.present).into(event_date);
    q.into(sale_start.value, sale_start.present).into(sale_end.value, sale_end.present);
    q.into(poster.value, poster.present).into(cancelled).into(layout.value, layout.present);
    q.into(artist.value, artist.present).into(artist_name.value, artist_name.present);
    q.into(pre_scaled).into(created_by.value, created_by.present);
    q.into(created_at).into(updated_at).into(seats_offered).into(deleted);
  }

  catalog::event_row row() const {
    catalog::event_row out;
    out.id = to_id<event_id>(id);
    out.title = title;
    out.description = description.get();
    out.venue = venue;
    out.address = address.get();
    out.event_date = from_millis(event_date);
    out.sale_start = to_time(sale_start);
    out.sale_end = to_time(sale_end);
    out.poster_url = poster.get();
    out.cancelled = cancelled != 0;
    out.layout = to_id<layout_id>(layout);
    out.artist = to_id<artist_id>(artist);
    out.artist_name = artist_name.get();
    out.pre_scaled = pre_scaled != 0;
    out.created_by = to_id<user_id>(created_by);
    out.created_at = from_millis(created_at);
    out.updated_at = from_millis(updated_at);
    out.seats_offered = seats_offered != 0;
    out.deleted = deleted != 0;
    return out;
  }

  std::string id, title, venue;
  nullable<std::string> description, address, poster, layout, artist, artist_name, created_by;
  nullable<long long> sale_start, sale_end;
  long long event_date = 0, created_at = 0, updated_at = 0;
  int cancelled = 0, pre_scaled = 0, seats_offered = 1, deleted = 0;
};

struct artist_columns {
  static constexpr std::string_view names = "a.id, a.name, a.image_url, a.description, "
                                            "a.membership_price, a.created_at, a.updated_at";

  void bind(query& q) {
    q.into(id).into(name).into(image.value, image.present);
    q.into(description.value, description.present).into(price).into(created_at).into(updated_at);
  }

  catalog::artist_row row() const {
    return {to_id<artist_id>(id),   name,  image.get(),
            description.get(),      price, from_millis(created_at),
            from_millis(updated_at)};
  }

  std::string id, name;
  nullable<std::string> image, description;
  long long price = 0, created_at = 0, updated_at = 0;
};

/// With its ticket types, by price descending; deleted events too.
std::optional<catalog::event_detail> load_event(database& db, event_id id);

std::optional<catalog::layout_row> load_layout(database& db, layout_id id);
std::optional<catalog::ticket_type_detail> load_type(database& db, ticket_type_id id);
std::optional<catalog::artist_row> load_artist(database& db, artist_id id);

} // namespace tiketi::sql
