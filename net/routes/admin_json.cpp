#include "net/routes/admin_json.hpp"

#include "actors/catalog/answers.hpp"
#include "net/routes/reservation_json.hpp"

#include <string_view>
#include <utility>

#include <caf/send.hpp>
#include <fmt/format.h>

namespace tiketi::net {

using nlohmann::json;

namespace {

constexpr std::int64_t price_max = 1'000'000'000;
constexpr std::int64_t quantity_max = 10'000'000;
constexpr std::int32_t page_max = 1'000'000;
constexpr std::int32_t limit_max = 100;

std::optional<std::string> optional_text(json_body& in, std::string_view field, std::size_t max) {
  auto text = in.text(field, {.min = 0, .max = max, .required = false});
  if (!in.has(field) || text.find_first_not_of(" \t\r\n") == std::string::npos)
    return std::nullopt;
  return text;
}

time_point read_time(json_body& in, std::string_view field) {
  const auto text = in.text(field, {.min = 1, .max = 64});
  if (text.empty())
    return {};
  const auto parsed = parse_iso(text);
  // The bounds keep what follows from a time (phases of a sale) inside the calendar.
  if (!parsed || *parsed <= time_point{} || *parsed > from_millis(253'402'300'799'000)) {
    in.complain(field, fmt::format("{} must be an ISO-8601 time with an offset", field));
    return {};
  }
  return *parsed;
}

/// What a page may show as an image: a web address, or a path on this site.
bool is_image_address(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://")
         || (url.starts_with("/") && !url.starts_with("//"));
}

template <class T>
json or_null(const std::optional<T>& x) {
  return x ? json(*x) : json();
}

json time_or_null(time_point t) {
  return t == time_point{} ? json() : json(to_iso(t));
}

} // namespace

catalog::admin_caller caller_of(const exchange_ptr& x) {
  const auto& who = x->req().who;
  return {who ? who->user : user_id{}, x->req().peer};
}

namespace {

catalog::note_refusal refusal_of(const request& r, const audited& what, int status) {
  catalog::audit_note note;
  note.admin = r.who ? r.who->user : user_id{};
  note.address = r.peer;
  note.action = what.action;
  note.resource_type = what.resource_type;
  if (!r.captures.empty())
    note.resource = parse_uuid(r.captures.front());
  note.status = status;
  return {std::move(note)};
}

} // namespace

void refuse_call(const exchange_ptr& x, const catalog::admin_actor& admin, const audited& what,
                 response r) {
  caf::anon_send(admin, refusal_of(x->req(), what, r.status));
  x->reply(std::move(r));
}

std::function<void(const request&)> note_forbidden(catalog::admin_actor admin, audited what) {
  return [admin = std::move(admin), what](const request& r) {
    caf::anon_send(admin, refusal_of(r, what, info(errc::admin_required).status));
  };
}

catalog::event_edit read_event(json_body& in) {
  catalog::event_edit e;
  e.title = in.text("title", {.min = 1, .max = 255});
  e.description = optional_text(in, "description", 10'000);
  e.venue = in.text("venue", {.min = 1, .max = 255});
  e.address = optional_text(in, "address", 500);
  e.event_date = read_time(in, "eventDate");
  e.sale_start = read_time(in, "saleStartDate");
  e.sale_end = read_time(in, "saleEndDate");
  if (in.ok() && *e.sale_end <= *e.sale_start)
    in.complain("saleEndDate", "saleEndDate must be later than saleStartDate");
  e.poster_url = optional_text(in, "posterImageUrl", 2'048);
  if (e.poster_url && !is_image_address(*e.poster_url))
    in.complain("posterImageUrl", "posterImageUrl must be a web address or a path of this site");
  e.artist_name = optional_text(in, "artistName", 255);
  if (const auto layout = in.optional_id("seatLayoutId"))
    e.layout.value = *layout;
  return e;
}

catalog::ticket_type_row read_ticket_type(json_body& in) {
  catalog::ticket_type_row t;
  t.name = in.text("name", {.min = 1, .max = 100});
  t.price = in.number("price", {.min = 0, .max = price_max});
  t.total = static_cast<std::int32_t>(in.number("totalQuantity", {.min = 1, .max = quantity_max}));
  t.description = in.text("description", {.min = 0, .max = 1'000, .required = false});
  return t;
}

bool has_elements(const std::string& body, const char* field) {
  const auto parsed = json::parse(body, nullptr, false);
  const auto found = parsed.is_object() ? parsed.find(field) : parsed.end();
  return parsed.is_object() && found != parsed.end() && !found->is_null()
         && !(found->is_array() && found->empty());
}

std::optional<page_query> read_page(const exchange_ptr& x) {
  const auto page = clamped_query_number(x, "page", 1, page_max);
  if (!page)
    return std::nullopt;
  const auto limit = clamped_query_number(x, "limit", 20, limit_max);
  if (!limit)
    return std::nullopt;
  return page_query{*page, *limit};
}

json ticket_type_json(const catalog::type_saved& saved) {
  const auto& t = saved.type;
  return {{"id", to_string(t.type.id)},
          {"event_id", to_string(t.event)},
          {"name", t.type.name},
          {"price", t.type.price},
          {"total_quantity", t.type.total},
          {"available_quantity", saved.available},
          {"description", t.type.description.value_or("")},
          {"created_at", to_iso(t.created_at)},
          {"updated_at", to_iso(t.updated_at)}};
}

json layout_json(const catalog::layout_row& layout) {
  return {{"id", to_string(layout.id)},
          {"name", layout.name},
          {"description", or_null(layout.description)},
          {"total_seats", layout.total_seats},
          {"layout_config", parsed_or_null(layout.config)}};
}

json layouts_json(const std::vector<catalog::layout_row>& layouts) {
  auto out = json::array();
  for (const auto& layout : layouts)
    out.push_back(layout_json(layout));
  return out;
}

json reservation_row_json(const ticket::admin_reservation& r) {
  const auto& v = r.view;
  return {{"id", to_string(v.id)},
          {"user_id", to_string(v.user)},
          {"event_id", to_string(v.event)},
          {"reservation_number", v.number},
          {"total_amount", v.total_amount},
          {"status", to_string(v.status)},
          {"payment_method", text_or_null(v.payment_method)},
          {"payment_status", to_string(v.payment)},
          {"expires_at", to_iso(v.expires_at)},
          {"created_at", to_iso(v.created_at)},
          {"updated_at", to_iso(r.updated_at)},
          {"idempotency_key", text_or_null(r.idempotency_key)}};
}

json recent_reservation_json(const catalog::named_reservation& r) {
  const auto& v = r.reservation.view;
  return {{"id", to_string(v.id)},
          {"user_id", to_string(v.user)},
          {"reservation_number", v.number},
          {"total_amount", v.total_amount},
          {"status", to_string(v.status)},
          {"created_at", to_iso(v.created_at)},
          {"event_title", text_or_null(v.event_title)},
          {"user_name", or_null(r.user_name)},
          {"user_email", or_null(r.user_email)}};
}

json listed_reservation_json(const catalog::named_reservation& r) {
  auto out = recent_reservation_json(r);
  const auto& v = r.reservation.view;
  out["payment_status"] = to_string(v.payment);
  out["venue"] = text_or_null(v.venue);
  out["event_date"] = time_or_null(v.event_date);
  return out;
}

} // namespace tiketi::net
