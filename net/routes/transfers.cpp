#include "net/routes/transfers.hpp"

#include "net/http/json_body.hpp"
#include "net/routes/reservation_json.hpp"

#include <memory>
#include <utility>

namespace tiketi::net {

using nlohmann::json;

namespace {

using namespace ticket;
using deps_ptr = std::shared_ptr<const transfer_routes>;

constexpr std::int64_t page_max = 1'000'000;
constexpr std::int64_t limit_max = 100;

template <class Id>
json id_or_null(const Id& id) {
  return id.is_nil() ? json() : json(to_string(id));
}

json row_json(const transfer_view& t) {
  return {{"id", to_string(t.terms.id)},
          {"reservation_id", to_string(t.reservation)},
          {"seller_id", to_string(t.seller)},
          {"buyer_id", id_or_null(t.buyer)},
          {"artist_id", id_or_null(t.terms.artist)},
          {"original_price", t.terms.original_price},
          {"transfer_fee", t.terms.fee},
          {"transfer_fee_percent", t.terms.fee_percent},
          {"total_price", t.terms.total_price},
          {"status", to_string(t.status)},
          {"created_at", to_iso(t.terms.listed_at)},
          {"completed_at", t.completed_at == time_point{} ? json() : json(to_iso(t.completed_at))},
          {"updated_at", to_iso(t.updated_at)}};
}

json own_json(const transfer_view& t) {
  auto out = row_json(t);
  out["event_title"] = text_or_null(t.event_title);
  out["venue"] = text_or_null(t.venue);
  out["event_date"] = t.event_date == time_point{} ? json() : json(to_iso(t.event_date));
  out["artist_name"] = text_or_null(t.artist_name);
  out["seats"] = text_or_null(t.seats);
  return out;
}

json listed_json(const transfer_view& t) {
  auto out = own_json(t);
  out["artist_image_url"] = text_or_null(t.artist_image_url);
  return out;
}

void create(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  json_body in{x->req().body};
  const reservation_id reservation{in.id("reservationId")};
  if (!in.ok())
    return x->reply(in.error());
  f.ask<transfer_view>(x, deps->desk,
                       create_listing{reservation, x->req().who->user, x->req().trace},
                       [](const transfer_view& t) {
                         return json_response({{"transfer", row_json(t)},
                                               {"message", "Transfer listed successfully"}});
                       });
}

void list(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  list_transfers query;
  if (const auto artist = x->req().query_value("artistId"); artist && !artist->empty()) {
    const auto id = parse_id<artist_id>(*artist);
    if (!id)
      return x->reply(validation_response({{"artistId", "artistId must be a UUID"}}));
    query.artist = *id;
  }
  const auto page = query_number(x, "page", 1, 1, page_max);
  if (!page)
    return;
  const auto limit = query_number(x, "limit", 20, 1, limit_max);
  if (!limit)
    return;
  query.page = static_cast<std::int32_t>(*page);
  query.limit = static_cast<std::int32_t>(*limit);
  f.ask<transfer_page>(x, deps->desk, query, [query](const transfer_page& found) {
    auto rows = json::array();
    for (const auto& t : found.transfers)
      rows.push_back(listed_json(t));
    return json_response({{"transfers", std::move(rows)},
                          {"pagination",
                           {{"total", found.total},
                            {"page", query.page},
                            {"limit", query.limit},
                            {"totalPages", (found.total + query.limit - 1) / query.limit}}}});
  });
}

void list_mine(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  f.ask<transfer_page>(x, deps->desk, list_own_transfers{x->req().who->user},
                       [](const transfer_page& found) {
                         auto rows = json::array();
                         for (const auto& t : found.transfers)
                           rows.push_back(own_json(t));
                         return json_response({{"transfers", std::move(rows)}});
                       });
}

void show(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  if (const auto id = capture_id(x, 0))
    f.ask<transfer_view>(x, deps->desk, get_transfer{transfer_id{*id}}, [](const transfer_view& t) {
      auto shown = listed_json(t);
      shown["poster_image_url"] = text_or_null(t.poster_url);
      return json_response({{"transfer", std::move(shown)}});
    });
}

void cancel(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  if (const auto id = capture_id(x, 0))
    f.ask<listing_cancelled>(x, deps->desk,
                             cancel_listing{transfer_id{*id}, x->req().who->user, x->req().trace},
                             [](const listing_cancelled&) {
                               return json_response({{"message", "Transfer cancelled"}});
                             });
}

} // namespace

void add_transfer_routes(router& routes, transfer_routes deps) {
  const auto shared = std::make_shared<const transfer_routes>(std::move(deps));
  const auto add = [&](verb method, std::string pattern, body_rule body, auto handle) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = access::user;
    r.body = body;
    // A reservation is listed once at a time, and what is cancelled stays so.
    if (method == verb::post)
      r.repeats = repeatable::safely;
    r.handle = [shared, handle](front& f, const exchange_ptr& x) { handle(f, x, shared); };
    routes.add(std::move(r));
  };
  add(verb::post, "/api/transfers", body_rule::json, create);
  add(verb::get, "/api/transfers", body_rule::none, list);
  add(verb::get, "/api/transfers/my", body_rule::none, list_mine);
  add(verb::get, "/api/transfers/{id}", body_rule::none, show);
  add(verb::post, "/api/transfers/{id}/cancel", body_rule::none, cancel);
}

} // namespace tiketi::net
