#include "actors/bus/type_ids.hpp"
#include "actors/catalog/type_ids.hpp"
#include "actors/cluster/departure.hpp"
#include "actors/cluster/home.hpp"
#include "actors/cluster/metrics.hpp"
#include "actors/cluster/watcher.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/vwr/type_ids.hpp"
#include "net/client/curl_transport.hpp"
#include "net/redis/client.hpp"
#include "storage/sql/cluster_store.hpp"
#include "storage/sql/news_store.hpp"
#include "storage/sql/outbox_cursors.hpp"
#include "tools/tiketi/event_bus.hpp"
#include "tools/tiketi/node_impl.hpp"

#include <stdexcept>

#include <caf/scoped_actor.hpp>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi {

/// Feeds what listens to one role, over a connection of its own.
relay_actor node::impl::relay(const std::string& role, std::vector<subscription> to) {
  auto options = relaying(role);
  options.role = role;
  options.registry = registry.get();
  return spawn_relay(sys, *env, spawn_outbox(sys, *env, outbox(role)), feed(role, std::move(to)),
                     std::move(options));
}

/// The consumers of one role's relay, or the way to them. Those of the time when events went the
/// other way are forgotten, because nobody would move their cursors.
std::vector<subscription> node::impl::feed(std::string_view role, std::vector<subscription> to) {
  if (bus)
    to = bus->feed(topics_of(role), std::move(to));
  std::vector<std::string> consumers;
  consumers.reserve(to.size());
  for (const auto& sub : to)
    consumers.push_back(sub.consumer);
  auto db = connect(role);
  if (auto registered = sql::keep_cursors(db, consumers); !registered)
    throw std::runtime_error(fmt::format("{}: {}", role, registered.error().text));
  return to;
}

/// Work that one node of the cluster does at a time; empty where there is no cluster.
cluster::on_duty node::impl::duty(std::string_view name) const {
  return cluster::duty_of(cluster_role ? cluster_role->state : nullptr, name);
}

/// Statistics, points and webhooks do not mind a moment, and the sale has the processors to itself
/// when their events travel together.
relay_options node::impl::relaying(std::string_view role) const {
  relay_options options;
  options.linger = milliseconds{20};
  if (cluster_role) { // nobody tells it what other nodes have written
    options.on_duty = duty(fmt::format("relay/{}", role));
    options.tick = options.poll = milliseconds{100};
  }
  if (bus) // which batches, and keeps the order of a key
    options.in_flight_max = options.held_max;
  return options;
}

void node::impl::start_bus() {
  if (values.bus_kind == "kafka")
    bus = std::make_unique<kafka::kafka_bus>(sys, *env, *registry, kafka_options_of(values));
}

void node::impl::join_cluster() {
  if (!values.cluster_enabled)
    return;
  const auto metrics = std::make_shared<cluster::cluster_metrics>(*registry);
  kept.push_back(metrics);
  auto who = member_of(values);
  process = who.boot = make_uuid(*env);
  cluster_role = must(
      cluster::start_cluster(sys, *env, cluster_options_of(values),
                             {.who = std::move(who),
                              .store = sql::make_cluster_store(connect("cluster")),
                              .answered =
                                  [&seconds = metrics->round_trip](std::chrono::nanoseconds took) {
                                    seconds.Observe(std::chrono::duration<double>(took).count());
                                  }}),
      "cluster");
  cluster_admin = cluster::spawn_admin(sys, sql::make_cluster_store(connect("cluster")));
  cluster_watcher =
      sys.spawn(cluster::cluster_watcher, *cluster_role, metrics, cluster::watcher_options{});
  spdlog::info("cluster: node {} on {}:{}", member_of(values).node, values.cluster_address,
               cluster_role->port);
  sharing_parts = cluster::start_sharing(sys, *env, *registry, *cluster_role);
}

/// All regions run: what other nodes ask may come in.
void node::impl::share_sales() {
  if (!cluster_role)
    return;
  cluster::services offered;
  ticket::offer(offered, ticket_role->region);
  queue::offer(offered, queue_role->region);
  vwr::offer(offered, room_role->region);
  payment::offer(offered, payment_role->region);
  caf::anon_send(sharing_parts.home,
                 cluster::attach_regions{{ticket_role->region, queue_role->region,
                                          room_role->region, payment_role->region},
                                         std::move(offered)});
}

/// Half of the time for the others to take what is this node's, which serves it meanwhile.
void node::impl::hand_over() {
  leaving = true;
  const auto done = cluster::hand_over(sys, *cluster_role, cluster_admin,
                                       milliseconds{values.runtime_shutdown_timeout} / 2);
  if (done == cluster::handed_over::all)
    spdlog::info("cluster: the other nodes have what was this node's");
  else if (done == cluster::handed_over::part)
    spdlog::warn("cluster: not all could be handed over in time; the rest follows with the end of "
                 "the lease");
}

