#include "net/routes/admin.hpp"

#include "actors/catalog/answers.hpp"
#include "net/routes/admin_json.hpp"

#include <string>
#include <utility>

namespace tiketi::net {

using nlohmann::json;
using namespace catalog;

namespace {

constexpr std::size_t types_max = 50;
constexpr audited create_event_call{"CREATE_EVENT", "event"};
constexpr audited update_event_call{"UPDATE_EVENT", "event"};
constexpr audited cancel_event_call{"CANCEL_EVENT", "event"};
constexpr audited delete_event_call{"DELETE_EVENT", "event"};
constexpr audited generate_seats_call{"GENERATE_SEATS", "event"};
constexpr audited delete_seats_call{"DELETE_SEATS", "event"};
constexpr audited create_type_call{"CREATE_TICKET_TYPE", "ticket_type"};
constexpr audited update_type_call{"UPDATE_TICKET_TYPE", "ticket_type"};
constexpr audited create_layout_call{"CREATE_LAYOUT", "seat_layout"};
constexpr audited update_layout_call{"UPDATE_LAYOUT", "seat_layout"};
constexpr audited delete_layout_call{"DELETE_LAYOUT", "seat_layout"};
constexpr audited create_artist_call{"CREATE_ARTIST", "artist"};
constexpr audited update_artist_call{"UPDATE_ARTIST", "artist"};
constexpr audited delete_artist_call{"DELETE_ARTIST", "artist"};

using handle_fn = void (*)(front&, const exchange_ptr&, const admin_actor&);

// -- events
// ----------------------------------------------------------------------------------------

auto event_reply(front& f, int status, const char* message) {
  return [&env = f.env(), status, message](const event_saved& saved) {
    return json_response(status,
                         {{"message", message}, {"event", event_json(saved.event, env.now())}});
  };
}

void post_event(front& f, const exchange_ptr& x, const admin_actor& admin) {
  const auto& body = x->req().body;
  json_body in{body};
  const auto e = read_event(in);
  add_event command{caller_of(x), {}};
  if (has_elements(body, "ticketTypes")) {
    auto list = in.objects("ticketTypes", types_max);
    for (std::size_t i = 0; i < list.size(); ++i) {
      auto type = read_ticket_type(list[i]);
      in.adopt("ticketTypes", i, list[i]);
      type.id.value = make_uuid(f.env());
      command.event.types.push_back(std::move(type));
    }
  }
  if (!in.ok())
    return refuse_call(x, admin, create_event_call, in.error());
  auto& row = command.event.event;
  row.id.value = make_uuid(f.env());
  row.title = e.title;
  row.description = e.description;
  row.venue = e.venue;
  row.address = e.address;
  row.event_date = e.event_date;
  row.sale_start = e.sale_start;
  row.sale_end = e.sale_end;
  row.poster_url = e.poster_url;
  row.artist_name = e.artist_name;
  row.layout = e.layout;
  row.created_by = command.by.user;
  f.ask<event_saved>(x, admin, std::move(command),
                     event_reply(f, 201, "Event created successfully"));
}

void put_event_by_id(front& f, const exchange_ptr& x, const admin_actor& admin) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  change_event command{caller_of(x), {event_id{*id}, read_event(in), false}};
  if (!in.ok())
    return refuse_call(x, admin, update_event_call, in.error());
  f.ask<event_saved>(x, admin, std::move(command),
                     event_reply(f, 200, "Event updated successfully"));
}

void cancel(front& f, const exchange_ptr& x, const admin_actor& admin) {
  if (const auto id = capture_id(x, 0))
    f.ask<event_ended>(x, admin, end_event{caller_of(x), event_id{*id}, false},
                       [&env = f.env()](const event_ended& done) {
                         return json_response(
                             {{"message", "Event cancelled successfully. Reservations were "
                                          "cancelled and refundable cases marked refunded."},
                              {"event", event_json(done.event, env.now())},
                              {"cancelledReservations", done.reservations}});
                       });
}

void remove(front& f, const exchange_ptr& x, const admin_actor& admin) {
  if (const auto id = capture_id(x, 0))
    f.ask<event_ended>(x, admin, end_event{caller_of(x), event_id{*id}, true},
                       [](const event_ended& done) {
                         return json_response({{"message", "Event deleted successfully"},
                                               {"cancelledReservations", done.reservations}});
                       });
}

void generate_seats(front& f, const exchange_ptr& x, const admin_actor& admin) {
  if (const auto id = capture_id(x, 0))
    f.ask<seats_changed>(x, admin, change_seats{caller_of(x), event_id{*id}, true},
                         [](const seats_changed& done) {
                           return json_response({{"message", "Seats generated successfully"},
                                                 {"seatsCreated", done.seats},
                                                 {"eventTitle", done.title}});
                         });
}

void delete_seats(front& f, const exchange_ptr& x, const admin_actor& admin) {
  if (const auto id = capture_id(x, 0))
    f.ask<seats_changed>(x, admin, change_seats{caller_of(x), event_id{*id}, false},
                         [](const seats_changed& done) {
                           return json_response({{"message", "Seats deleted successfully"},
                                                 {"seatsDeleted", done.seats}});
                         });
}

// -- ticket types
// ----------------------------------------------------------------------------------

void post_type(front& f, const exchange_ptr& x, const admin_actor& admin) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  auto type = read_ticket_type(in);
  if (!in.ok())
    return refuse_call(x, admin, create_type_call, in.error());
  type.id.value = make_uuid(f.env());
  f.ask<type_saved>(x, admin, save_type{caller_of(x), {event_id{*id}, std::move(type), false}},
                    [](const type_saved& saved) {
                      return json_response(201, {{"message", "Ticket type created"},
                                                 {"ticketType", ticket_type_json(saved)}});
                    });
}

