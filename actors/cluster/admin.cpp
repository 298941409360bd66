#include "actors/cluster/admin.hpp"

#include "actors/cluster/routing.hpp"
#include "actors/system/caf_error.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tiketi::cluster {

namespace {

result<draining_set> drain(cluster_store& store, const set_draining& order) {
  const auto known = store.set_draining(order.node, order.draining);
  if (!known)
    return known.error();
  if (!*known)
    return failure{errc::not_found, fmt::format("no node '{}' is a member", order.node)};
  spdlog::info("cluster: node {} {}", order.node,
               order.draining ? "is told to give its events away" : "may own events again");
  const auto view = store.view();
  if (!view)
    return view.error();
  return draining_set{view->epoch};
}

template <class Reply>
caf::result<Reply> answer(result<Reply> outcome) {
  if (!outcome)
    return to_caf(outcome.error());
  return std::move(*outcome);
}

admin_actor::behavior_type admin(admin_actor::pointer self, std::shared_ptr<cluster_store> store,
                                 admin_options options) {
  const auto is_full = [self, options] { return self->mailbox().size() > options.waiting_max; };
  return {
      [store, options, is_full](const show_cluster&) -> caf::result<cluster_overview> {
        if (is_full())
          return to_caf(errc::overloaded);
        return answer(read_overview(*store, sale_role, options.shards));
      },
      [store, options, is_full](const show_shards&) -> caf::result<shard_owners> {
        if (is_full())
          return to_caf(errc::overloaded);
        return answer(read_owners(*store, sale_role, options.shards));
      },
      [store, is_full](const set_draining& order) -> caf::result<draining_set> {
        if (is_full())
          return to_caf(errc::overloaded);
        return answer(drain(*store, order));
      },
  };
}

} // namespace

admin_actor spawn_admin(caf::actor_system& sys, std::shared_ptr<cluster_store> store,
                        admin_options options) {
  return sys.spawn<caf::detached>(admin, std::move(store), options);
}

} // namespace tiketi::cluster
