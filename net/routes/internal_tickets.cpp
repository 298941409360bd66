#include "net/routes/internal_tickets.hpp"

#include "net/http/idempotency.hpp"
#include "net/http/json_body.hpp"
#include "net/routes/reservation_json.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

namespace tiketi::net {

using nlohmann::json;

namespace {

using namespace ticket;
using deps_ptr = std::shared_ptr<const internal_ticket_routes>;

constexpr std::size_t lines_max = 50;
constexpr std::int64_t quantity_max = 10;
constexpr std::size_t key_characters_max = 64;

response done() {
  return json_response({{"ok", true}});
}

/// The user a GET asks for; nothing after answering 400 itself.
std::optional<user_id> query_user(const exchange_ptr& x) {
  const auto text = x->req().query_value("userId");
  const auto id = text ? parse_id<user_id>(*text) : std::nullopt;
  if (!id)
    x->reply(
        validation_response({{"userId", text ? "userId must be a UUID" : "userId is required"}}));
  return id;
}

/// The payment that was captured for this and is not given back, or 409.
void with_payment(front& f, const exchange_ptr& x, const deps_ptr& deps,
                  const payment::payment_subject& subject, const char* otherwise,
                  std::function<void(const payment::payment_view&)> then) {
  f.ask<payment::payment_list>(
      x, deps->payment_reader, payment::load_payments{subject},
      [x, otherwise, then = std::move(then)](const payment::payment_list& list) {
        const auto paid =
            std::find_if(list.payments.begin(), list.payments.end(), [](const auto& p) {
              return p.status == payment::payment_status::captured;
            });
        if (paid == list.payments.end())
          x->reply(error_response({errc::conflict, otherwise}));
        else
          then(*paid);
      });
}

response verdict(const payment_outcome& outcome, const char* otherwise) {
  return outcome.verdict == payment_verdict::confirmed
             ? done()
             : error_response({errc::conflict, std::string(otherwise) + ": " + outcome.reason});
}

// -- reservations --------------------------------------------------------------------------------

/// Seats or tickets, for the user named in the body.
template <class Shape>
void reserve(front& f, const exchange_ptr& x, const deps_ptr& deps, json_body& in, Shape shape) {
  const event_id event{in.id("eventId")};
  const user_id user{in.id("userId")};
  auto key = in.text("idempotencyKey", {.min = 0, .max = key_characters_max, .required = false});
  if (key.find_first_not_of(" \t\r\n") == std::string::npos)
    key = domain_key(x->req());
  const bool seated = in.has("seatIds");
  std::vector<seat_id> seats;
  std::vector<ticket_order> items;
  if (seated) {
    for (const auto& id : in.ids("seatIds", lines_max))
      seats.push_back(seat_id{id});
  } else {
    std::size_t index = 0;
    for (auto& item : in.objects("items", lines_max)) {
      ticket_order order;
      order.type = ticket_type_id{item.id("ticketTypeId")};
      order.quantity =
          static_cast<std::int32_t>(item.number("quantity", {.min = 1, .max = quantity_max}));
      in.adopt("items", index++, item);
      items.push_back(order);
    }
  }
  if (!in.ok())
    return x->reply(in.error());
  const auto answer = [x, shape](const result<reservation_view>& r) { x->reply(shape(r)); };
  const auto ok = [answer](reservation_view& r) { answer(std::move(r)); };
  const auto fail = [answer](const failure& why) { answer(why); };
  if (seated)
    f.ask_or<reservation_view>(
        x, deps->region,
        reserve_seats{event, user, std::move(seats), std::move(key), x->req().trace}, ok, fail);
  else
    f.ask_or<reservation_view>(
        x, deps->region,
        reserve_tickets{event, user, std::move(items), std::move(key), x->req().trace}, ok, fail);
}

void create(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  json_body in{x->req().body};
  reserve(f, x, deps, in, [](const result<reservation_view>& r) {
    if (!r)
      return error_response(r.error());
    const bool seated = !r->items.empty() && !r->items.front().seat.is_nil();
    return json_response(seated ? seats_reserved(*r) : tickets_reserved(*r));
  });
}

/// A full reservation under another name: half of one would keep seats that nobody pays for.
void reserve_seats_only(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  json_body in{x->req().body};
  const auto wanted = in.ids("seatIds", lines_max);
  reserve(f, x, deps, in, [wanted](const result<reservation_view>& r) {
    auto seats = json::array();
    if (r) {
      for (const auto& item : r->items)
        seats.push_back(
            {{"seatId", to_string(item.seat)}, {"success", true}, {"fencingToken", item.token}});
      return json_response(
          {{"success", true},
           {"seats", std::move(seats)},
           {"reservation", {{"id", to_string(r->id)}, {"expiresAt", to_iso(r->expires_at)}}}});
    }
    auto out = error_response(r.error());
    if (r.error().code != errc::seat_unavailable)
      return out;
    for (const auto& id : wanted)
      seats.push_back({{"seatId", to_string(id)}, {"success", false}, {"fencingToken", nullptr}});
    auto body = json::parse(out.body);
    body["success"] = false;
    body["seats"] = std::move(seats);
    out.body = body.dump();
    return out;
  });
}

void validate_reservation(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const auto user = query_user(x);
  if (!user)
    return;
  const reservation_id reservation{*id};
  f.ask<payable>(x, deps->region, check_payable{reservation, *user},
                 [&f, x, deps, reservation, user = *user](const payable&) {
                   f.ask<reservation_view>(x, deps->store, get_reservation{reservation, user},
                                           [](const reservation_view& r) {
                                             return json_response(
                                                 {{"id", to_string(r.id)},
                                                  {"user_id", to_string(r.user)},
                                                  {"event_id", to_string(r.event)},
                                                  {"reservation_number", r.number},
                                                  {"total_amount", r.total_amount},
                                                  {"status", to_string(r.status)},
                                                  {"payment_status", to_string(r.payment)},
                                                  {"expires_at", to_iso(r.expires_at)}});
                                           });
                 });
}

void confirm_reservation(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const reservation_id reservation{*id};
  with_payment(f, x, deps, reservation, "Reservation cannot be confirmed: nothing was paid for it",
               [&f, x, deps, reservation](const payment::payment_view& p) {
                 f.ask<payment_outcome>(x, deps->region,
                                        apply_payment{p.confirm_message, reservation, p.id, p.user,
                                                      p.amount, p.method, x->req().trace},
                                        [](const payment_outcome& o) {
                                          return verdict(o, "Reservation cannot be confirmed");
                                        });
               });
}

void refund_reservation(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  f.ask<found_reservation>(
      x, deps->store, find_by_id{reservation_id{*id}},
      [&f, x, deps](const found_reservation& found) {
        if (!found.reservation)
          return x->reply(error_response({errc::not_found, "Reservation not found"}));
        const auto& r = *found.reservation;
        if (r.status == reservation_status::confirmed)
          f.ask<payment::payment_done>(x, deps->payments,
                                       payment::cancel_payment{to_string(r.paid_by), r.user,
                                                               "Refunded by an operator",
                                                               x->req().trace},
                                       [](const payment::payment_done&) { return done(); });
        else if (r.status == reservation_status::pending)
          f.ask<reservation_view>(x, deps->region,
                                  cancel_reservation{r.id, r.user, {}, {}, x->req().trace},
                                  [](const reservation_view&) { return done(); });
        else // ended: whatever was paid for it went back with its end
          x->reply(done());
      });
}

// -- transfers -----------------------------------------------------------------------------------

void validate_transfer(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const auto user = query_user(x);
  if (!user)
    return;
  const transfer_id transfer{*id};
  f.ask<payable>(
      x, deps->transfers, check_transfer{transfer, *user},
      [&f, x, deps, transfer](const payable& p) {
        f.ask<transfer_view>(
            x, deps->transfers, get_transfer{transfer},
            [amount = p.amount](const transfer_view& t) {
              return json_response(
                  {{"transferId", to_string(t.terms.id)},
                   {"total_amount", amount},
                   {"totalAmount", amount},
                   {"artist_id",
                    t.terms.artist.is_nil() ? json() : json(to_string(t.terms.artist))}});
            });
      });
}

void complete_transfer(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  json_body in{x->req().body};
  const user_id buyer{in.id("buyerId")};
  if (!in.ok())
    return x->reply(in.error());
  const transfer_id transfer{*id};
  with_payment(
      f, x, deps, {payment::subject_kind::transfer, *id},
      "Transfer cannot be completed: nothing was paid for it",
      [&f, x, deps, transfer, buyer](const payment::payment_view& p) {
        if (p.user != buyer)
          return x->reply(error_response(
              {errc::conflict, "Transfer cannot be completed: somebody else paid for it"}));
        f.ask<payment_outcome>(
            x, deps->transfers,
            apply_transfer_payment{p.confirm_message, transfer, p.id, p.user, p.amount, p.method,
                                   x->req().trace},
            [](const payment_outcome& o) { return verdict(o, "Transfer cannot be completed"); });
      });
}

// -- memberships ---------------------------------------------------------------------------------

void validate_membership(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const auto user = query_user(x);
  if (!user)
    return;
  const membership_id member{*id};
  f.ask<payable>(x, deps->members, membership::check_membership{member, *user},
                 [&f, x, deps, member](const payable& p) {
                   f.ask<membership::membership_view>(
                       x, deps->members, membership::find_membership{member},
                       [amount = p.amount](const membership::membership_view& m) {
                         return json_response({{"membershipId", to_string(m.row.id)},
                                               {"total_amount", amount},
                                               {"totalAmount", amount},
                                               {"artist_name", text_or_null(m.artist.name)}});
                       });
                 });
}

void activate_membership(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const membership_id member{*id};
  f.ask<membership::membership_view>(
      x, deps->members, membership::find_membership{member},
      [&f, x, deps, member](const membership::membership_view& m) {
        if (m.row.status == membership::membership_status::active)
          return x->reply(done());
        with_payment(f, x, deps, {payment::subject_kind::membership, member.value},
                     "Membership cannot be activated: nothing was paid for it",
                     [&f, x, deps, member](const payment::payment_view& p) {
                       f.ask<payment_outcome>(x, deps->members,
                                              membership::apply_membership_payment{
                                                  p.confirm_message, member, p.id, p.user, p.amount,
                                                  p.method, x->req().trace},
                                              [](const payment_outcome& o) {
                                                return verdict(o, "Membership cannot be activated");
                                              });
                     });
      });
}

void award_points(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  json_body in{x->req().body};
  membership::award command;
  command.user = user_id{in.id("userId")};
  command.artist = artist_id{in.optional_id("artistId").value_or(uuid{})};
  command.action = in.text("actionType", {.min = 1, .max = 50});
  command.points = in.number("points", {.min = 1, .max = 1'000'000});
  command.description = in.text("description", {.min = 0, .max = 500, .required = false});
  command.reference = in.id("referenceId");
  if (!in.ok())
    return x->reply(in.error());
  f.ask<membership::awarded>(x, deps->members, std::move(command),
                             [](const membership::awarded& a) {
                               return json_response({{"ok", true}, {"memberships", a.memberships}});
                             });
}

} // namespace

void add_internal_ticket_routes(router& routes, internal_ticket_routes deps) {
  const auto shared = std::make_shared<const internal_ticket_routes>(std::move(deps));
  const auto add = [&](verb method, std::string pattern, body_rule body, auto handle) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = access::internal;
    r.limit = rate_category::exempt;
    r.body = body;
    // Reservations hand their key on to the sale; the others only go forward, or carry a reference.
    if (method == verb::post)
      r.repeats = repeatable::safely;
    r.handle = [shared, handle](front& f, const exchange_ptr& x) { handle(f, x, shared); };
    routes.add(std::move(r));
  };
  constexpr auto none = body_rule::none;
  constexpr auto json_body_rule = body_rule::json;
  add(verb::post, "/internal/reservations", json_body_rule, create);
  add(verb::post, "/internal/seats/reserve", json_body_rule, reserve_seats_only);
  add(verb::get, "/internal/reservations/{id}/validate", none, validate_reservation);
  add(verb::post, "/internal/reservations/{id}/confirm", none, confirm_reservation);
  add(verb::post, "/internal/reservations/{id}/refund", none, refund_reservation);
  add(verb::get, "/internal/transfers/{id}/validate", none, validate_transfer);
  add(verb::post, "/internal/transfers/{id}/complete", json_body_rule, complete_transfer);
  add(verb::get, "/internal/memberships/{id}/validate", none, validate_membership);
  add(verb::post, "/internal/memberships/{id}/activate", none, activate_membership);
  add(verb::post, "/internal/memberships/award-points", json_body_rule, award_points);
}

} // namespace tiketi::net