void put_type(front& f, const exchange_ptr& x, const admin_actor& admin) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  auto type = read_ticket_type(in);
  if (!in.ok())
    return refuse_call(x, admin, update_type_call, in.error());
  type.id.value = *id;
  f.ask<type_saved>(x, admin, save_type{caller_of(x), {event_id{}, std::move(type), true}},
                    [](const type_saved& saved) {
                      return json_response({{"message", "Ticket type updated"},
                                            {"ticketType", ticket_type_json(saved)}});
                    });
}

// -- layouts
// ---------------------------------------------------------------------------------------

void list_layouts(front& f, const exchange_ptr& x, const admin_actor& admin) {
  f.ask<layouts_answer>(x, admin, catalog::get_layouts{}, [](const layouts_answer& a) {
    return json_response({{"layouts", layouts_json(a.layouts)}});
  });
}

/// `{"name","description"?,"layout_config":{"sections":[...]}}`; `layoutConfig` is the same.
std::optional<layout_row> read_layout(const exchange_ptr& x, const admin_actor& admin,
                                      const audited& call) {
  const auto& body = x->req().body;
  json_body in{body};
  layout_row row;
  row.name = in.text("name", {.min = 1, .max = 100});
  const auto description = in.text("description", {.min = 0, .max = 1'000, .required = false});
  if (in.has("description"))
    row.description = description;
  const char* field = in.has("layoutConfig") ? "layoutConfig" : "layout_config";
  if (!in.has(field))
    in.complain("layout_config", "must not be null");
  if (!in.ok()) {
    refuse_call(x, admin, call, in.error());
    return std::nullopt;
  }
  // Read whole by the store, which knows what a layout is.
  const auto parsed = json::parse(body, nullptr, false);
  row.config = parsed.at(field).dump(-1, ' ', false, json::error_handler_t::replace);
  return row;
}

void write_layout(front& f, const exchange_ptr& x, const admin_actor& admin, layout_row row,
                  bool exists) {
  f.ask<layouts_answer>(x, admin, save_layout{caller_of(x), std::move(row), exists},
                        [exists](const layouts_answer& a) {
                          return json_response(
                              exists ? 200 : 201,
                              {{"message", exists ? "Seat layout updated" : "Seat layout created"},
                               {"layout", layout_json(a.layouts.at(0))}});
                        });
}

void post_layout(front& f, const exchange_ptr& x, const admin_actor& admin) {
  auto row = read_layout(x, admin, create_layout_call);
  if (!row)
    return;
  row->id.value = make_uuid(f.env());
  write_layout(f, x, admin, std::move(*row), false);
}

void put_layout_by_id(front& f, const exchange_ptr& x, const admin_actor& admin) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  auto row = read_layout(x, admin, update_layout_call);
  if (!row)
    return;
  row->id.value = *id;
  write_layout(f, x, admin, std::move(*row), true);
}

void delete_layout(front& f, const exchange_ptr& x, const admin_actor& admin) {
  if (const auto id = capture_id(x, 0))
    f.ask<layouts_answer>(x, admin, drop_layout{caller_of(x), layout_id{*id}},
                          [](const layouts_answer&) {
                            return json_response({{"message", "Seat layout deleted"}});
                          });
}

// -- artists
// ---------------------------------------------------------------------------------------

std::optional<artist_row> read_artist(const exchange_ptr& x, const admin_actor& admin,
                                      const audited& call) {
  json_body in{x->req().body};
  artist_row row;
  row.name = in.text("name", {.min = 1, .max = 255});
  const auto image = in.text("imageUrl", {.min = 0, .max = 2'048, .required = false});
  if (!image.empty())
    row.image_url = image;
  const auto description = in.text("description", {.min = 0, .max = 10'000, .required = false});
  if (!description.empty())
    row.description = description;
  row.membership_price = in.optional_number("membershipPrice", {.min = 0, .max = 1'000'000'000})
                             .value_or(row.membership_price);
  if (in.ok())
    return row;
  refuse_call(x, admin, call, in.error());
  return std::nullopt;
}

void write_artist(front& f, const exchange_ptr& x, const admin_actor& admin, artist_row row,
                  bool exists) {
  f.ask<artist_answer>(x, admin, save_artist{caller_of(x), std::move(row), exists},
                       [exists](const artist_answer& a) {
                         auto artist = artist_json(a.artist);
                         artist["updated_at"] = to_iso(a.artist.updated_at);
                         return json_response(
                             exists ? 200 : 201,
                             {{"message", exists ? "Artist updated" : "Artist created"},
                              {"artist", std::move(artist)}});
                       });
}

void post_artist(front& f, const exchange_ptr& x, const admin_actor& admin) {
  auto row = read_artist(x, admin, create_artist_call);
  if (!row)
    return;
  row->id.value = make_uuid(f.env());
  write_artist(f, x, admin, std::move(*row), false);
}

void put_artist_by_id(front& f, const exchange_ptr& x, const admin_actor& admin) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  auto row = read_artist(x, admin, update_artist_call);
  if (!row)
    return;
  row->id.value = *id;
  write_artist(f, x, admin, std::move(*row), true);
}

void delete_artist(front& f, const exchange_ptr& x, const admin_actor& admin) {
  if (const auto id = capture_id(x, 0))
    f.ask<artist_answer>(x, admin, drop_artist{caller_of(x), artist_id{*id}},
                         [](const artist_answer&) {
                           return json_response({{"message", "Artist deleted"}});
                         });
}

} // namespace

void add_admin_routes(router& routes, admin_routes deps) {
  auto add = [&](verb method, std::string pattern, body_rule body, handle_fn handle,
                 std::optional<audited> call, repeatable repeats = repeatable::no) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = access::admin;
    r.body = body;
    r.repeats = repeats;
    r.handle = [admin = deps.admin, handle](front& f, const exchange_ptr& x) {
      handle(f, x, admin);
    };
    if (call)
      r.refused = note_forbidden(deps.admin, *call);
    routes.add(std::move(r));
  };
  using enum body_rule;
  add(verb::post, "/api/admin/events", json, post_event, create_event_call, repeatable::once);
  add(verb::put, "/api/admin/events/{id}", json, put_event_by_id, update_event_call);
  add(verb::del, "/api/admin/events/{id}", none, remove, delete_event_call);
  add(verb::post, "/api/admin/events/{id}/cancel", none, cancel, cancel_event_call,
      repeatable::safely);
  add(verb::post, "/api/admin/events/{id}/generate-seats", none, generate_seats,
      generate_seats_call, repeatable::safely);
  add(verb::del, "/api/admin/events/{id}/seats", none, delete_seats, delete_seats_call);
  add(verb::post, "/api/admin/events/{id}/tickets", json, post_type, create_type_call,
      repeatable::once);
  add(verb::put, "/api/admin/tickets/{id}", json, put_type, update_type_call);
  add(verb::get, "/api/admin/seat-layouts", none, list_layouts, std::nullopt);
  add(verb::post, "/api/admin/seat-layouts", json, post_layout, create_layout_call);
  add(verb::put, "/api/admin/seat-layouts/{id}", json, put_layout_by_id, update_layout_call);
  add(verb::del, "/api/admin/seat-layouts/{id}", none, delete_layout, delete_layout_call);
  add(verb::post, "/api/admin/artists", json, post_artist, create_artist_call);
  add(verb::put, "/api/admin/artists/{id}", json, put_artist_by_id, update_artist_call);
  add(verb::del, "/api/admin/artists/{id}", none, delete_artist, delete_artist_call);
  add_admin_reservation_routes(routes, deps);
}

} // namespace tiketi::net
