#include "net/routes/reservations.hpp"

#include "net/http/idempotency.hpp"
#include "net/http/json_body.hpp"
#include "net/routes/reservation_json.hpp"

#include <memory>
#include <utility>

namespace tiketi::net {

using nlohmann::json;

namespace {

constexpr std::size_t items_max = 50;
constexpr std::int64_t quantity_max = 10;
constexpr std::size_t key_characters_max = 64;

using deps_ptr = std::shared_ptr<const reservation_routes>;

void create(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  json_body in{x->req().body};
  ticket::reserve_tickets command;
  command.event = event_id{in.id("eventId")};
  command.user = x->req().who->user;
  command.trace = x->req().trace;
  std::size_t index = 0;
  for (auto& item : in.objects("items", items_max)) {
    ticket::ticket_order order;
    order.type = ticket_type_id{item.id("ticketTypeId")};
    order.quantity =
        static_cast<std::int32_t>(item.number("quantity", {.min = 1, .max = quantity_max}));
    in.adopt("items", index++, item);
    command.items.push_back(order);
  }
  command.idempotency_key =
      in.text("idempotencyKey", {.min = 0, .max = key_characters_max, .required = false});
  if (!in.ok())
    return x->reply(in.error());
  if (command.idempotency_key.find_first_not_of(" \t\r\n") == std::string::npos)
    command.idempotency_key = domain_key(x->req());
  const auto event = command.event;
  deps->gate(f, x, event, [&f, x, deps, command = std::move(command)] {
    f.ask<ticket::reservation_view>(
        x, deps->region, command,
        [](const ticket::reservation_view& r) { return json_response(tickets_reserved(r)); });
  });
}

void list_mine(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  ticket::list_reservations query;
  query.user = x->req().who->user;
  f.ask<ticket::reservation_list>(x, deps->reader, query, [](const ticket::reservation_list& list) {
    auto rows = json::array();
    for (const auto& r : list.reservations)
      rows.push_back(short_reservation(r));
    return json_response({{"reservations", std::move(rows)}});
  });
}

void show(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  if (const auto id = capture_id(x, 0))
    f.ask<ticket::reservation_view>(
        x, deps->reader, ticket::get_reservation{reservation_id{*id}, x->req().who->user},
        [](const ticket::reservation_view& r) {
          return json_response(
              {{"reservation", full_reservation(r)}, {"history", reservation_history(r)}});
        });
}

void cancel(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  if (const auto id = capture_id(x, 0))
    f.ask<ticket::reservation_view>(
        x, deps->region,
        ticket::cancel_reservation{reservation_id{*id}, x->req().who->user, {}, {}, x->req().trace},
        [](const ticket::reservation_view& r) {
          return json_response(
              {{"message", "Reservation cancelled"},
               {"reservation", {{"id", to_string(r.id)}, {"status", to_string(r.status)}}}});
        });
}

} // namespace

void add_reservation_routes(router& routes, reservation_routes deps) {
  const auto shared = std::make_shared<const reservation_routes>(std::move(deps));
  auto add = [&](verb method, std::string pattern, rate_category limit, body_rule body,
                 auto handle) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = access::user;
    r.limit = limit;
    r.body = body;
    // A new one hands its key on to the sale; a cancelled one stays cancelled.
    if (method == verb::post)
      r.repeats = repeatable::safely;
    r.handle = [shared, handle](front& f, const exchange_ptr& x) { handle(f, x, shared); };
    routes.add(std::move(r));
  };
  add(verb::post, "/api/reservations", rate_category::booking, body_rule::json, create);
  // Load scripts ask here without a login and take 401 for an answer, but not 405.
  add(verb::get, "/api/reservations", rate_category::booking, body_rule::none, list_mine);
  add(verb::get, "/api/reservations/my", rate_category::general, body_rule::none, list_mine);
  add(verb::get, "/api/reservations/{id}", rate_category::general, body_rule::none, show);
  add(verb::post, "/api/reservations/{id}/cancel", rate_category::booking, body_rule::none, cancel);
}

} // namespace tiketi::net
