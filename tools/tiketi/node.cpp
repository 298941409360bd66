#include "tools/tiketi/node.hpp"

#include "actors/auth/role.hpp"
#include "actors/base/environment.hpp"
#include "actors/bus/relay.hpp"
#include "actors/bus/topic_dispatch.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/catalog/admin.hpp"
#include "actors/catalog/enrich.hpp"
#include "actors/catalog/images.hpp"
#include "actors/catalog/member_consumer.hpp"
#include "actors/catalog/news_watch.hpp"
#include "actors/catalog/role.hpp"
#include "actors/catalog/type_ids.hpp"
#include "actors/cluster/admin.hpp"
#include "actors/cluster/departure.hpp"
#include "actors/cluster/duty.hpp"
#include "actors/cluster/home.hpp"
#include "actors/cluster/metrics.hpp"
#include "actors/cluster/role.hpp"
#include "actors/cluster/watcher.hpp"
#include "actors/community/role.hpp"
#include "actors/event/catalog_consumer.hpp"
#include "actors/event/role.hpp"
#include "actors/idempotency/role.hpp"
#include "actors/membership/membership.hpp"
#include "actors/membership/membership_actor.hpp"
#include "actors/payment/role.hpp"
#include "actors/payment/toss.hpp"
#include "actors/queue/role.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/remote/role.hpp"
#include "actors/seat/redis_guard.hpp"
#include "actors/sqs/role.hpp"
#include "actors/stats/role.hpp"
#include "actors/system/actor_config.hpp"
#include "actors/token/tokens.hpp"
#include "actors/trace/exporter.hpp"
#include "actors/vwr/role.hpp"
#include "actors/vwr/type_ids.hpp"
#include "actors/webhook/role.hpp"
#include "actors/worker/worker_actor.hpp"
#include "net/client/curl_transport.hpp"
#include "net/http/entry_gate.hpp"
#include "net/http/health.hpp"
#include "net/http/idempotency.hpp"
#include "net/http/rate_reporter.hpp"
#include "net/http/server.hpp"
#include "net/http/shared_rate_limiter.hpp"
#include "net/kafka/bus.hpp"
#include "net/redis/client.hpp"
#include "net/routes/admin.hpp"
#include "net/routes/auth.hpp"
#include "net/routes/catalog.hpp"
#include "net/routes/cluster.hpp"
#include "net/routes/community.hpp"
#include "net/routes/docs.hpp"
#include "net/routes/images.hpp"
#include "net/routes/internal_tickets.hpp"
#include "net/routes/memberships.hpp"
#include "net/routes/payments.hpp"
#include "net/routes/queue.hpp"
#include "net/routes/reservations.hpp"
#include "net/routes/seats.hpp"
#include "net/routes/stats.hpp"
#include "net/routes/streams.hpp"
#include "net/routes/tickets.hpp"
#include "net/routes/transfers.hpp"
#include "net/routes/vwr.hpp"
#include "net/routes/webhooks.hpp"
#include "storage/files/image_store.hpp"
#include "storage/sql/auth_store.hpp"
#include "storage/sql/catalog_admin_store.hpp"
#include "storage/sql/catalog_store.hpp"
#include "storage/sql/cluster_store.hpp"
#include "storage/sql/community_store.hpp"
#include "storage/sql/idempotency_store.hpp"
#include "storage/sql/membership_store.hpp"
#include "storage/sql/news_store.hpp"
#include "storage/sql/outbox_cursors.hpp"
#include "storage/sql/payment_store.hpp"
#include "storage/sql/queue_journal.hpp"
#include "storage/sql/stats_store.hpp"
#include "storage/sql/ticket_admin_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "storage/sql/transfer_store.hpp"
#include "storage/sql/vwr_store.hpp"
#include "storage/sql/webhook_store.hpp"
#include "tools/tiketi/cluster_options.hpp"
#include "tools/tiketi/databases.hpp"
#include "tools/tiketi/event_bus.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi {

