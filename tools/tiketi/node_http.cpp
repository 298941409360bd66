#include "actors/bus/type_ids.hpp"
#include "actors/catalog/type_ids.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/vwr/type_ids.hpp"
#include "net/http/entry_gate.hpp"
#include "net/http/health.hpp"
#include "net/http/idempotency.hpp"
#include "net/http/rate_reporter.hpp"
#include "net/http/server.hpp"
#include "net/http/shared_rate_limiter.hpp"
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
#include "tools/tiketi/node_impl.hpp"

#include <caf/actor_system.hpp>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi {

namespace {

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

} // namespace

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

} // namespace tiketi
