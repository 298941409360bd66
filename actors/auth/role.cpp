#include "actors/auth/role.hpp"

#include "actors/store/store_metrics.hpp"

#include <algorithm>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

namespace tiketi::auth {

auth_role start_auth(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                     auth_options options, auth_dependencies dependencies) {
  auth_role role;
  role.metrics = std::make_shared<auth_metrics>(registry);
  auto observe = count_commits(registry, "auth");
  role.writer =
      sys.spawn<caf::detached>(writer<auth_write, auth_written>, std::move(dependencies.writes),
                               options.writer, std::move(observe));
  role.reader = sys.spawn<caf::detached>(reader, std::move(dependencies.queries),
                                         options.queries_waiting_max);
  for (std::size_t i = 0; i < std::max<std::size_t>(options.hash_workers, 1); ++i)
    role.hashers.push_back(sys.spawn<caf::detached>(hasher, &env, options.hash));
  auth_actor_options own;
  own.access_ttl = options.access_ttl;
  own.refresh_ttl = options.refresh_ttl;
  own.rotation.grace = options.reuse_grace;
  own.backoff = options.backoff;
  own.hash_waiting_max = options.hash_waiting_max;
  own.purge_interval = options.purge_interval;
  if (!options.google.client_ids.empty())
    role.google = start_google(sys, env, std::move(dependencies.calls), options.google);
  role.auth = sys.spawn(auth, &env, role.metrics.get(), std::move(dependencies.tokens), own,
                        auth_neighbours{role.writer, role.reader, role.hashers, role.google});
  return role;
}

void stop(const auth_role& role) {
  const auto quit = caf::exit_reason::user_shutdown;
  caf::anon_send_exit(role.auth, quit);
  if (role.google)
    caf::anon_send_exit(role.google, quit);
  for (const auto& x : role.hashers)
    caf::anon_send_exit(x, quit);
  caf::anon_send_exit(role.reader, quit);
  caf::anon_send_exit(role.writer, quit);
}

} // namespace tiketi::auth