namespace {

std::size_t threads(std::int64_t wanted) {
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

/// How long the first start may take to fill the databases.
constexpr std::chrono::seconds demo_timeout{60};
/// How long it may wait for a broker that cannot be reached.
constexpr std::chrono::seconds broker_timeout{5};

/// How long a stop waits for messages of the worker's queue that are being run.
constexpr milliseconds worker_patience{3000};

/// How long a stop waits for events on their way to a broker; the others stay in the outbox.
constexpr milliseconds bus_patience{500};

/// Is there an answer at all? A role that says `not_found` is well.
template <class Reply, class Handle, class Message>
net::health_probe probe(caf::actor_system& sys, std::string name, Handle target, Message question) {
  auto ask = [&sys, target, question](std::function<void(std::string)> done) {
    sys.spawn([target, question, done](caf::event_based_actor* self) {
      self->request(target, std::chrono::seconds{2}, question)
          .then([done](const Reply&) { done({}); },
                [done](const caf::error& err) {
                  const auto code = to_failure(err).code;
                  const bool well = code == errc::not_found || code == errc::invalid_request;
                  done(well ? std::string{} : std::string{to_string_view(code)});
                });
    });
  };
  return {std::move(name), true, std::move(ask)};
}

/// What the HTTP servers of this process have answered to its users, from their own counters.
/// Probes of health are no use of the system, and one that says "not yet" is no failure.
stats::request_totals answered_requests(const prometheus::Registry& registry) {
  stats::request_totals out;
  for (const auto& family : registry.Collect()) {
    if (family.name != "http_server_requests_seconds")
      continue;
    for (const auto& metric : family.metric) {
      bool failed = false;
      bool probe = false;
      for (const auto& label : metric.label) {
        failed = failed || (label.name == "status" && label.value.starts_with('5'));
        probe = probe
                || (label.name == "uri"
                    && (label.value == "/health" || label.value.starts_with("/actuator/")));
      }
      const auto count = static_cast<std::int64_t>(metric.histogram.sample_count);
      out.requests += probe ? 0 : count;
      out.failed += failed && !probe ? count : 0;
    }
  }
  return out;
}

} // namespace

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

node::node(const config::settings& values, const data_directory& data)
    : impl_(std::make_unique<impl>(values, data)) {
  impl_->start();
}

node::~node() = default;

std::uint16_t node::port() const noexcept {
  return impl_->front->port();
}

void node::stop() {
  impl_->stop();
}

void node::impl::start() {
  const auto begin = std::chrono::steady_clock::now();
  claim = claim_databases(data, values);
  if (const auto steps = migrate_all(data, values); steps > 0)
    spdlog::info("databases: {} migration steps applied", steps);
  sessions = must(session_tokens::make(values.auth_jwt_secret), "JWT_SECRET");
  entries = must(entry_tokens::make(values.queue_entry_token_secret), "QUEUE_ENTRY_TOKEN_SECRET");
  room_secret = values.vwr_token_secret.empty()
                    ? derive_secret(values.queue_entry_token_secret, "waiting room")
                    : values.vwr_token_secret;
  room_passes = must(room_tokens::make(room_secret), "VWR_TOKEN_SECRET");

  start_bus();
  join_cluster();
  // From those that are asked to those that ask. Ticket, queue and payment know each other, so the
  // ticket role learns of the others last, before anybody can reach it.
  start_remote();
  start_redis();
  start_webhook();
  start_auth();
  start_stats();
  open_news();
  start_ticket();
  start_catalog();
  watch_news();
  start_admin();
  start_notices();
  start_queue();
  start_rooms();
  start_payment();
  start_community();
  start_keeper();
  connect_roles();
  share_sales();
  if (values.demo_enabled)
    add_demo();
  await_catalog();
  listen();
  start_worker();
  const auto took = std::chrono::steady_clock::now() - begin;
  spdlog::info("listening on http://{}:{} (data {}, durability {}, payments by {}; ready after "
               "{} ms)",
               values.http_address, front->port(), data.path().string(), values.data_durability,
               values.payment_provider, std::chrono::duration_cast<milliseconds>(took).count());
}

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

/// A node that is no member can do nothing that belongs to an event.
net::health_probe node::impl::cluster_probe() const {
  return {"cluster", true, [state = cluster_role->state](const auto& done) {
            done(state->may_serve() ? "" : "this node is no member, or cannot renew its lease");
          }};
}

/// Proxies shall send their requests to others.
bool node::impl::is_leaving() const {
  if (leaving || front->is_draining())
    return true;
  if (!cluster_role)
    return false;
  const auto routes = cluster_role->state->routes();
  const auto* self = routes->view.find(routes->self.node);
  return !cluster_role->state->may_serve() || (self != nullptr && self->draining);
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

/// Before every role whose events it gets.
void node::impl::start_webhook() {
  webhook::webhook_options options;
  options.limits = {values.webhook_webhooks_max, values.webhook_webhooks_per_organiser,
                    values.webhook_pending_max, values.webhook_dead_letters_max};
  options.schedule.per_webhook_max = static_cast<std::size_t>(values.webhook_in_flight_per_webhook);
  options.schedule.shared_max = static_cast<std::size_t>(values.webhook_in_flight_max);
  options.retry.attempts_max = static_cast<std::uint32_t>(values.webhook_attempts_max);
  options.retry.wait_first = values.webhook_retry_wait;
  options.retry.wait_max = values.webhook_retry_wait_max;
  options.retry.age_max = values.webhook_age_max;
  options.retry.hold = values.remote_breaker_open;
  options.attempt_timeout = values.webhook_attempt_timeout;
  options.secret_overlap = values.webhook_secret_overlap;
  options.keep_delivered = values.webhook_keep_delivered;
  options.keep_dead = values.webhook_keep_dead;
  options.on_duty = duty("webhook/deliveries");
  auto made = calls();
  made.response_bytes_max = static_cast<std::size_t>(values.webhook_response_bytes_max);
  // As many connections as there may be deliveries: none waits for a slow receiver's.
  const auto connections = options.schedule.shared_max + options.tests_max
                           + static_cast<std::size_t>(values.webhook_webhooks_max);
  receivers =
      net::make_curl_transport({.connections_max = connections,
                                .connections_per_host_max = connections,
                                .public_addresses_only = !values.webhook_allow_private_addresses});
  webhook_role = webhook::start_webhook(
      sys, *env, *registry, options, made,
      {.writes = sql::make_webhook_writes(connect("webhook")),
       .own_queries = sql::make_webhook_queries(connect_reading("webhook")),
       .front_queries = sql::make_webhook_queries(connect_reading("webhook")),
       .via = receivers});
}

void node::impl::start_auth() {
  auth::auth_options options;
  options.access_ttl = values.auth_access_ttl;
  options.refresh_ttl = values.auth_refresh_ttl;
  options.hash.memory_kib = static_cast<std::uint32_t>(values.auth_argon2_memory_kib);
  options.hash.passes = static_cast<std::uint32_t>(values.auth_argon2_iterations);
  options.hash_workers = static_cast<std::size_t>(values.auth_password_threads);
  options.hash_waiting_max = static_cast<std::size_t>(values.auth_password_waiting_max);
  options.google.client_ids = values.auth_google_client_ids;
  options.google.keys_url = values.auth_google_keys_url;
  auth_role = auth::start_auth(sys, *env, *registry, options,
                               {.tokens = *sessions,
                                .writes = sql::make_auth_writes(connect("auth")),
                                .queries = sql::make_auth_queries(connect_reading("auth")),
                                .calls = remote_client});
  kept.push_back(auth_role->metrics);
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

void node::impl::start_ticket() {
  ticket::ticket_options options;
  options.hold_ttl = values.ticket_hold_ttl;
  options.idle_after = values.ticket_idle_after;
  options.timing.reconcile_after = values.ticket_reconcile_after;
  options.limits.seats_per_reservation =
      static_cast<std::int32_t>(values.ticket_seats_per_reservation);
  options.limits.seats_per_user_and_event =
      static_cast<std::int32_t>(values.ticket_seats_per_user_and_event);
  options.limits.tickets_per_user_and_event =
      static_cast<std::int32_t>(values.ticket_tickets_per_user_and_event);
  options.pre_sale = values.ticket_pre_sale;
  options.refund_deadline = values.ticket_refund_deadline;
  options.readers = static_cast<std::size_t>(values.ticket_readers);
  ticket::ticket_dependencies parts;
  parts.writes = sql::make_ticket_writes(connect_fenced("ticket"), *env);
  if (values.database_kind == "postgresql")
    for (std::int64_t i = 1; i < values.ticket_writers; ++i)
      parts.more_writes.push_back(sql::make_ticket_writes(connect_fenced("ticket"), *env));
  for (std::size_t i = 0; i < options.readers; ++i)
    parts.queries.push_back(sql::make_ticket_queries(connect_reading("ticket")));
  parts.memberships = sql::make_membership_queries(connect_reading("ticket"));
  parts.transfers = sql::make_transfer_queries(connect_reading("ticket"));
  parts.guard = seat_guard;
  parts.shards = sharding();
  ticket_role = ticket::start_ticket(sys, *env, *registry, options, std::move(parts));
}

void node::impl::start_catalog() {
  catalog_consumer =
      ticket::start_catalog_consumer(sys, ticket_role->writer, ticket_role->event_changed);
  catalog_relay = relay("catalog", {{"catalog-events", "ticket", catalog_consumer},
                                    {"catalog-events", "stats", stats_role->consumer},
                                    webhook_role->consumer()});
  catalog::catalog_options options;
  options.readers = static_cast<std::size_t>(values.catalog_readers);
  catalog::catalog_storage storage;
  storage.target = sql::make_catalog_target(connect("catalog"), *env);
  for (std::size_t i = 0; i < options.readers; ++i)
    storage.readers.push_back(sql::make_catalog_queries(connect_reading("catalog")));
  catalog_role = catalog::start_catalog(sys, *env, *registry, options, std::move(storage),
                                        ticket_role->reader, catalog_relay);
}

void node::impl::start_admin() {
  ticket_admin =
      ticket::start_admin_reader(sys, sql::make_ticket_admin_queries(connect_reading("ticket")));
  catalog::admin_neighbours others;
  others.catalog = catalog_role->catalog;
  others.queries = sql::make_catalog_admin_queries(connect_reading("catalog"));
  others.stock = ticket_role->reader;
  others.reservations = ticket_admin;
  others.sale = ticket_role->region;
  others.directory = auth_role->auth;
  others.event_changed = ticket_role->event_changed;
  others.watch = news_watch;
  admin_role = catalog::start_admin(sys, *env, {}, std::move(others));
  const auto folder = data.path() / values.uploads_directory;
  if (cluster_role && std::filesystem::path{values.uploads_directory}.is_relative())
    spdlog::warn(
        "uploads.directory is this node's own folder: other nodes will not find its images");
  images = catalog::start_images(
      sys, must(files::open_image_store(
                    folder,
                    {.total_bytes_max =
                         static_cast<std::uint64_t>(values.uploads_total_mib) * 1024 * 1024},
                    *env),
                "uploads.directory"));
  catalog::enrich_options enrich;
  enrich.client_id = values.spotify_client_id;
  enrich.client_secret = values.spotify_client_secret;
  enrich.accounts_url = values.spotify_accounts_url;
  enrich.api_url = values.spotify_api_url;
  enrich.image_prefix = values.spotify_image_prefix;
  enrich.public_address = values.uploads_public_address;
  enrich.image_bytes_max = static_cast<std::size_t>(values.uploads_image_bytes_max);
  if (!enrich.client_id.empty() && !enrich.client_secret.empty()) {
    auto options = calls();
    options.response_bytes_max = enrich.image_bytes_max; // images are longer than other answers
    catalog_remote = remote::start_remote(sys, *env, *registry, options, outside,
                                          {std::string{catalog::enrich_target}});
  }
  enrich_role =
      catalog::start_enrich(sys, *env, std::move(enrich),
                            {.catalog = catalog_role->catalog,
                             .queries = sql::make_catalog_admin_queries(connect_reading("catalog")),
                             .images = images,
                             .remote = catalog_remote});
}

sqs::queue_access node::impl::queue_access(const std::string& queue_url) const {
  return {queue_url,
          config::sqs_endpoint_of(values, queue_url),
          values.sqs_region,
          values.sqs_access_key_id,
          values.sqs_secret_access_key,
          values.sqs_session_token};
}

/// Before the queues, whose outbox tells of admissions where somebody listens.
void node::impl::start_notices() {
  std::vector<subscription> listeners;
  if (values.sqs_enabled) {
    sqs::sender_options options;
    options.to = queue_access(values.sqs_queue_url);
    options.rules.calls_max = static_cast<std::size_t>(values.sqs_calls_max);
    options.rules.per_group = static_cast<std::size_t>(values.sqs_group_batch);
    options.rules.wait_first = values.sqs_retry_wait;
    options.rules.wait_max = values.sqs_retry_wait_max;
    options.call_timeout = values.sqs_call_timeout;
    options.token_ttl = values.queue_entry_token_ttl;
    options.age_max = values.sqs_notice_age_max;
    notices = sqs::start_sqs(sys, *env, *registry, std::move(options), calls(),
                             {.tokens = *entries, .via = outside});
    listeners.push_back(notices->consumer());
  }
  if (bus || !listeners.empty())
    queue_relay = relay("queue", std::move(listeners));
}

void node::impl::start_queue() {
  queue::queue_options options;
  options.threshold = static_cast<std::uint32_t>(values.queue_threshold);
  options.active_ttl = values.queue_active_ttl;
  options.session_max = values.queue_session_max;
  options.seen_ttl = values.queue_seen_ttl;
  options.leave_grace = values.queue_leave_grace;
  options.admission_interval = values.queue_admission_interval;
  options.admission_batch = static_cast<std::size_t>(values.queue_admission_batch);
  options.opens_before_sale = std::chrono::minutes{values.queue_early_join_minutes};
  queue_role = queue::start_queue(sys, *env, *registry, options,
                                  {.catalog = catalog_role->catalog,
                                   .writes = sql::make_queue_writes(connect_fenced("queue")),
                                   .queries = sql::make_queue_queries(connect_reading("queue")),
                                   .mirror = values.redis_mirror_queues ? redis_calls : nullptr,
                                   .shards = sharding(),
                                   .relay = queue_relay});
  kept.push_back(queue_role->metrics);
}

void node::impl::start_rooms() {
  vwr::room_options options;
  options.advance_batch = static_cast<std::uint64_t>(values.vwr_advance_batch);
  options.advance_interval = values.vwr_advance_interval;
  room_role = vwr::start_rooms(sys, *env, *registry, options,
                               {.catalog = catalog_role->catalog,
                                .writes = sql::make_room_writes(connect_fenced("queue")),
                                .queries = sql::make_room_queries(connect_reading("queue")),
                                .shards = sharding()});
  kept.push_back(room_role->metrics);
}

void node::impl::add_rooms(net::router& routes) const {
  const auto interval = static_cast<double>(values.vwr_advance_interval.count());
  net::add_vwr_routes(
      routes,
      {.rooms = room_role->region,
       .ids = must(vwr::request_ids::make(room_secret, values.vwr_position_ttl), "vwr"),
       .tokens = *room_passes,
       .token_ttl = values.vwr_token_ttl,
       .served_per_second = static_cast<double>(values.vwr_advance_batch) * 1000 / interval});
}

void node::impl::start_payment() {
  payment::payment_dependencies parts;
  parts.writes = sql::make_payment_writes(connect_fenced("payment"));
  parts.region_queries = sql::make_payment_queries(connect_reading("payment"));
  parts.front_queries = sql::make_payment_queries(connect_reading("payment"));
  parts.outbox = outbox("payment");
  payment::payment_options options;
  options.relay = relaying("payment");
  if (values.payment_provider == "toss") {
    parts.money = payment::start_toss_provider(
        sys, *env, remote_client,
        {values.payment_toss_url, values.payment_toss_secret_key, values.payment_provider_timeout});
    // The provider actor answers in time; this is for one that is gone.
    options.provider_timeout = values.payment_provider_timeout + seconds{1};
  } else {
    parts.money = payment::start_demo_provider(sys, *env);
  }
  parts.tickets = ticket_role->region;
  parts.shards = sharding();
  parts.transfers = ticket_role->transfers;
  parts.memberships = ticket_role->members;
  parts.subscriptions = feed("payment", {{"payment-events", "ticket", ticket_role->consumer},
                                         {"payment-events", "stats", stats_role->consumer},
                                         webhook_role->consumer()});
  payment_role = payment::start_payment(sys, *env, *registry, options, std::move(parts));
}

void node::impl::start_community() {
  community::community_options options;
  options.views.period = values.community_view_period;
  options.awards.news = static_cast<std::int32_t>(values.community_awarded_news_per_day);
  options.awards.posts = static_cast<std::int32_t>(values.community_awarded_posts_per_day);
  options.awards.comments = static_cast<std::int32_t>(values.community_awarded_comments_per_day);
  community::community_dependencies parts;
  parts.writes = sql::make_community_writes(connect("community"));
  for (std::int64_t i = 0; i < values.community_readers; ++i)
    parts.readers.push_back(sql::make_community_queries(connect_reading("community")));
  parts.outbox = outbox("community");
  parts.accounts = auth_role->auth;
  parts.artists = catalog_role->catalog;
  parts.subscriptions = feed("community", {{membership::community_topic, "points",
                                            ticket_role->points, membership::events_of_points()}});
  if (cluster_role)
    parts.relay = relaying("community");
  community_role = community::start_community(sys, *env, *registry, options, std::move(parts));
}

void node::impl::start_stats() {
  stats::stats_options options;
  stats::stats_dependencies parts;
  parts.writes = sql::make_stats_writes(connect("stats"));
  for (std::int64_t i = 0; i < values.stats_readers; ++i)
    parts.readers.push_back(sql::make_stats_queries(connect_reading("stats")));
  parts.requests = [metrics = registry] { return answered_requests(*metrics); };
  parts.database_bytes = [this] { return database_bytes(data, values); };
  stats_role = stats::start_stats(sys, *env, *registry, options, std::move(parts));
}

void node::impl::start_keeper() {
  idempotency::keeper_options options;
  options.rules.retention = values.gateway_idempotency_ttl;
  options.rules.keys_per_owner = static_cast<std::size_t>(values.gateway_idempotency_keys_per_user);
  options.rules.keys_max = static_cast<std::size_t>(values.gateway_idempotency_keys_max);
  options.rules.cache_bytes = static_cast<std::size_t>(values.gateway_idempotency_cache_mib) << 20;
  options.on_duty = duty("gateway/keys");
  if (cluster_role)
    options.rules.elsewhere = seconds{60};
  keeper_role =
      idempotency::start_keeper(sys, *env, *registry, options,
                                {.writes = sql::make_key_writes(connect("gateway")),
                                 .queries = sql::make_key_queries(connect_reading("gateway"))});
  kept.push_back(keeper_role->metrics);
}

/// Last of all, because it is one who asks: the sale must know its neighbours.
void node::impl::start_worker() {
  if (!values.worker_enabled)
    return;
  worker::worker_options options;
  options.from = queue_access(values.worker_queue_url);
  options.pollers = static_cast<std::size_t>(values.worker_pollers);
  options.wait = values.worker_wait;
  options.visibility = values.worker_visibility;
  options.run_timeout = values.worker_run_timeout;
  options.message_age_max = values.worker_message_age_max;
  options.delete_timeout = values.sqs_call_timeout;
  options.wait_first = values.sqs_retry_wait;
  options.wait_max = values.sqs_retry_wait_max;
  worker_role = worker::start_worker(sys, *env, *registry, std::move(options), calls(), *entries,
                                     ticket_role->region, outside);
}

void node::impl::connect_roles() {
  member_consumer = catalog::start_member_consumer(sys, catalog_role->writer);
  auto beneficial = membership::events_of_points();
  for (const auto& type : catalog::events_of_members())
    beneficial.push_back(type);
  benefits_consumer = spawn_topic_dispatch(
      sys, {{"reservation-events", ticket_role->points}, {"membership-events", member_consumer}});
  ticket_relay = relay("ticket", {payment_role->consumer(),
                                  {"*", "benefits", benefits_consumer, beneficial},
                                  {"*", "stats", stats_role->consumer},
                                  webhook_role->consumer()});
  auth_relay = relay("auth", {{"user-events", "stats", stats_role->consumer}});
  ticket_role->links->set(payment_role->region, queue_role->region, ticket_relay);
  if (bus)
    bus->start({"admission-events"});
}

void node::impl::add_demo() {
  if (must(catalog::seed_demo_data(sys, *env, *catalog_role), "demo data"))
    spdlog::info("demo: the catalog was empty and has demo events now");
  must(community::seed_demo_news(sys, *env, *community_role), "demo news");
  const auth::ensure_user accounts[] = {
      {"demo@tiketi.local", "demo-password", "Demo", "user"},
      {"admin@tiketi.local", "admin-password", "Admin", "admin"},
  };
  caf::scoped_actor self{sys};
  for (const auto& account : accounts)
    self->request(auth_role->auth, demo_timeout, account)
        .receive([](const auth::ensured&) {},
                 [&](const caf::error& err) {
                   throw std::runtime_error(
                       fmt::format("demo account {}: {}", account.email, to_failure(err).text));
                 });
  if (values.http_address != "127.0.0.1" && values.http_address != "::1")
    spdlog::warn("demo: accounts with well-known passwords, and others can reach this server");
}

/// Events that the catalog has published reach the ticket role through the outbox. A start waits
/// for them, so that whatever the first page shows can also be bought.
void node::impl::await_catalog() {
  catalog::event_filter one;
  one.limit = 1;
  const auto published =
      must(sql::make_catalog_queries(connect_reading("catalog"))->events(one, env->now()),
           "catalog.db")
          .total;
  const auto tickets = sql::make_ticket_queries(connect_reading("ticket"));
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    const auto known = must(tickets->event_ids(), "ticket.db").size();
    if (known >= static_cast<std::size_t>(published))
      return;
    // Without a broker the start waits for nobody: what is known can be sold.
    const auto patience = bus && !bus->connected() ? broker_timeout : demo_timeout;
    if (std::chrono::steady_clock::now() - begin > patience) {
      spdlog::warn("the ticket role knows {} of {} events so far", known, published);
      return;
    }
    std::this_thread::sleep_for(milliseconds{20});
  }
}

std::unique_ptr<net::server> node::impl::make_server(std::shared_ptr<const net::router> routes,
                                                     std::int64_t port) {
  net::server_options options;
  options.address = values.http_address;
  options.port = static_cast<std::uint16_t>(port);
  options.threads = threads(values.runtime_io_threads);
  options.fronts = static_cast<std::size_t>(values.http_fronts);
  options.connections_max = static_cast<std::size_t>(values.http_connections_max);
  options.requests_in_flight_max = static_cast<std::size_t>(values.http_in_flight_max);
  options.header_bytes_max = static_cast<std::size_t>(values.http_header_bytes_max);
  options.body_bytes_max = static_cast<std::size_t>(values.http_body_bytes_max);
  options.header_timeout = values.http_header_timeout;
  options.body_timeout = values.http_body_timeout;
  options.write_timeout = values.http_write_timeout;
  options.idle_timeout = values.http_idle_timeout;
  options.request_timeout = values.http_request_timeout;
  options.filters.cors_origins = values.gateway_allowed_origins;
  options.filters.trusted_proxies = values.gateway_trusted_proxies;
  options.filters.internal_tokens = {values.auth_internal_token};
  if (!values.auth_internal_token_previous.empty())
    options.filters.internal_tokens.push_back(values.auth_internal_token_previous);

  options.filters.record_spans = spans != nullptr;
  options.filters.sampled_share = static_cast<double>(values.trace_sample_percent) / 100;

  net::server_parts parts;
  parts.routes = std::move(routes);
  parts.spans = spans;
  parts.verify = [tokens = *sessions](std::string_view token,
                                      time_point now) -> result<net::verified_token> {
    auto claims = tokens.verify_access(token, now);
    if (!claims)
      return claims.error();
    return net::verified_token{{claims->user, claims->email, claims->role}, claims->expires_at};
  };
  if (values.gateway_rate_limits && !limits) {
    net::rate_limit_options each;
    each.general = static_cast<std::size_t>(values.gateway_rate_limit_general);
    each.auth = static_cast<std::size_t>(values.gateway_rate_limit_auth);
    each.queue = static_cast<std::size_t>(values.gateway_rate_limit_queue);
    each.booking = static_cast<std::size_t>(values.gateway_rate_limit_booking);
    limits = net::make_local_rate_limiter(each);
    if (redis_calls && values.redis_share_rate_limits) {
      net::shared_rate_options shared;
      shared.limits = each;
      const auto limiter = net::make_shared_rate_limiter(limits, redis_calls, *registry, shared);
      rate_reporter = net::spawn_rate_reporter(sys, *env, limiter, values.redis_rate_interval);
      limits = limiter;
    }
  }
  parts.limits = limits;
  return std::make_unique<net::server>(sys, *env, *registry, std::move(parts), std::move(options));
}

net::stream_routes node::impl::start_streams(const net::entry_gate& gate) {
  net::stream_routes out;
  out.limits = std::make_shared<net::listener_limits>(
      net::listener_bounds{static_cast<std::size_t>(values.streams_listeners_max),
                           static_cast<std::size_t>(values.streams_event_max),
                           static_cast<std::size_t>(values.streams_address_max)});
  out.bounds = {static_cast<std::size_t>(values.streams_waiting_events_max),
                static_cast<std::size_t>(values.streams_waiting_kib_max) * 1024};
  out.seat_metrics = std::make_shared<net::stream_metrics>(*registry, "seats");
  out.queue_metrics = std::make_shared<net::stream_metrics>(*registry, "queue");
  out.gate = gate;
  out.gate_seat_map = values.gateway_gate_seat_map;
  net::seat_hub_options seats;
  seats.interval = values.streams_seat_interval;
  seats.heartbeat = values.streams_heartbeat;
  seats.duration_max = values.streams_duration_max;
  seat_hub = net::spawn_seat_hub(sys, *env, ticket_role->region, out.seat_metrics, seats);
  net::queue_hub_options queues;
  queues.interval = values.streams_queue_interval;
  queues.heartbeat = values.streams_heartbeat;
  queues.duration_max = values.streams_duration_max;
  queue_hub = net::spawn_queue_hub(sys, *env, queue_role->region,
                                   net::make_queue_painter(*entries, values.queue_entry_token_ttl),
                                   out.queue_metrics, queues);
  out.seats = seat_hub;
  out.queues = queue_hub;
  return out;
}

void node::impl::listen() {
  const auto gate =
      net::make_entry_gate({.enabled = values.gateway_entry_gate}, *entries, queue_role->region);
  std::vector<net::health_probe> probes{
      probe<auth::user_view>(sys, "auth", auth_role->auth, auth::get_user{}),
      probe<catalog::event_brief>(sys, "catalog", catalog_role->catalog, catalog::get_brief{}),
      probe<ticket::ticket_type_view>(sys, "ticket", ticket_role->reader,
                                      ticket::get_availability{}),
      probe<queue::admission>(sys, "queue", queue_role->region, queue::check_admission{}),
      probe<payment::payment_list>(sys, "payment", payment_role->reader, payment::find_order{}),
      probe<community::news_row>(sys, "community", community_role->community,
                                 community::show_news{}),
      probe<stats::report>(sys, "stats", stats_role->stats,
                           stats::get_report{.kind = stats::report_kind::event}),
  };
  if (redis_calls)
    probes.push_back({"redis", false, [client = redis_calls](const auto& done) {
                        const auto now = client->status();
                        if (now.ready == 0)
                          done("not connected");
                        else
                          done(now.slots_away == 0 ? std::string{}
                                                   : std::to_string(now.slots_away)
                                                         + " slots of the cluster not reached");
                      }});
  if (bus) // without it events wait in the outboxes, and everything else goes on
    probes.push_back({"kafka", false, [this](std::function<void(std::string)> done) {
                        done(bus->connected() ? std::string{} : "unreachable");
                      }});
  if (cluster_role)
    probes.push_back(cluster_probe());
  health =
      std::make_shared<net::health_monitor>(sys, *env, net::health_options{}, std::move(probes));
  auto routes = std::make_shared<net::router>();
  net::add_health_route(*routes, health);
  net::add_docs_routes(*routes);
  net::add_auth_routes(*routes, {.auth = auth_role->auth,
                                 .access_ttl = values.auth_access_ttl,
                                 .refresh_ttl = values.auth_refresh_ttl,
                                 .secure_cookies = values.auth_cookie_secure});
  net::add_catalog_routes(*routes, {catalog_role->catalog});
  net::add_admin_routes(*routes, {admin_role->admin});
  net::add_catalog_internal_routes(*routes,
                                   {catalog_role->catalog, admin_role->admin, ticket_role->reader});
  net::add_enrich_route(*routes, enrich_role->enrich, admin_role->admin);
  net::add_image_routes(*routes,
                        {.images = images,
                         .admin = admin_role->admin,
                         .bytes_max = static_cast<std::size_t>(values.uploads_image_bytes_max),
                         .public_address = values.uploads_public_address});
  net::room_gate room_gate;
  if (values.vwr_enforce)
    room_gate = net::make_room_gate({}, *room_passes, room_role->region, queue_role->region);
  net::add_queue_routes(*routes, {.queues = queue_role->region,
                                  .tokens = *entries,
                                  .token_ttl = values.queue_entry_token_ttl,
                                  .secure_cookies = values.auth_cookie_secure,
                                  .before_joining = std::move(room_gate)});
  add_rooms(*routes);
  net::add_ticket_routes(*routes, {ticket_role->reader});
  net::add_seat_routes(*routes, {.region = ticket_role->region,
                                 .reader = ticket_role->reader,
                                 .gate = gate,
                                 .gate_seat_map = values.gateway_gate_seat_map});
  net::add_stream_routes(*routes, start_streams(gate));
  net::add_reservation_routes(
      *routes, {.region = ticket_role->region, .reader = ticket_role->reader, .gate = gate});
  net::add_payment_routes(*routes, {.region = payment_role->region,
                                    .reader = payment_role->reader,
                                    .client_key = values.payment_toss_client_key});
  net::add_community_routes(*routes, {community_role->community});
  net::add_stats_routes(*routes, {stats_role->stats});
  net::add_membership_routes(*routes, {ticket_role->members});
  net::add_transfer_routes(*routes, {ticket_role->transfers});
  net::add_internal_ticket_routes(*routes, {.region = ticket_role->region,
                                            .store = ticket_role->store,
                                            .transfers = ticket_role->transfers,
                                            .members = ticket_role->members,
                                            .payments = payment_role->region,
                                            .payment_reader = payment_role->reader});
  net::add_webhook_routes(
      *routes, {.webhooks = webhook_role->webhooks,
                .addresses = {values.webhook_allow_http, values.webhook_allow_private_addresses}});
  if (cluster_role)
    net::add_cluster_routes(*routes, {.role = *cluster_role, .admin = cluster_admin});
  net::honour_idempotency_keys(*routes, keeper_role->keys); // of every route above

  const net::actuator_deps actuator{.health = health,
                                    .is_draining = [this] { return is_leaving(); },
                                    .registry = registry,
                                    .data_folder = data.path().string(),
                                    .details = values.http_management_port != 0};
  std::shared_ptr<net::router> inside;
  if (values.http_management_port == 0) {
    net::add_actuator_routes(*routes, actuator);
    net::add_mappings_route(*routes, *routes);
  } else {
    inside = std::make_shared<net::router>();
    net::add_health_route(*inside, health);
    net::add_actuator_routes(*inside, actuator);
    net::add_mappings_route(*inside, *routes);
  }
  // Before the management port opens: its readiness asks this server.
  front = make_server(routes, values.http_port);
  if (inside) {
    management = make_server(inside, values.http_management_port);
    must(management->start(), "http.management_port");
    spdlog::info("health and metrics on port {}", management->port());
  }
  must(front->start(), fmt::format("http://{}:{}", values.http_address, values.http_port));
}

void node::impl::stop() {
  if (std::exchange(stopped, true))
    return;
  const auto begin = std::chrono::steady_clock::now();
  const auto left = [&] {
    return std::max(milliseconds{0}, milliseconds{values.runtime_shutdown_timeout}
                                         - std::chrono::duration_cast<milliseconds>(
                                             std::chrono::steady_clock::now() - begin));
  };
  if (front)
    front->drain();
  if (cluster_role && front)
    hand_over();
  // Balancers find out by asking: until they have, the port stays open.
  if (front)
    std::this_thread::sleep_until(begin
                                  + std::min(values.runtime_shutdown_grace,
                                             milliseconds{values.runtime_shutdown_timeout} / 2));
  // Half of the time that is left for requests in flight, so that the writers have the other half.
  if (front)
    front->stop(left() / 2);
  if (management)
    management->stop(milliseconds{0});
  if (health)
    health->stop();
  management.reset();
  front.reset();
  if (worker_role)
    worker::stop(sys, *worker_role, worker_patience);
  // Before those it brings events to; what is being applied is finished.
  if (bus)
    bus->stop_consumers();
  // Those that ask before those that are asked; the actor system waits for all of them.
  caf::anon_send_exit(seat_hub, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(queue_hub, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(rate_reporter, caf::exit_reason::user_shutdown);
  if (keeper_role)
    idempotency::stop(*keeper_role);
  if (community_role)
    community::stop(*community_role);
  if (payment_role)
    payment::stop_payment(*payment_role);
  if (room_role)
    vwr::stop(*room_role);
  if (queue_role)
    queue::stop(*queue_role);
  caf::anon_send_exit(queue_relay, caf::exit_reason::user_shutdown);
  if (notices)
    sqs::stop(*notices);
  caf::anon_send_exit(ticket_relay, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(catalog_relay, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(auth_relay, caf::exit_reason::user_shutdown);
  if (stats_role)
    stats::stop(*stats_role);
  caf::anon_send_exit(benefits_consumer, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(member_consumer, caf::exit_reason::user_shutdown);
  if (enrich_role)
    catalog::stop(*enrich_role);
  if (catalog_remote)
    remote::stop_remote(catalog_remote);
  if (admin_role)
    catalog::stop(*admin_role);
  caf::anon_send_exit(news_watch, caf::exit_reason::user_shutdown);
  news_watch = nullptr;
  caf::anon_send_exit(images, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(ticket_admin, caf::exit_reason::user_shutdown);
  if (catalog_role)
    catalog::stop(*catalog_role);
  caf::anon_send_exit(catalog_consumer, caf::exit_reason::user_shutdown);
  if (ticket_role)
    ticket::stop_ticket(sys, *ticket_role);
  caf::anon_send_exit(seat_guard, caf::exit_reason::user_shutdown);
  if (auth_role)
    auth::stop(*auth_role);
  if (webhook_role)
    webhook::stop(*webhook_role);
  stop_tracing();
  remote::stop_remote(remote_client);
  if (cluster_role) {
    cluster::leave(sys, *cluster_role, left() / 4);
    caf::anon_send_exit(cluster_watcher, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(cluster_admin, caf::exit_reason::user_shutdown);
    cluster::stop(sharing_parts);
    cluster::stop(sys, *cluster_role);
  }
  if (bus)
    bus->stop(bus_patience);
  // Before the actor system goes: what is under way refers to actors.
  if (redis_calls)
    redis_calls->shutdown();
  if (outside)
    outside->shutdown();
  if (receivers)
    receivers->shutdown();
}

} // namespace tiketi
