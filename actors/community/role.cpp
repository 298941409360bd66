#include "actors/community/role.hpp"

#include "actors/community/demo_data.hpp"
#include "actors/community/reader.hpp"
#include "actors/store/store_metrics.hpp"

#include <stdexcept>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace tiketi::community {

community_role start_community(caf::actor_system& sys, environment& env,
                               prometheus::Registry& registry, community_options options,
                               community_dependencies dependencies) {
  if (!dependencies.writes || dependencies.readers.empty() || !dependencies.outbox
      || !dependencies.accounts || !dependencies.artists)
    throw std::invalid_argument("start_community: a dependency is missing");
  auto metrics = std::make_shared<community_metrics>(registry);
  community_role role;
  role.writer = sys.spawn<caf::detached>(writer<community_write, community_written>,
                                         std::move(dependencies.writes), options.writer,
                                         count_commits(registry, "community"));
  std::vector<reader_actor> readers;
  for (auto& store : dependencies.readers)
    readers.push_back(
        sys.spawn<caf::detached>(reader, std::move(store), options.queries_waiting_max));
  relay_options relay = dependencies.relay;
  relay.role = "community";
  relay.registry = &registry;
  role.relay = spawn_relay(sys, env, spawn_outbox(sys, env, std::move(dependencies.outbox)),
                           std::move(dependencies.subscriptions), std::move(relay));
  role.community =
      spawn_community(sys, env, std::move(metrics), options,
                      {role.writer, std::move(readers), std::move(dependencies.accounts),
                       std::move(dependencies.artists), role.relay});
  return role;
}

void stop(const community_role& role) {
  caf::anon_send_exit(role.community, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.relay, caf::exit_reason::user_shutdown);
}

result<bool> seed_demo_news(caf::actor_system& sys, environment& env, const community_role& role) {
  caf::scoped_actor self{sys};
  result<bool> out = failure{errc::unavailable};
  community_write command{seed_news{make_demo_news(env.now())}, env.now(), {}};
  self->request(role.writer, std::chrono::seconds{60}, std::move(command))
      .receive(
          [&out](const community_written& written) {
            if (written.status == commit_status::committed)
              out = written.rows > 0;
          },
          [&out](const caf::error& err) { out = to_failure(err); });
  return out;
}

} // namespace tiketi::community
