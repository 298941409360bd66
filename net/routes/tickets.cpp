#include "net/routes/tickets.hpp"

#include "net/http/json_body.hpp"
#include "net/routes/reservation_json.hpp"

#include <utility>

namespace tiketi::net {

using nlohmann::json;

namespace {

void show_time(front& f, const exchange_ptr& x) {
  x->reply(json_response({{"time", to_iso(f.env().now())}}));
}

response to_response(const ticket::ticket_type_list& list) {
  auto types = json::array();
  for (const auto& t : list.types)
    types.push_back({{"id", to_string(t.id)},
                     {"name", t.name},
                     {"price", t.price},
                     {"total_quantity", t.total},
                     {"available_quantity", t.available},
                     {"description", text_or_null(t.description)}});
  return json_response({{"ticketTypes", std::move(types)}});
}

response to_availability(const ticket::ticket_type_view& type) {
  return json_response({{"available_quantity", type.available}, {"total_quantity", type.total}});
}

} // namespace

void add_ticket_routes(router& routes, ticket_routes deps) {
  auto add = [&](std::string pattern, handler handle) {
    route r;
    r.method = verb::get;
    r.pattern = std::move(pattern);
    r.handle = std::move(handle);
    routes.add(std::move(r));
  };
  add("/api/time", show_time);
  add("/api/tickets/event/{id}", [reader = deps.reader](front& f, const exchange_ptr& x) {
    if (const auto id = capture_id(x, 0))
      f.ask<ticket::ticket_type_list>(x, reader, ticket::get_ticket_types{event_id{*id}},
                                      to_response);
  });
  add("/api/tickets/availability/{id}", [reader = deps.reader](front& f, const exchange_ptr& x) {
    if (const auto id = capture_id(x, 0))
      f.ask<ticket::ticket_type_view>(x, reader, ticket::get_availability{ticket_type_id{*id}},
                                      to_availability);
  });
}

} // namespace tiketi::net
