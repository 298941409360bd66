#include "net/routes/cluster.hpp"

#include "net/http/json_body.hpp"
#include "net/routes/cluster_json.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace tiketi::net {

using nlohmann::json;

namespace {

using deps_ptr = std::shared_ptr<const cluster_routes>;

/// What this node knows of itself, without the database.
json self_json(const cluster_routes& deps, const cluster::membership_report& report) {
  const auto& state = *deps.role.state;
  const auto routes = state.routes();
  std::array<std::size_t, 5> count{};
  for (const auto& role : routes->roles)
    for (const auto shard : role.states)
      ++count[static_cast<std::size_t>(shard)];
  const auto left =
      std::chrono::duration_cast<milliseconds>(state.serves_until() - state.now()).count();
  const auto number = [&](cluster::shard_state s) { return count[static_cast<std::size_t>(s)]; };
  return {{"node", routes->self.node},
          {"incarnation", report.key.incarnation},
          {"standing", to_string_view(report.stands)},
          {"refusal", report.refusal},
          {"serving", state.may_serve()},
          {"leaseRemainingMs", std::max<std::int64_t>(0, left)},
          {"epoch", routes->view.epoch},
          {"databaseFailures", report.calls_failed},
          {"shards",
           {{"acquiring", number(cluster::shard_state::acquiring)},
            {"serving", number(cluster::shard_state::serving)},
            {"draining", number(cluster::shard_state::draining)},
            {"releasing", number(cluster::shard_state::releasing)}}}};
}

void show(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  f.ask<cluster::cluster_overview>(
      x, deps->admin, cluster::show_cluster{},
      [&f, x, deps](const cluster::cluster_overview& overview) {
        auto body = cluster_json(overview);
        f.ask<cluster::membership_report>(
            x, deps->role.membership, cluster::ask_membership{},
            [deps, body = std::move(body)](const cluster::membership_report& report) mutable {
              body["cluster"] = report.cluster;
              body["self"] = self_json(*deps, report);
              return json_response(body);
            });
      });
}

void show_shards(front& f, const exchange_ptr& x, const deps_ptr& deps) {
  f.ask<cluster::shard_owners>(
      x, deps->admin, cluster::show_shards{},
      [](const cluster::shard_owners& owners) { return json_response(shards_json(owners)); });
}

void set_draining(front& f, const exchange_ptr& x, const deps_ptr& deps, bool draining) {
  json_body in{x->req().body};
  auto node = in.text("node", {.min = 1, .max = 64});
  if (!in.ok())
    return x->reply(in.error());
  f.ask<cluster::draining_set>(
      x, deps->admin, cluster::set_draining{node, draining},
      [node, draining](const cluster::draining_set& done) {
        return json_response({{"node", node}, {"draining", draining}, {"epoch", done.epoch}});
      });
}

} // namespace

void add_cluster_routes(router& routes, cluster_routes deps) {
  const auto shared = std::make_shared<const cluster_routes>(std::move(deps));
  const auto add = [&](verb method, std::string pattern, body_rule body, auto handle) {
    route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.who = access::internal;
    r.limit = rate_category::exempt;
    r.body = body;
    r.handle = [shared, handle](front& f, const exchange_ptr& x) { handle(f, x, shared); };
    routes.add(std::move(r));
  };
  add(verb::get, "/internal/cluster", body_rule::none, show);
  add(verb::get, "/internal/cluster/shards", body_rule::none, show_shards);
  add(verb::post, "/internal/cluster/drain", body_rule::json,
      [](front& f, const exchange_ptr& x, const deps_ptr& d) { set_draining(f, x, d, true); });
  add(verb::post, "/internal/cluster/join", body_rule::json,
      [](front& f, const exchange_ptr& x, const deps_ptr& d) { set_draining(f, x, d, false); });
}

} // namespace tiketi::net
