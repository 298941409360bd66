#include "actors/catalog/answers.hpp"
#include "net/routes/admin.hpp"
#include "net/routes/admin_json.hpp"

#include <utility>

namespace tiketi::net {

using nlohmann::json;
using namespace catalog;

namespace {

constexpr audited status_call{"UPDATE_RESERVATION_STATUS", "reservation"};

/// A figure nobody knows now is null, not 0.
template <class T>
json figure(const std::optional<T>& x) {
  return x ? json(*x) : json();
}

void show_dashboard(front& f, const exchange_ptr& x, const admin_actor& admin) {
  f.ask<dashboard>(x, admin, get_dashboard{}, [](const dashboard& d) {
    json stats = {{"totalEvents", figure(d.events)},
                  {"totalReservations", d.totals ? json(d.totals->reservations) : json()},
                  {"totalRevenue", d.totals ? json(d.totals->revenue) : json()},
                  {"todayReservations", d.totals ? json(d.totals->today) : json()}};
    auto recent = json::array();
    for (const auto& r : d.recent)
      recent.push_back(recent_reservation_json(r));
    return json_response({{"stats", std::move(stats)}, {"recentReservations", std::move(recent)}});
  });
}

void list_reservations(front& f, const exchange_ptr& x, const admin_actor& admin) {
  const auto page = read_page(x);
  if (!page)
    return;
  get_reservations query{{}, page->page, page->limit};
  if (const auto status = x->req().query_value("status"); status && !status->empty())
    query.status = std::string{*status};
  f.ask<reservation_page>(x, admin, std::move(query), [page = *page](const reservation_page& p) {
    auto list = json::array();
    for (const auto& r : p.reservations)
      list.push_back(listed_reservation_json(r));
    return json_response({{"reservations", std::move(list)},
                          {"pagination", pagination_json(page.page, page.limit, p.total)}});
  });
}

void patch_status(front& f, const exchange_ptr& x, const admin_actor& admin) {
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
    return refuse_call(x, admin, status_call, in.error());
  f.ask<reservation_changed>(x, admin, std::move(command), [](const reservation_changed& done) {
    return json_response({{"message", done.changed ? "Reservation status updated"
                                                   : "Reservation has this status already"},
                          {"reservation", reservation_row_json(done.reservation)}});
  });
}

using handle_fn = void (*)(front&, const exchange_ptr&, const admin_actor&);

} // namespace

void add_admin_reservation_routes(router& routes, const admin_routes& deps) {
  auto add = [&](verb method, std::string pattern, body_rule body, handle_fn handle) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = access::admin;
    r.body = body;
    r.handle = [admin = deps.admin, handle](front& f, const exchange_ptr& x) {
      handle(f, x, admin);
    };
    if (method != verb::get)
      r.refused = note_forbidden(deps.admin, status_call);
    routes.add(std::move(r));
  };
  using enum body_rule;
  add(verb::get, "/api/admin/dashboard", none, show_dashboard);
  add(verb::get, "/api/admin/dashboard/stats", none, show_dashboard);
  add(verb::get, "/api/admin/reservations", none, list_reservations);
  add(verb::patch, "/api/admin/reservations/{id}/status", json, patch_status);
}

} // namespace tiketi::net
