#include "actors/catalog/event_changed.hpp"

#include <limits>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace tiketi::catalog {

namespace {

using nlohmann::json;

json nullable(const std::optional<std::string>& text) {
  return text ? json(*text) : json(nullptr);
}

json nullable(const std::optional<time_point>& t) {
  return t ? json(to_iso(*t)) : json(nullptr);
}

template <class Id>
json nullable_id(const Id& id) {
  return id.is_nil() ? json(nullptr) : json(to_string(id));
}

/// Reads the fields of one object; a wrong one throws its name, which the caller turns into a
/// failure. Local to this file.
class fields {
public:
  fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object())
      throw std::invalid_argument(where_ + " is not an object");
  }

  std::string text(const char* key) const {
    const auto* value = find(key);
    if (!value || !value->is_string())
      complain(key, "must be a text");
    return value->get<std::string>();
  }

  std::optional<std::string> optional_text(const char* key) const {
    return find(key) ? std::optional(text(key)) : std::nullopt;
  }

  template <class Id>
  Id id(const char* key) const {
    const auto parsed = parse_id<Id>(text(key));
    if (!parsed)
      complain(key, "must be a UUID");
    return *parsed;
  }

  template <class Id>
  Id optional_id(const char* key) const {
    return find(key) ? id<Id>(key) : Id{};
  }

  time_point time(const char* key) const {
    const auto parsed = parse_iso(text(key));
    if (!parsed)
      complain(key, "must be a time");
    return *parsed;
  }

  std::optional<time_point> optional_time(const char* key) const {
    return find(key) ? std::optional(time(key)) : std::nullopt;
  }

  std::int64_t number(const char* key, std::int64_t max) const {
    const auto* value = find(key);
    if (!value || !value->is_number_unsigned()
        || value->get<std::uint64_t>() > static_cast<std::uint64_t>(max))
      complain(key, "must be a number from 0 to " + std::to_string(max));
    return value->get<std::int64_t>();
  }

  bool flag(const char* key) const {
    const auto* value = find(key);
    if (!value || !value->is_boolean())
      complain(key, "must be true or false");
    return value->get<bool>();
  }

  /// Null when absent or null.
  const json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  [[noreturn]] void complain(const char* key, const std::string& what) const {
    throw std::invalid_argument(where_ + "." + key + " " + what);
  }

private:
  const json& object_;
  std::string where_;
};

event_changed read(const json& root) {
  const fields top{root, "payload"};
  event_changed out;
  const auto* event = top.find("event");
  if (!event)
    top.complain("event", "is missing");
  const fields e{*event, "event"};
  out.event.id = e.id<event_id>("id");
  out.event.title = e.text("title");
  out.event.venue = e.text("venue");
  out.event.address = e.optional_text("address");
  out.event.event_date = e.time("eventDate");
  out.event.sale_start = e.optional_time("saleStartDate");
  out.event.sale_end = e.optional_time("saleEndDate");
  out.event.cancelled = e.flag("cancelled");
  // Messages from before seats could be taken out of the sale do not have it.
  out.event.seats_offered = !e.find("seatsOffered") || e.flag("seatsOffered");
  out.event.artist = e.optional_id<artist_id>("artistId");
  out.event.artist_name = e.optional_text("artistName");
  out.event.poster_url = e.optional_text("posterImageUrl");
  if (const auto* layout = top.find("layout")) {
    const fields l{*layout, "layout"};
    auto& row = out.layout.emplace();
    row.id = l.id<layout_id>("id");
    row.name = l.text("name");
    row.description = l.optional_text("description");
    row.total_seats =
        static_cast<std::int32_t>(l.number("totalSeats", std::numeric_limits<std::int32_t>::max()));
    const auto* config = l.find("config");
    if (!config)
      l.complain("config", "is missing");
    row.config = config->dump();
    out.event.layout = row.id;
  }
  const auto* types = top.find("ticketTypes");
  if (!types || !types->is_array())
    top.complain("ticketTypes", "must be a list");
  for (const auto& item : *types) {
    const fields t{item, "ticketTypes[" + std::to_string(out.types.size()) + "]"};
    ticket_type_row row;
    row.id = t.id<ticket_type_id>("id");
    row.name = t.text("name");
    row.description = t.optional_text("description");
    row.price = t.number("price", std::numeric_limits<std::int64_t>::max());
    row.total = static_cast<std::int32_t>(
        t.number("totalQuantity", std::numeric_limits<std::int32_t>::max()));
    out.types.push_back(std::move(row));
  }
  return out;
}

} // namespace

std::string to_json(const event_changed& change) {
  const auto& e = change.event;
  json layout = nullptr;
  if (change.layout) {
    // What the store holds was parsed when it was put there.
    layout = {{"id", to_string(change.layout->id)},
              {"name", change.layout->name},
              {"description", nullable(change.layout->description)},
              {"totalSeats", change.layout->total_seats},
              {"config", json::parse(change.layout->config, nullptr, false)}};
  }
  auto types = json::array();
  for (const auto& t : change.types)
    types.push_back({{"id", to_string(t.id)},
                     {"name", t.name},
                     {"description", nullable(t.description)},
                     {"price", t.price},
                     {"totalQuantity", t.total}});
  const json root = {{"event",
                      {{"id", to_string(e.id)},
                       {"title", e.title},
                       {"venue", e.venue},
                       {"address", nullable(e.address)},
                       {"eventDate", to_iso(e.event_date)},
                       {"saleStartDate", nullable(e.sale_start)},
                       {"saleEndDate", nullable(e.sale_end)},
                       {"cancelled", e.cancelled},
                       {"seatsOffered", e.seats_offered},
                       {"artistId", nullable_id(e.artist)},
                       {"artistName", nullable(e.artist_name)},
                       {"posterImageUrl", nullable(e.poster_url)}}},
                     {"layout", std::move(layout)},
                     {"ticketTypes", std::move(types)}};
  return root.dump(-1, ' ', false, json::error_handler_t::replace);
}

result<event_changed> parse_event_changed(std::string_view text) {
  const auto root = json::parse(text, nullptr, false);
  try {
    return read(root);
  } catch (const std::invalid_argument& e) {
    return failure{errc::invalid_request, e.what()};
  }
}

} // namespace tiketi::catalog
