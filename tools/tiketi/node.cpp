#include "actors/cluster/departure.hpp"
#include "tools/tiketi/node_impl.hpp"

#include <algorithm>
#include <thread>

#include <spdlog/spdlog.h>

namespace tiketi {

namespace {

/// How long a stop waits for messages of the worker's queue that are being run.
constexpr milliseconds worker_patience{3000};

/// How long a stop waits for events on their way to a broker; the others stay in the outbox.
constexpr milliseconds bus_patience{500};

} // namespace

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
