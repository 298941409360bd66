#include "actors/catalog/answers.hpp"
#include "net/routes/admin.hpp"
#include "net/routes/admin_json.hpp"
#include "net/routes/reservation_json.hpp"

#include <utility>

namespace tiketi::net {

using nlohmann::json;
using namespace catalog;

namespace {

using deps_ptr = std::shared_ptr<const catalog_internal_routes>;
using handle_fn = void (*)(front&, const exchange_ptr&, const catalog_internal_routes&);

/// The event of the query, `?eventId=`. Nothing after answering 400.
std::optional<event_id> event_of_query(const exchange_ptr& x) {
  if (const auto text = x->req().query_value("eventId"))
    if (const auto id = parse_id<event_id>(*text))
      return id;
  x->reply(validation_response({{"eventId", "eventId must be a UUID"}}));
  return std::nullopt;
}

void queue_info(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  if (const auto id = capture_id(x, 0))
    f.ask<event_brief>(x, to.catalog, get_brief{event_id{*id}}, [](const event_brief& e) {
      return json_response({{"title", e.title}, {"artist", text_or_null(e.artist)}});
    });
}

void generate(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  const auto event = capture_id(x, 0);
  if (!event)
    return;
  const auto layout = capture_id(x, 1);
  if (!layout)
    return;
  f.ask<seats_changed>(x, to.admin,
                       change_seats{caller_of(x), event_id{*event}, true, layout_id{*layout}},
                       [](const seats_changed& done) {
                         return json_response({{"seatsCreated", done.seats}});
                       });
}

void count_seats(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  if (const auto id = capture_id(x, 0))
    f.ask<ticket::event_stock>(x, to.admin, get_event_stock{event_id{*id}},
                               [](const ticket::event_stock& stock) {
                                 return json_response({{"count", stock.seats}});
                               });
}

void drop_seats(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  if (const auto id = capture_id(x, 0))
    f.ask<seats_changed>(x, to.admin, change_seats{caller_of(x), event_id{*id}, false},
                         [](const seats_changed& done) {
                           return json_response({{"deleted", done.seats}});
                         });
}

void list_types(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  if (const auto event = event_of_query(x))
    f.ask<ticket::ticket_type_list>(
        x, to.tickets, ticket::get_ticket_types{*event}, [](const ticket::ticket_type_list& list) {
          auto types = json::array();
          for (const auto& t : list.types)
            types.push_back({{"id", to_string(t.id)},
                             {"name", t.name},
                             {"price", t.price},
                             {"total_quantity", t.total},
                             {"available_quantity", t.available},
                             {"description", text_or_null(t.description)}});
          return json_response({{"ticketTypes", std::move(types)}});
        });
}

void availability(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  if (const auto id = capture_id(x, 0))
    f.ask<ticket::ticket_type_view>(
        x, to.tickets, ticket::get_availability{ticket_type_id{*id}},
        [](const ticket::ticket_type_view& t) {
          return json_response({{"available_quantity", t.available}, {"total_quantity", t.total}});
        });
}

response type_reply(const type_saved& saved) {
  return json_response({{"ticketType", ticket_type_json(saved)}});
}

void post_type(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  json_body in{x->req().body};
  const auto event = in.id("eventId");
  auto type = read_ticket_type(in);
  if (!in.ok())
    return x->reply(in.error());
  type.id.value = make_uuid(f.env());
  f.ask<type_saved>(x, to.admin, save_type{caller_of(x), {event_id{event}, std::move(type), false}},
                    type_reply);
}

void put_type(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  auto type = read_ticket_type(in);
  if (!in.ok())
    return x->reply(in.error());
  type.id.value = *id;
  f.ask<type_saved>(x, to.admin, save_type{caller_of(x), {event_id{}, std::move(type), true}},
                    type_reply);
}

void reservation_stats(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  f.ask<dashboard>(x, to.admin, get_dashboard{}, [](const dashboard& d) {
    if (!d.totals)
      return error_response(errc::unavailable);
    return json_response({{"totalReservations", d.totals->reservations},
                          {"totalRevenue", d.totals->revenue},
                          {"todayReservations", d.totals->today}});
  });
}

/// Without names: those are the caller's to look up.
template <class Json>
json plain(const std::vector<named_reservation>& rows, Json one) {
  auto out = json::array();
  for (const auto& r : rows) {
    auto row = one(r);
    row.erase("user_name");
    row.erase("user_email");
    out.push_back(std::move(row));
  }
  return out;
}

void recent_reservations(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  f.ask<reservation_page>(x, to.admin, get_reservations{{}, 1, 10}, [](const reservation_page& p) {
    return json_response({{"reservations", plain(p.reservations, recent_reservation_json)}});
  });
}

void list_reservations(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  const auto page = read_page(x);
  if (!page)
    return;
  get_reservations query{{}, page->page, page->limit};
  if (const auto status = x->req().query_value("status"); status && !status->empty())
    query.status = std::string{*status};
  f.ask<reservation_page>(x, to.admin, std::move(query), [page = *page](const reservation_page& p) {
    return json_response({{"reservations", plain(p.reservations, listed_reservation_json)},
                          {"pagination", pagination_json(page.page, page.limit, p.total)}});
  });
}

void patch_status(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  set_reservation_status command;
  command.by = caller_of(x);
  command.reservation.value = *id;
  command.trace = x->req().trace;
  command.status = in.text("status", {.min = 0, .max = 40, .required = false});
  command.payment_status = in.text("paymentStatus", {.min = 0, .max = 40, .required = false});
  if (!in.ok())
    return x->reply(in.error());
  f.ask<reservation_changed>(x, to.admin, std::move(command), [](const reservation_changed& done) {
    return json_response({{"reservation", reservation_row_json(done.reservation)}});
  });
}

void list_layouts(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  f.ask<layouts_answer>(x, to.admin, catalog::get_layouts{}, [](const layouts_answer& a) {
    return json_response({{"layouts", layouts_json(a.layouts)}});
  });
}

void count_live_seats(front& f, const exchange_ptr& x, const catalog_internal_routes& to) {
  if (const auto event = event_of_query(x))
    f.ask<ticket::event_stock>(x, to.admin, get_event_stock{*event},
                               [](const ticket::event_stock& stock) {
                                 return json_response({{"count", stock.live_seats}});
                               });
}

/// The status of an event follows from the clock whenever it is read.
void update_status(front&, const exchange_ptr& x, const catalog_internal_routes&) {
  x->reply(json_response({{"ok", true}, {"message", "Event status update executed"}}));
}

} // namespace

void add_catalog_internal_routes(router& routes, catalog_internal_routes deps) {
  const auto shared = std::make_shared<const catalog_internal_routes>(std::move(deps));
  auto add = [&](verb method, std::string pattern, body_rule body, handle_fn handle,
                 repeatable repeats = repeatable::no) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = access::internal;
    r.limit = rate_category::exempt;
    r.body = body;
    r.repeats = repeats;
    r.handle = [shared, handle](front& f, const exchange_ptr& x) { handle(f, x, *shared); };
    routes.add(std::move(r));
  };
  using enum body_rule;
  add(verb::get, "/internal/events/{id}/queue-info", none, queue_info);
  add(verb::post, "/internal/seats/generate/{event}/{layout}", none, generate, repeatable::safely);
  add(verb::get, "/internal/seats/count/{event}", none, count_seats);
  add(verb::del, "/internal/seats/{event}", none, drop_seats);
  add(verb::get, "/internal/ticket-types", none, list_types);
  add(verb::post, "/internal/ticket-types", json, post_type, repeatable::once);
  add(verb::put, "/internal/ticket-types/{id}", json, put_type);
  add(verb::get, "/internal/ticket-types/{id}/availability", none, availability);
  add(verb::get, "/internal/admin/reservation-stats", none, reservation_stats);
  add(verb::get, "/internal/admin/recent-reservations", none, recent_reservations);
  add(verb::get, "/internal/admin/reservations", none, list_reservations);
  add(verb::patch, "/internal/admin/reservations/{id}/status", json, patch_status);
  add(verb::get, "/internal/admin/seat-layouts", none, list_layouts);
  add(verb::get, "/internal/admin/active-seat-reservation-count", none, count_live_seats);
  add(verb::post, "/internal/reschedule-event-status", none, update_status);
}

} // namespace tiketi::net