remote::remote_options node::impl::calls() const {
  remote::remote_options options;
  options.connect_timeout = values.remote_connect_timeout;
  options.attempt_timeout = values.remote_attempt_timeout;
  options.response_bytes_max = static_cast<std::size_t>(values.remote_response_bytes_max);
  options.in_flight_max = static_cast<std::size_t>(values.remote_in_flight_max);
  options.retry = {static_cast<std::uint32_t>(values.remote_attempts_max), values.remote_retry_wait,
                   values.remote_retry_wait_max};
  options.breaker = {.window = static_cast<std::size_t>(values.remote_breaker_window),
                     .failure_percent = static_cast<int>(values.remote_breaker_failure_percent),
                     .slow_percent = static_cast<int>(values.remote_breaker_slow_percent),
                     .slow_after = values.remote_breaker_slow,
                     .open_for = values.remote_breaker_open,
                     .trials = static_cast<std::size_t>(values.remote_breaker_trials)};
  options.spans = spans.get();
  return options;
}

void node::impl::start_remote() {
  std::vector<std::string> targets{"toss", "google"};
  if (values.trace_otlp_url != "off") {
    spans = trace::make_span_buffer(*registry, trace::exporter_options{}.spans_max);
    targets.emplace_back(trace::collector);
  }
  outside = net::make_curl_transport({});
  remote_client = remote::start_remote(sys, *env, *registry, calls(), outside, std::move(targets));
  if (!spans)
    return;
  trace::exporter_options options;
  options.url = values.trace_otlp_url;
  options.headers = config::parse_headers(values.trace_otlp_headers).value();
  options.from = {values.trace_service, to_string(make_uuid(*env)), TIKETI_VERSION};
  exporter = trace::start_exporter(sys, *registry, std::move(options), spans, remote_client);
}

/// The last spans; a collector that is away does not hold up the end.
void node::impl::stop_tracing() {
  if (!exporter)
    return;
  constexpr std::chrono::seconds patience{2};
  caf::scoped_actor self{sys};
  self->request(exporter, patience, trace::flush{})
      .receive([](bool) {},
               [](const caf::error&) { spdlog::warn("trace: the last spans could not be sent"); });
  caf::anon_send_exit(exporter, caf::exit_reason::user_shutdown);
}

void node::impl::start_redis() {
  if (!values.redis_enabled)
    return;
  net::redis_options options;
  options.host = values.redis_host;
  options.port = static_cast<std::uint16_t>(values.redis_port);
  options.user = values.redis_user;
  options.password = values.redis_password;
  options.database = static_cast<int>(values.redis_database);
  options.cluster = values.redis_cluster;
  options.connections = static_cast<std::size_t>(values.redis_connections);
  options.in_flight_max = static_cast<std::size_t>(values.redis_in_flight_max);
  options.connect_timeout = values.redis_connect_timeout;
  options.silence_max = values.redis_silence_max;
  options.reconnect.max = values.redis_reconnect_wait_max;
  redis_calls = net::make_redis_client(*env, *registry, std::move(options));
  ticket::redis_guard_options guard;
  guard.deadline = values.redis_guard_deadline;
  guard.lock_life = values.redis_seat_lock;
  // An answer just before the deadline is a warning as good as one that never comes.
  guard.breaker.slow_after = values.redis_guard_deadline * 4 / 5;
  guard.breaker.open_for = values.redis_guard_open;
  seat_guard = ticket::spawn_redis_guard(sys, *env, *registry, redis_calls, guard);
}

/// What other nodes change, for what this one keeps in memory: begins before any of that is read.
void node::impl::open_news() {
  if (!cluster_role)
    return;
  for (const std::string_view role : {"ticket", "catalog"}) {
    auto store = sql::make_news_store(connect(role), role == "ticket");
    const auto since = must(store->version(), role);
    news.push_back({std::move(store), since, {}});
  }
}

/// Once those are there whom it tells.
void node::impl::watch_news() {
  if (news.empty())
    return;
  news[0].tell = [changed = ticket_role->event_changed](const tiketi::news& fresh) {
    for (const auto& event : fresh.events)
      changed(event);
  };
  news[1].tell = [catalog = catalog_role->catalog](const tiketi::news&) {
    caf::anon_send(catalog, catalog::catalog_changed{});
  };
  news_watch = catalog::start_news_watch(sys, *env, {.node = member_of(values).node},
                                         std::exchange(news, {}));
}

sqs::queue_access node::impl::queue_access(const std::string& queue_url) const {
  return {queue_url,
          config::sqs_endpoint_of(values, queue_url),
          values.sqs_region,
          values.sqs_access_key_id,
          values.sqs_secret_access_key,
          values.sqs_session_token};
}

} // namespace tiketi
