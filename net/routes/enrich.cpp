#include "actors/catalog/enrich.hpp"

#include "net/routes/admin.hpp"
#include "net/routes/admin_json.hpp"

#include <utility>

namespace tiketi::net {

void add_enrich_route(router& routes, catalog::enrich_actor enrich, catalog::admin_actor admin) {
  route r;
  r.method = verb::post;
  r.pattern = "/api/artists/enrich";
  r.who = access::admin;
  r.refused = note_forbidden(std::move(admin), {"ENRICH_ARTIST", "artist"});
  r.handle = [enrich = std::move(enrich)](front& f, const exchange_ptr& x) {
    f.ask<catalog::artists_enriched>(
        x, enrich, catalog::enrich_artists{caller_of(x)}, [](const catalog::artists_enriched& e) {
          nlohmann::json body = {{"message", e.message}, {"enriched", e.enriched}};
          if (e.total >= 0)
            body["total"] = e.total;
          return json_response(body);
        });
  };
  routes.add(std::move(r));
}

} // namespace tiketi::net
