#include "actors/catalog/answers.hpp"

#include <string_view>

#include <nlohmann/json.hpp>

namespace tiketi::catalog {

namespace {

using nlohmann::json;

template <class T>
json nullable(const std::optional<T>& x) {
  return x ? json(*x) : json(nullptr);
}

json nullable(const std::optional<time_point>& t) {
  return t ? json(to_iso(*t)) : json(nullptr);
}

template <class Id>
json nullable_id(const Id& id) {
  return id.is_nil() ? json(nullptr) : json(to_string(id));
}

json status_json(const event_row& e, time_point now) {
  return std::string(to_string_view(status_at(e.times(), now)));
}

json schedule_json(time_point sale_start) {
  const auto s = schedule_from(sale_start);
  return {{"diamond", to_iso(s.diamond)},
          {"gold", to_iso(s.gold)},
          {"silver", to_iso(s.silver)},
          {"bronze", to_iso(s.bronze)}};
}

std::string text_of(const json& body) {
  // Stored texts may be of any origin: never let one of them stop an answer.
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace

json event_json(const event_row& e, time_point now) {
  return {{"id", to_string(e.id)},
          {"title", e.title},
          {"description", nullable(e.description)},
          {"venue", e.venue},
          {"address", nullable(e.address)},
          {"event_date", to_iso(e.event_date)},
          {"sale_start_date", nullable(e.sale_start)},
          {"sale_end_date", nullable(e.sale_end)},
          {"poster_image_url", nullable(e.poster_url)},
          {"status", status_json(e, now)},
          {"seat_layout_id", nullable_id(e.layout)},
          {"artist_name", nullable(e.artist_name)},
          {"artist_id", nullable_id(e.artist)},
          {"pre_scaled", e.pre_scaled},
          {"created_by", nullable_id(e.created_by)},
          {"created_at", to_iso(e.created_at)},
          {"updated_at", to_iso(e.updated_at)}};
}

json artist_json(const artist_row& a) {
  return {{"id", to_string(a.id)},
          {"name", a.name},
          {"image_url", nullable(a.image_url)},
          {"description", nullable(a.description)},
          {"membership_price", a.membership_price},
          {"created_at", to_iso(a.created_at)}};
}

json pagination_json(std::int32_t page, std::int32_t limit, std::int64_t total) {
  return {{"page", page},
          {"limit", limit},
          {"total", total},
          {"totalPages", (total + limit - 1) / limit}};
}

std::string events_body(const event_page& page, const event_filter& filter, time_point now) {
  auto list = json::array();
  for (const auto& item : page.events) {
    const auto& e = item.event;
    list.push_back({{"id", to_string(e.id)},
                    {"title", e.title},
                    {"description", nullable(e.description)},
                    {"venue", e.venue},
                    {"address", nullable(e.address)},
                    {"event_date", to_iso(e.event_date)},
                    {"sale_start_date", nullable(e.sale_start)},
                    {"sale_end_date", nullable(e.sale_end)},
                    {"poster_image_url", nullable(e.poster_url)},
                    {"status", status_json(e, now)},
                    {"artist_name", nullable(e.artist_name)},
                    {"ticket_type_count", item.ticket_type_count},
                    {"min_price", nullable(item.min_price)},
                    {"max_price", nullable(item.max_price)}});
  }
  return text_of({{"events", std::move(list)},
                  {"pagination", pagination_json(filter.page, filter.limit, page.total)}});
}

std::string event_body(const event_detail& detail,
                       const std::vector<ticket::ticket_type_view>& types, time_point now) {
  auto list = json::array();
  for (const auto& t : types)
    list.push_back({{"id", to_string(t.id)},
                    {"name", t.name},
                    {"price", t.price},
                    {"total_quantity", t.total},
                    {"available_quantity", t.available},
                    {"description", t.description}});
  const auto& e = detail.event;
  json body;
  body["event"] = event_json(e, now);
  // Also here: server-side rendering passes only `event` on to the page.
  body["event"]["ticketTypes"] = list;
  body["ticketTypes"] = std::move(list);
  if (!e.artist.is_nil() && e.sale_start)
    body["preSaleSchedule"] = schedule_json(*e.sale_start);
  return text_of(body);
}

std::string artists_body(const artist_page& page, std::int32_t number, std::int32_t limit) {
  auto list = json::array();
  for (const auto& item : page.artists) {
    auto row = artist_json(item.artist);
    row["event_count"] = item.event_count;
    row["member_count"] = item.member_count;
    list.push_back(std::move(row));
  }
  return text_of(
      {{"artists", std::move(list)}, {"pagination", pagination_json(number, limit, page.total)}});
}

std::string artist_body(const artist_detail& detail, time_point now) {
  auto list = json::array();
  for (const auto& item : detail.events) {
    const auto& e = item.event;
    json row = {{"id", to_string(e.id)},
                {"title", e.title},
                {"venue", e.venue},
                {"event_date", to_iso(e.event_date)},
                {"sale_start_date", nullable(e.sale_start)},
                {"sale_end_date", nullable(e.sale_end)},
                {"status", status_json(e, now)},
                {"poster_image_url", nullable(e.poster_url)},
                {"min_price", nullable(item.min_price)},
                {"max_price", nullable(item.max_price)}};
    if (e.sale_start)
      row["pre_sale_schedule"] = schedule_json(*e.sale_start);
    list.push_back(std::move(row));
  }
  auto artist = artist_json(detail.artist);
  artist["updated_at"] = to_iso(detail.artist.updated_at);
  return text_of({{"artist", std::move(artist)},
                  {"memberCount", detail.member_count},
                  {"events", std::move(list)}});
}

} // namespace tiketi::catalog
