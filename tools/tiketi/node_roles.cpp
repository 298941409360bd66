#include "actors/bus/topic_dispatch.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/catalog/member_consumer.hpp"
#include "actors/catalog/type_ids.hpp"
#include "actors/event/catalog_consumer.hpp"
#include "actors/membership/membership.hpp"
#include "actors/membership/membership_actor.hpp"
#include "actors/payment/toss.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/vwr/type_ids.hpp"
#include "net/client/curl_transport.hpp"
#include "storage/files/image_store.hpp"
#include "storage/sql/auth_store.hpp"
#include "storage/sql/catalog_admin_store.hpp"
#include "storage/sql/catalog_store.hpp"
#include "storage/sql/community_store.hpp"
#include "storage/sql/idempotency_store.hpp"
#include "storage/sql/membership_store.hpp"
#include "storage/sql/payment_store.hpp"
#include "storage/sql/queue_journal.hpp"
#include "storage/sql/stats_store.hpp"
#include "storage/sql/ticket_admin_store.hpp"
#include "storage/sql/ticket_store.hpp"
#include "storage/sql/transfer_store.hpp"
#include "storage/sql/vwr_store.hpp"
#include "storage/sql/webhook_store.hpp"
#include "tools/tiketi/node_impl.hpp"

#include <filesystem>
#include <stdexcept>
#include <thread>

#include <caf/scoped_actor.hpp>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi {

namespace {

/// How long the first start may take to fill the databases.
constexpr std::chrono::seconds demo_timeout{60};
/// How long it may wait for a broker that cannot be reached.
constexpr std::chrono::seconds broker_timeout{5};

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

} // namespace tiketi
