#pragma once

#include "actors/auth/role.hpp"
#include "actors/base/environment.hpp"
#include "actors/bus/relay.hpp"
#include "actors/catalog/admin.hpp"
#include "actors/catalog/enrich.hpp"
#include "actors/catalog/images.hpp"
#include "actors/catalog/news_watch.hpp"
#include "actors/catalog/role.hpp"
#include "actors/cluster/admin.hpp"
#include "actors/cluster/duty.hpp"
#include "actors/cluster/role.hpp"
#include "actors/community/role.hpp"
#include "actors/event/role.hpp"
#include "actors/idempotency/role.hpp"
#include "actors/payment/role.hpp"
#include "actors/queue/role.hpp"
#include "actors/remote/role.hpp"
#include "actors/seat/redis_guard.hpp"
#include "actors/sqs/role.hpp"
#include "actors/stats/role.hpp"
#include "actors/system/actor_config.hpp"
#include "actors/token/tokens.hpp"
#include "actors/trace/exporter.hpp"
#include "actors/vwr/role.hpp"
#include "actors/webhook/role.hpp"
#include "actors/worker/worker_actor.hpp"
#include "net/http/entry_gate.hpp"
#include "net/http/health.hpp"
#include "net/http/server.hpp"
#include "net/kafka/bus.hpp"
#include "net/routes/streams.hpp"
#include "tools/tiketi/cluster_options.hpp"
#include "tools/tiketi/databases.hpp"
#include "tools/tiketi/node.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <prometheus/registry.h>

// Of node*.cpp: what a node is made of. node.cpp says in which order it comes and goes,
// node_parts.cpp what its roles stand on, node_roles.cpp the roles, node_http.cpp how they are
// reached.

namespace tiketi {

inline std::size_t threads(std::int64_t wanted) {
  if (wanted > 0)
    return static_cast<std::size_t>(wanted);
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 2, 64);
}

template <class T>
T must(result<T> made, std::string_view what) {
  if (!made)
    throw std::runtime_error(fmt::format("{}: {}", what, made.error().text));
  return std::move(*made);
}

/// Settings of the actor system, with those of the network where there are other nodes.
class node_config : public actor_config {
public:
  explicit node_config(const config::settings& values)
      : actor_config(threads(values.runtime_actor_threads)) {
    if (values.cluster_enabled)
      cluster::prepare(*this, transport_of(values));
  }
};

struct node::impl {
  impl(const config::settings& s, const data_directory& d)
      : values(s), data(d), actor_settings(s) {}
  ~impl() { stop(); }

  sql::database connect(std::string_view role) const { return open_database(data, role, values); }
  sql::database connect_reading(std::string_view role) const {
    return open_reading(data, role, values);
  }
  /// For what belongs to this node's events: written while its lease holds.
  sql::database connect_fenced(std::string_view role) const {
    std::function<bool()> may_write;
    if (cluster_role)
      may_write = [state = cluster_role->state] { return state->may_serve(); };
    return open_fenced(data, role, values, process, std::move(may_write));
  }
  std::unique_ptr<outbox_store> outbox(std::string_view role) const {
    return sql::make_outbox_store(connect(role));
  }

  std::vector<subscription> feed(std::string_view role, std::vector<subscription> to);
  relay_options relaying(std::string_view role) const;
  cluster::on_duty duty(std::string_view name) const;
  void open_news();
  void watch_news();
  relay_actor relay(const std::string& role, std::vector<subscription> to);

