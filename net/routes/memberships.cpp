#include "net/routes/memberships.hpp"

#include "actors/membership/membership.hpp"
#include "net/http/json_body.hpp"
#include "net/routes/reservation_json.hpp"

#include <memory>
#include <utility>

namespace tiketi::net {

using nlohmann::json;

namespace {

using namespace membership;
using deps_ptr = std::shared_ptr<const membership_routes>;

json number_or_null(std::int64_t n) {
  return n == 0 ? json() : json(n);
}

json benefits_json(tier t) {
  const auto& b = benefits_of(t);
  return {{"preSalePhase", number_or_null(b.pre_sale_phase)},
          {"preSaleLabel", b.label},
          // Nothing is shown that is not charged, and no booking is charged more than its seats.
          {"bookingFeeSurcharge", 0},
          {"transferAccess", b.transfer_access},
          {"transferFeePercent", number_or_null(b.transfer_fee_percent)},
          {"nextTierThreshold", number_or_null(b.next_tier_threshold)}};
}

/// `tier` follows from the points; whoever is no active member has the benefits of none.
json membership_json(const membership_view& m, time_point now) {
  const auto& row = m.row;
  return {{"id", to_string(row.id)},
          {"user_id", to_string(row.user)},
          {"artist_id", to_string(row.artist)},
          {"tier", to_string(tier_of(row.points))},
          {"effective_tier", to_string(effective_tier(row, now))},
          {"points", row.points},
          {"status", to_string(row.status == membership_status::active && !is_active(row, now)
                                   ? membership_status::expired
                                   : row.status)},
          {"joined_at", to_iso(row.joined_at)},
          {"expires_at", to_iso(row.expires_at)},
          {"artist_name", text_or_null(m.artist.name)},
          {"artist_image_url", text_or_null(m.artist.image_url)},
          {"membership_price", m.artist.membership_price}};
}

json history_json(const std::vector<point_entry>& entries) {
  auto out = json::array();
  for (const auto& e : entries)
    out.push_back({{"id", to_string(e.id)},
                   {"action_type", e.action},
                   {"points", e.points},
                   {"description", text_or_null(e.description)},
                   {"reference_id", to_string(e.reference)},
                   {"created_at", to_iso(e.at)}});
  return out;
}

void join(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  json_body in{x->req().body};
  const artist_id artist{in.id("artistId")};
  if (!in.ok())
    return x->reply(in.error());
  f.ask<membership_view>(x, deps->members, subscribe{x->req().who->user, artist},
                         [](const membership_view& m) {
                           return json_response(201, {{"membershipId", to_string(m.row.id)},
                                                      {"artistId", to_string(m.row.artist)},
                                                      {"artistName", m.artist.name},
                                                      {"price", m.row.price},
                                                      {"status", to_string(m.row.status)}});
                         });
}

void list_mine(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto now = f.env().now();
  f.ask<membership_list>(x, deps->members, list_memberships{x->req().who->user},
                         [now](const membership_list& list) {
                           auto rows = json::array();
                           for (const auto& m : list.memberships)
                             rows.push_back(membership_json(m, now));
                           return json_response({{"memberships", std::move(rows)}});
                         });
}

void show_mine(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const auto now = f.env().now();
  f.ask<membership_detail>(x, deps->members, get_membership{x->req().who->user, artist_id{*id}},
                           [now](const membership_detail& d) {
                             if (d.found.empty())
                               return json_response({{"membership", json::object()},
                                                     {"pointHistory", json::array()},
                                                     {"tier", to_string(tier::bronze)}});
                             const auto& m = d.found.front();
                             auto shown = membership_json(m, now);
                             shown["created_at"] = to_iso(m.row.created_at);
                             shown["updated_at"] = to_iso(m.row.updated_at);
                             shown["payment_reference_id"] =
                                 m.row.paid_by.is_nil() ? json() : json(to_string(m.row.paid_by));
                             const auto effective = effective_tier(m.row, now);
                             return json_response({{"membership", std::move(shown)},
                                                   {"pointHistory", history_json(d.history)},
                                                   {"tier", to_string(effective)},
                                                   {"benefits", benefits_json(effective)}});
                           });
}

void show_benefits(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  const auto id = capture_id(x, 0);
  if (!id)
    return;
  const auto now = f.env().now();
  f.ask<membership_detail>(x, deps->members, get_membership{x->req().who->user, artist_id{*id}},
                           [now](const membership_detail& d) {
                             if (d.artist.empty())
                               return error_response({errc::not_found, "Artist not found"});
                             const auto effective = d.found.empty()
                                                        ? tier::bronze
                                                        : effective_tier(d.found.front().row, now);
                             auto out = benefits_json(effective);
                             out["tier"] = to_string(effective);
                             // What joining would cost, or was offered for.
                             const bool offered =
                                 !d.found.empty()
                                 && d.found.front().row.status == membership_status::pending;
                             out["membership_price"] = offered ? d.found.front().row.price
                                                               : d.artist.front().membership_price;
                             return json_response(out);
                           });
}

} // namespace

void add_membership_routes(router& routes, membership_routes deps) {
  const auto shared = std::make_shared<const membership_routes>(std::move(deps));
  const auto add = [&](verb method, std::string pattern, body_rule body, auto handle) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = access::user;
    r.body = body;
    // One membership per user and artist.
    if (method == verb::post)
      r.repeats = repeatable::safely;
    r.handle = [shared, handle](front& f, const exchange_ptr& x) { handle(f, x, shared); };
    routes.add(std::move(r));
  };
  add(verb::post, "/api/memberships/subscribe", body_rule::json, join);
  add(verb::get, "/api/memberships/my", body_rule::none, list_mine);
  add(verb::get, "/api/memberships/my/{artist}", body_rule::none, show_mine);
  add(verb::get, "/api/memberships/benefits/{artist}", body_rule::none, show_benefits);
}

} // namespace tiketi::net
