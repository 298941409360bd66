#include "actors/cluster/role.hpp"

#include "actors/cluster/courier.hpp"
#include "actors/cluster/gateway.hpp"
#include "actors/cluster/home.hpp"
#include "actors/cluster/sharing_metrics.hpp"

#include <string>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>

namespace tiketi::cluster {

result<cluster_role> start_cluster(caf::actor_system& sys, environment& env,
                                   cluster_options options, cluster_dependencies dependencies) {
  if (auto why = problem_of(options.transport))
    return failure{errc::invalid_request, std::move(*why)};
  if (auto why = problem_of(options.membership.agent.lease))
    return failure{errc::invalid_request, std::move(*why)};
  auto& who = dependencies.who;
  if (who.boot.is_nil())
    who.boot = make_uuid(env);

  cluster_role role;
  role.state = std::make_shared<node_state>(std::move(dependencies.clock));
  auto context = std::make_shared<transport_context>();
  context->env = &env;
  context->state = role.state;
  context->runs = who.runs;
  context->options = options.transport;
  context->answered = std::move(dependencies.answered);
  role.gateway = sys.spawn(gateway, transport_context_ptr{context}, options.recent);
  const auto give_up = [&](failure why) {
    stop(sys, role);
    return why;
  };
  auto port = publish(sys, role.gateway, options.transport);
  if (!port)
    return give_up(port.error());
  role.port = *port;
  if (who.address.empty()) {
    const bool v6 = options.transport.bind.find(':') != std::string::npos;
    who.address = (v6 ? "[" + options.transport.bind + "]" : options.transport.bind) + ":"
                  + std::to_string(role.port);
  }
  if (auto why = problem_of(who))
    return give_up({errc::invalid_request, std::move(*why)});
  role.membership =
      sys.spawn<caf::detached>(membership_actor, std::move(who), std::move(dependencies.store),
                               role.state, options.membership);
  caf::anon_send(role.gateway, attach_membership{role.membership});
  caf::anon_send(role.membership, watch_routes{role.gateway});
  return role;
}

sharing start_sharing(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                      const cluster_role& role, milliseconds drain_max) {
  const auto metrics = std::make_shared<sharing_metrics>(registry);
  sharing out;
  out.state = role.state;
  out.courier = sys.spawn(courier, &env, role.state, role.gateway, courier_options{}, metrics);
  out.home = sys.spawn(home, role.membership, drain_max, metrics);
  caf::anon_send(role.gateway, attach_region{std::string{sale_role}, out.home});
  return out;
}

void stop(const sharing& parts) {
  caf::anon_send_exit(parts.home, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(parts.courier, caf::exit_reason::user_shutdown);
}

void stop(caf::actor_system& sys, const cluster_role& role) {
  if (role.port != 0)
    sys.middleman().unpublish(role.gateway, role.port);
  if (role.membership)
    caf::anon_send_exit(role.membership, caf::exit_reason::user_shutdown);
  if (role.gateway)
    caf::anon_send_exit(role.gateway, caf::exit_reason::user_shutdown);
}

} // namespace tiketi::cluster
