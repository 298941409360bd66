#include "net/routes/seats.hpp"

#include "net/http/idempotency.hpp"
#include "net/http/json_body.hpp"
#include "net/routes/reservation_json.hpp"

#include <memory>
#include <utility>

namespace tiketi::net {

using nlohmann::json;

namespace {

/// A sale has a much lower limit of its own; this one bounds the work of parsing.
constexpr std::size_t seats_max = 50;
constexpr std::size_t key_characters_max = 64;
constexpr std::size_t section_characters_max = 100;

using deps_ptr = std::shared_ptr<const seat_routes>;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

void list_layouts(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  f.ask<ticket::layout_list>(x, deps->reader, ticket::get_layouts{},
                             [](const ticket::layout_list& list) {
                               auto layouts = json::array();
                               for (const auto& l : list.layouts)
                                 layouts.push_back({{"id", to_string(l.id)},
                                                    {"name", l.name},
                                                    {"description", text_or_null(l.description)},
                                                    {"total_seats", l.total_seats},
                                                    {"layout_config", parsed_or_null(l.config)}});
                               return json_response({{"layouts", std::move(layouts)}});
                             });
}

void show_seat_map(front& f, const exchange_ptr& x, const deps_ptr& deps, event_id event) {
  f.ask<ticket::seat_map_view>(x, deps->region, ticket::get_seat_map{event},
                               [x](const ticket::seat_map_view& map) {
                                 response out;
                                 out.headers = {{"ETag", map.etag}, {"Cache-Control", "no-cache"}};
                                 const auto known = x->req().header("if-none-match");
                                 if (known && matches_etag(*known, map.etag))
                                   out.status = 304;
                                 else
                                   out.shared_body = map.body;
                                 return out;
                               });
}

void get_seat_map(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const event_id event{*id};
  if (deps->gate_seat_map)
    deps->gate(f, x, event, [&f, x, deps, event] { show_seat_map(f, x, deps, event); });
  else
    show_seat_map(f, x, deps, event);
}

void show_reservation(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  if (const auto id = capture_id(x, 0))
    f.ask<ticket::reservation_view>(
        x, deps->reader, ticket::get_reservation{reservation_id{*id}, x->req().who->user},
        [](const ticket::reservation_view& r) {
          return json_response({{"reservation", seat_reservation(r)}});
        });
}

void reserve(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  json_body in{x->req().body};
  ticket::reserve_seats command;
  command.event = event_id{in.id("eventId")};
  command.user = x->req().who->user;
  command.trace = x->req().trace;
  for (const auto& id : in.ids("seatIds", seats_max))
    command.seats.push_back(seat_id{id});
  command.idempotency_key =
      in.text("idempotencyKey", {.min = 0, .max = key_characters_max, .required = false});
  if (!in.ok())
    return x->reply(in.error());
  if (trim(command.idempotency_key).empty())
    command.idempotency_key = domain_key(x->req());
  const auto event = command.event;
  deps->gate(f, x, event, [&f, x, deps, command = std::move(command)] {
    f.ask<ticket::reservation_view>(
        x, deps->region, command,
        [](const ticket::reservation_view& r) { return json_response(seats_reserved(r)); });
  });
}

/// `{"eventId","count","section"?,"priceMax"?,"accessible"?,"idempotencyKey"?}`.
void reserve_best(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  json_body in{x->req().body};
  ticket::reserve_best command;
  command.event = event_id{in.id("eventId")};
  command.user = x->req().who->user;
  command.trace = x->req().trace;
  auto& wish = command.wish;
  wish.count = static_cast<std::int32_t>(
      in.number("count", {.min = 1, .max = static_cast<std::int64_t>(seats_max)}));
  wish.section = in.text("section", {.min = 1, .max = section_characters_max, .required = false});
  if (in.has("section") && trim(wish.section).empty())
    in.complain("section", "must not be blank");
  wish.price_max = in.optional_number("priceMax", {.min = 0}).value_or(wish.price_max);
  wish.accessible = in.flag("accessible", false);
  command.idempotency_key =
      in.text("idempotencyKey", {.min = 0, .max = key_characters_max, .required = false});
  if (!in.ok())
    return x->reply(in.error());
  if (trim(command.idempotency_key).empty())
    command.idempotency_key = domain_key(x->req());
  const auto event = command.event;
  deps->gate(f, x, event, [&f, x, deps, command = std::move(command)] {
    f.ask<ticket::reservation_view>(
        x, deps->region, command,
        [](const ticket::reservation_view& r) { return json_response(best_seats_reserved(r)); });
  });
}

} // namespace

bool matches_etag(std::string_view if_none_match, std::string_view etag) {
  // Our tags hold no comma, so a list may be cut at every one.
  while (!if_none_match.empty()) {
    const auto end = if_none_match.find(',');
    auto one = trim(if_none_match.substr(0, end));
    if (one == "*")
      return true;
    if (one.starts_with("W/"))
      one.remove_prefix(2);
    if (one == etag)
      return true;
    if (end == std::string_view::npos)
      break;
    if_none_match.remove_prefix(end + 1);
  }
  return false;
}

void add_seat_routes(router& routes, seat_routes deps) {
  const bool gate_seat_map = deps.gate_seat_map;
  const auto shared = std::make_shared<const seat_routes>(std::move(deps));
  auto add = [&](verb method, std::string pattern, access who, auto handle) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = who;
    r.handle = [shared, handle](front& f, const exchange_ptr& x) { handle(f, x, shared); };
    if (method == verb::post) {
      r.limit = rate_category::booking;
      r.body = body_rule::json;
      r.repeats = repeatable::safely; // the key goes on to the sale
    }
    routes.add(std::move(r));
  };
  add(verb::get, "/api/seats/layouts", access::open, list_layouts);
  add(verb::get, "/api/seats/events/{id}", gate_seat_map ? access::user : access::open,
      get_seat_map);
  add(verb::get, "/api/seats/reservation/{id}", access::user, show_reservation);
  add(verb::post, "/api/seats/reserve", access::user, reserve);
  add(verb::post, "/api/seats/best-available", access::user, reserve_best);
}

} // namespace tiketi::net