  void start();
  void start_bus();
  void join_cluster();
  net::health_probe cluster_probe() const;
  bool is_leaving() const;
  void hand_over();
  void share_sales();
  cluster::shard_access sharding() const {
    return {sharing_parts.state, sharing_parts.courier, replica_rules_of(values),
            sharing_parts.home};
  }
  remote::remote_options calls() const;
  void start_remote();
  void stop_tracing();
  void start_redis();
  void start_webhook();
  void start_auth();
  void start_ticket();
  void start_catalog();
  void start_admin();
  sqs::queue_access queue_access(const std::string& queue_url) const;
  void start_notices();
  void start_queue();
  void start_rooms();
  void start_payment();
  void start_community();
  void start_stats();
  void start_keeper();
  void start_worker();
  void connect_roles();
  void add_demo();
  void await_catalog();
  net::stream_routes start_streams(const net::entry_gate& gate);
  void listen();
  void add_rooms(net::router& routes) const;
  std::unique_ptr<net::server> make_server(std::shared_ptr<const net::router> routes,
                                           std::int64_t port);
  void stop();

  const config::settings values;
  const data_directory& data;
  std::optional<sql::database> claim; ///< ends after everything that writes

  // What actors refer to is declared before the actor system and so outlives it; what refers to
  // actors comes after it.
  std::unique_ptr<environment> env = make_system_environment();
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  node_config actor_settings;
  std::optional<session_tokens> sessions;
  std::optional<entry_tokens> entries;
  std::string room_secret;
  std::optional<room_tokens> room_passes;
  std::vector<std::shared_ptr<const void>> kept; ///< metrics that actors point to
  std::shared_ptr<trace::span_buffer> spans;     ///< null: nothing is recorded
  std::shared_ptr<remote::transport> outside;    ///< calls to other systems
  std::shared_ptr<remote::transport> receivers;  ///< calls to webhooks
  std::shared_ptr<redis::client> redis_calls;    ///< null: not used
  caf::actor_system sys{actor_settings};
  std::optional<cluster::cluster_role> cluster_role; ///< none: this node is alone
  uuid process; ///< of a cluster: this process, whatever its name
  cluster::admin_actor cluster_admin;
  caf::actor cluster_watcher;
  cluster::sharing sharing_parts;
  remote::client_actor remote_client;
  trace::exporter_actor exporter;
  ticket::guard_actor seat_guard; ///< null: the ticket role has one of its own
  caf::actor rate_reporter;
  std::vector<catalog::news_source> news; ///< until somebody hears them
  catalog::news_watch news_watch;         ///< null: no other nodes
  std::optional<webhook::webhook_role> webhook_role;
  std::optional<auth::auth_role> auth_role;
  std::optional<catalog::catalog_role> catalog_role;
  std::optional<catalog::admin_role> admin_role;
  ticket::admin_reader ticket_admin;
  catalog::image_actor images;
  remote::client_actor catalog_remote;
  std::optional<catalog::enrich_role> enrich_role;
  std::optional<ticket::ticket_role> ticket_role;
  std::optional<sqs::sqs_role> notices; ///< none: nobody is told of admissions
  relay_actor queue_relay;              ///< null: nobody listens
  std::optional<queue::queue_role> queue_role;
  std::optional<vwr::room_role> room_role;
  std::optional<payment::payment_role> payment_role;
  std::optional<community::community_role> community_role;
  std::optional<stats::stats_role> stats_role;
  std::optional<idempotency::keeper_role> keeper_role;
  std::optional<worker::worker_role> worker_role; ///< none: nobody asks through SQS
  consumer_actor catalog_consumer;
  relay_actor auth_relay;
  consumer_actor member_consumer;   ///< of `membership-events`, for the catalog
  consumer_actor benefits_consumer; ///< of what is told to members and about them
  relay_actor catalog_relay;
  relay_actor ticket_relay;
  std::unique_ptr<kafka::kafka_bus> bus; ///< null: events stay in this process
  net::seat_hub_actor seat_hub;
  net::queue_hub_actor queue_hub;
  std::shared_ptr<net::health_monitor> health;
  std::shared_ptr<net::rate_limiter> limits; ///< one for all servers; null: none
  std::unique_ptr<net::server> front;
  std::unique_ptr<net::server> management;
  bool stopped = false;
  std::atomic<bool> leaving{false}; ///< others shall take over
};

} // namespace tiketi
