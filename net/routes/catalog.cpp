#include "net/routes/catalog.hpp"

#include "actors/catalog/search.hpp"
#include "net/http/json_body.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace tiketi::net {

namespace {

constexpr std::int32_t page_max = 1'000'000;
constexpr std::int32_t limit_max = 100;
constexpr std::size_t search_bytes_max = 255;

response to_response(const catalog::answer& a) {
  response out;
  out.shared_body = a.body;
  return out;
}

void list_events(front& f, const exchange_ptr& x, const catalog::catalog_actor& target) {
  catalog::get_events query;
  if (const auto status = x->req().query_value("status")) {
    if (const auto word = catalog::fold(*status); !word.empty()) {
      query.filter.status = catalog::parse_status(word);
      query.nothing = !query.filter.status;
    }
  }
  if (const auto text = x->req().query_value("q")) {
    if (text->size() > search_bytes_max)
      return x->reply(validation_response(
          {{"q", fmt::format("q must have at most {} bytes", search_bytes_max)}}));
    query.filter.text = catalog::fold(*text);
  }
  const auto page = clamped_query_number(x, "page", 1, page_max);
  if (!page)
    return;
  const auto limit = clamped_query_number(x, "limit", 10, limit_max);
  if (!limit)
    return;
  query.filter.page = *page;
  query.filter.limit = *limit;
  f.ask<catalog::answer>(x, target, std::move(query), to_response);
}

void show_event(front& f, const exchange_ptr& x, const catalog::catalog_actor& target) {
  if (const auto id = capture_id(x, 0))
    f.ask<catalog::answer>(x, target, catalog::get_event{event_id{*id}}, to_response);
}

void list_artists(front& f, const exchange_ptr& x, const catalog::catalog_actor& target) {
  const auto page = clamped_query_number(x, "page", 1, page_max);
  if (!page)
    return;
  const auto limit = clamped_query_number(x, "limit", 50, limit_max);
  if (!limit)
    return;
  f.ask<catalog::answer>(x, target, catalog::get_artists{*page, *limit}, to_response);
}

void show_artist(front& f, const exchange_ptr& x, const catalog::catalog_actor& target) {
  if (const auto id = capture_id(x, 0))
    f.ask<catalog::answer>(x, target, catalog::get_artist{artist_id{*id}}, to_response);
}

using show_fn = void (*)(front&, const exchange_ptr&, const catalog::catalog_actor&);

} // namespace

void add_catalog_routes(router& routes, catalog_routes deps) {
  auto add = [&](std::string pattern, show_fn show) {
    route r;
    r.method = verb::get;
    r.pattern = std::move(pattern);
    r.handle = [target = deps.catalog, show](front& f, const exchange_ptr& x) {
      show(f, x, target);
    };
    routes.add(std::move(r));
  };
  add("/api/events", list_events);
  add("/api/events/{id}", show_event);
  add("/api/artists", list_artists);
  add("/api/artists/{id}", show_artist);
}

} // namespace tiketi::net
