#include "tests/sim/cluster_world.hpp"

#include "actors/catalog/type_ids.hpp"
#include "actors/cluster/gateway.hpp"
#include "actors/cluster/home.hpp"
#include "actors/cluster/membership_actor.hpp"
#include "actors/payment/type_ids.hpp"
#include "actors/seat/redis_guard.hpp"
#include "actors/system/caf_error.hpp"
#include "tests/sim/cluster_stores.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include <caf/all.hpp>

namespace tiketi::sim {

namespace {

using namespace std::chrono_literals;

constexpr auto silence_max = 2000ms;

bool clock_stops(cluster_bug bug) {
  return bug == cluster_bug::clock_stops || bug == cluster_bug::clock_stops_unchecked;
}

cluster::shard_id shard_of_event(const event_id& id) {
  return cluster::shard_of(route_of(id), cluster_world::shards);
}

/// Of what is written for one event; nothing of the rest.
std::vector<cluster::shard_id> shards_of(const std::vector<ticket::ticket_write>& batch) {
  std::vector<cluster::shard_id> out;
  for (const auto& write : batch) {
    if (const auto* c = std::get_if<ticket::create_reservation>(&write.command))
      out.push_back(shard_of_event(c->reservation.event));
    else if (const auto* d = std::get_if<ticket::change_reservation>(&write.command))
      out.push_back(cluster::shard_of(route_of(d->reservation), cluster_world::shards));
  }
  return out;
}

} // namespace

cluster_world::cluster_world(const cluster_plan& p)
    : plan(p),
      time(p.seed),
      network(time, silence_max),
      redis(time),
      env(make_seeded_environment(p.seed ^ 0x9e3779b97f4a7c15ULL, [this] { return now(); })),
      machines_(p.nodes),
      no_database_(p.nodes),
      no_redis_(p.nodes),
      cluster_database_(std::make_shared<memory::cluster_database>([this] { return now(); })),
      judge_(memory::make_cluster_store(cluster_database_, "judge")),
      running_(p.nodes),
      owners_(shards) {
  const auto drift =
      static_cast<std::int64_t>(cluster::tolerated_drift(cluster::lease_rules{}) * 1'000'000);
  for (auto& m : machines_) {
    m.rate = 1'000'000 - drift
             + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * drift));
    m.up = std::chrono::hours{1 + static_cast<std::int64_t>(random() % 1000)};
    m.wall = between(-200, 200);
  }
  fill();
  time.on_time([this] { look(); });
  time.stop_when([this] { return failed(); });
}

cluster_world::~cluster_world() {
  for (const auto& l : lives_)
    kill(*l);
  time.end();
}

void cluster_world::note(std::string what) {
  if (result.trace.size() < 200'000)
    result.trace.push_back(fmt::format("{:>7} {}", time.now().count(), std::move(what)));
}

void cluster_world::expect(bool holds, const std::string& what) {
  if (holds || failed())
    return;
  failure_ = what;
  note("VIOLATION " + what);
}

void cluster_world::fill() {
  std::vector<ticket::ticket_write> batch;
  for (std::size_t i = 0; i < plan.events; ++i) {
    ticket::change_catalog c;
    c.message = make_uuid(*env);
    c.event.id = event_id{make_uuid(*env)};
    c.event.title = fmt::format("Night {}", i);
    c.event.venue = "Hall";
    c.event.event_date = epoch + 240h;
    c.event.sale_start = epoch - 48h;
    c.event.sale_end = epoch + 200h;
    c.event.layout = layout_id{make_uuid(*env)};
    c.event.layout_config = R"({"sections":[]})";
    for (int n = 1; n <= 4; ++n) {
      ticket::seat_row seat;
      seat.id = seat_id{make_uuid(*env)};
      seat.section = "A";
      seat.row = 1;
      seat.number = n;
      seat.label = fmt::format("A-1-{}", n);
      seat.price = 1000 * n;
      seats[c.event.id].push_back(seat.id);
      c.seats.push_back(seat);
    }
    ticket::ticket_type_view type;
    type.id = ticket_type_id{make_uuid(*env)};
    type.event = c.event.id;
    type.name = "Standing";
    type.price = 500;
    type.total = 1'000;
    type.available = 1'000;
    types[c.event.id] = type.id;
    c.types.push_back(type);
    events.push_back(c.event.id);
    batch.push_back({std::move(c)});
  }
  for (const auto& written : disk.commit(batch))
    require(written.status == commit_status::committed, "the store could not be filled");
  memory::ticket_state::hold_checks checks;
  checks.state = plan.bug != cluster_bug::clock_stops_unchecked;
  checks.token = checks.state;
  disk.leave_out(checks);
}

// -- nodes ---------------------------------------------------------------------------------------

mono cluster_world::clock_of(const life& l) const {
  const auto& m = machines_[l.place];
  auto passed = std::chrono::duration_cast<mono>(time.now());
  if (clock_stops(plan.bug)) {
    passed -= l.stopped;
    if (l.frozen)
      passed -= time.now() - l.frozen_since;
  }
  return m.up + mono{passed.count() / 1'000'000 * m.rate};
}

life& cluster_world::start(std::size_t place) {
  lives_.push_back(std::make_unique<life>());
  auto& l = *lives_.back();
  l.place = place;
  l.number = lives_.size();
  running_[place] = &l;
  note(fmt::format("{} starts", l.name()));
  l.env =
      make_seeded_environment(random(), [this, place] { return now() + machines_[place].wall; });
  l.state = std::make_shared<cluster::node_state>([this, &l] { return clock_of(l); });
  l.process = time.begin([&] {
    l.process = time.current();
    l.role = join(l);
    l.sharing =
        cluster::start_sharing(time.system(), *l.env, l.registry, l.role, milliseconds{3000});
    caf::anon_send(l.role.gateway,
                   cluster::attach_region{std::string{cluster::sale_role}, spawn_meddler(l)});
    start_tickets(l);
    start_queues(l);
    l.tickets.links->set(time.system().spawn([this]() -> payment::tickets_view::behavior_type {
      return {[this](const payment::get_standing& q) {
        payment::payment_standing out;
        if (const auto found = payments.find(q.reservation); found != payments.end()) {
          const auto& m = found->second.front();
          out = {payment::standing::captured, m.message, m.id, m.user, m.amount, "card"};
        }
        return out;
      }};
    }),
                         l.queues.region, {});
    cluster::services offered;
    ticket::offer(offered, l.tickets.region);
    queue::offer(offered, l.queues.region);
    caf::anon_send(l.sharing.home, cluster::attach_regions{{l.tickets.region, l.queues.region},
                                                           std::move(offered)});
    l.front = time.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
      return {[self](const at_the_front& a) { a.what(self); }};
    });
  });
  return l;
}

cluster::cluster_role cluster_world::join(life& l) {
  using namespace cluster;
  cluster_role role;
  role.state = l.state;
  auto context = std::make_shared<transport_context>();
  context->env = l.env.get();
  context->state = role.state;
  context->runs = {"1.0.0", 1};
  context->options.silence_max = silence_max;
  // Every node looks after a link to each other one.
  context->options.tick = milliseconds{plan.nodes > 16 ? 1'000 : 200};
  context->connector = network.spawn_connector(l.place);
  recent_limits limits;
  if (plan.bug == cluster_bug::commands_forgotten
      || plan.bug == cluster_bug::commands_forgotten_unkeyed)
    limits.skew = -std::chrono::hours{1};
  auto& sys = time.system();
  role.gateway = sys.spawn(gateway, transport_context_ptr{context}, limits);
  const auto port = network.listen(l.process, l.place, role.gateway);
  join_request who;
  who.node = l.name();
  who.boot = make_uuid(*l.env);
  who.address = fmt::format("sim:{}", port);
  who.roles = {std::string{sale_role}};
  who.runs = context->runs;
  membership_options options;
  options.agent.shards = shards;
  options.tick = milliseconds{plan.nodes > 16 ? 100 : 50};
  const auto there_or_back = [this, &l] { return call_database(l); };
  role.membership = sys.spawn(
      membership_actor, std::move(who),
      std::shared_ptr<cluster_store>{std::make_shared<distant_cluster_store>(
          memory::make_cluster_store(cluster_database_, l.name()), there_or_back, there_or_back)},
      role.state, options);
  caf::anon_send(role.gateway, attach_membership{role.membership});
  caf::anon_send(role.membership, watch_routes{role.gateway});
  return role;
}

void cluster_world::start_tickets(life& l) {
  ticket::ticket_options t;
  t.hold_ttl = hold_ttl;
  t.tick = 500ms;
  t.idle_after = 20s;
  t.restart_after = 500ms;
  t.timing.retry_min = 200ms;
  t.timing.retry_max = 1s;
  t.timing.reconcile_after = 4s;
  t.timing.standing_timeout = 2s;
  t.timing.standing_retry = 1s;
  t.timing.capturing_max = 10s;
  t.timing.unreachable_max = 5s;
  ticket::ticket_dependencies parts;
  using writes = distant_writes<ticket::ticket_write, ticket::ticket_written>;
  parts.writes =
      std::make_shared<writes>([this, &l](auto& batch) { return write_tickets(l, batch); });
  parts.queries.push_back(std::make_shared<distant_ticket_queries>(
      disk.queries(), [this, &l] { return reaches_database(l); }));
  parts.guard = spawn_guard(l);
  parts.detached = false;
  parts.shards = {l.sharing.state, l.sharing.courier, {}, l.sharing.home};
  l.tickets = ticket::start_ticket(time.system(), *l.env, l.registry, t, std::move(parts));
}

void cluster_world::start_queues(life& l) {
  const auto catalog = time.system().spawn(
      [](catalog::briefs_view::pointer, time_point end) -> catalog::briefs_view::behavior_type {
        return {[end](const catalog::get_brief& q) {
          return catalog::event_brief{q.event, "Simulated night", "", false, end - 300h, end};
        }};
      },
      epoch + 200h);
  queue::queue_options q;
  q.threshold = threshold;
  q.active_ttl = 300s;
  q.session_max = 600s;
  q.seen_ttl = 300s;
  q.leave_grace = 1s;
  q.admission_interval = 1s;
  q.admission_batch = 2;
  q.idle_after = 10s;
  queue::queue_dependencies parts;
  parts.catalog = catalog;
  using writes = distant_writes<queue::queue_write, queue::queue_written>;
  parts.writes =
      std::make_shared<writes>([this, &l](auto& batch) { return write_queue(l, batch); });
  parts.queries = std::make_shared<distant_queue_queries>(
      memory::make_queue_queries(journal), [this, &l] { return reaches_database(l); });
  parts.detached = false;
  parts.shards = {l.sharing.state, l.sharing.courier, {}, l.sharing.home};
  l.queues = queue::start_queue(time.system(), *l.env, l.registry, q, std::move(parts));
}

ticket::guard_actor cluster_world::spawn_guard(life& l) {
  auto guard = ticket::spawn_redis_guard(
      time.system(), *l.env, l.registry,
      redis.connect([this, place = l.place] { return !no_redis_[place]; }), {});
  if (plan.bug != cluster_bug::token_without_floor)
    return guard;
  return time.system().spawn(
      [](ticket::guard_actor::pointer self,
         const ticket::guard_actor& real) -> ticket::guard_actor::behavior_type {
        return {
            [self, real](ticket::acquire_tokens& m) -> caf::result<ticket::tokens> {
              for (auto& seat : m.seats)
                seat.floor = 0;
              auto promise = self->make_response_promise<ticket::tokens>();
              promise.delegate(real, std::move(m));
              return promise;
            },
            [real](ticket::release_tokens& m) { caf::anon_send(real, std::move(m)); },
        };
      },
      guard);
}

/// Between a gateway and the home behind it; without a bug it passes everything on.
caf::actor cluster_world::spawn_meddler(life& l) {
  return time.system().spawn(
      [this, &l](caf::event_based_actor* self, const caf::actor& home) -> caf::behavior {
        return {[this, &l, self,
                 home](cluster::routed_command& routed) -> caf::result<cluster::command_reply> {
          using ticket::reserve_tickets;
          if (plan.bug == cluster_bug::commands_forgotten_unkeyed
              && routed.command.kind == cluster::kind_of<reserve_tickets>())
            if (auto hold =
                    cluster::decode<reserve_tickets>(self->system(), routed.command.payload)) {
              hold->idempotency_key.clear();
              routed.command.payload = cluster::encode(self->system(), *hold);
            }
          ++result.served_elsewhere;
          auto promise = self->make_response_promise<cluster::command_reply>();
          if (plan.bug != cluster_bug::hand_over_loses_answers) {
            promise.delegate(home, std::move(routed));
            return promise;
          }
          const auto key = routed.command.key;
          self->request(home, caf::infinite, std::move(routed))
              .then(
                  [&l, key, promise](cluster::command_reply& reply) mutable {
                    if (cluster::serves_key(*l.state, key))
                      promise.deliver(std::move(reply));
                  },
                  [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
          return promise;
        }};
      },
      l.sharing.home);
}

void cluster_world::kill(life& l) {
  if (l.dead)
    return;
  l.dead = true;
  if (running_[l.place] == &l)
    running_[l.place] = nullptr;
  note(fmt::format("{} is dead", l.name()));
  time.kill(l.process);
  network.gone(l.process);
  l.tickets.links->set({}, {}, {});
  l.tickets = {};
  l.queues = {};
  l.role = {};
  l.sharing = {};
  l.front = nullptr;
}

void cluster_world::freeze(life& l, milliseconds span) {
  if (l.dead || l.frozen)
    return;
  l.frozen = true;
  l.frozen_since = time.now();
  ++result.freezes;
  note(fmt::format("{} stands still for {} ms", l.name(), span.count()));
  time.freeze(l.process);
  time.after(span, [this, &l] {
    if (l.dead)
      return;
    l.stopped += time.now() - l.frozen_since;
    l.frozen = false;
    l.thawed = time.now();
    note(fmt::format("{} goes on", l.name()));
    time.thaw(l.process);
  });
}

std::vector<life*> cluster_world::living() {
  std::vector<life*> out;
  for (auto* l : running_)
    if (l != nullptr)
      out.push_back(l);
  return out;
}

bool cluster_world::draining(const life& l) const {
  const auto routes = l.state->routes();
  const auto* self = routes->view.find(routes->self.node);
  return self != nullptr && self->draining;
}

bool cluster_world::ready(const life& l) const {
  return !l.dead && l.state->may_serve() && !draining(l);
}

bool cluster_world::owns_nothing(const life& l) const {
  const auto routes = l.state->routes();
  return draining(l)
         && std::all_of(routes->roles.begin(), routes->roles.end(), [](const auto& role) {
              return std::all_of(role.states.begin(), role.states.end(),
                                 [](auto s) { return s == cluster::shard_state::elsewhere; });
            });
}

void cluster_world::set_draining(life& l, bool draining) {
  note(fmt::format("{} {}", l.name(), draining ? "drains" : "drains no more"));
  (void)judge_->set_draining(l.name(), draining);
  caf::anon_send(l.role.membership, cluster::refresh_view{});
}

void cluster_world::leave(life& l, std::function<void()> then) {
  caf::anon_send(l.front, at_the_front{[&l, then](caf::event_based_actor* self) {
                   self->request(l.role.membership, caf::infinite, cluster::leave_cluster{})
                       .then([then](cluster::has_left) { then(); },
                             [then](const caf::error&) { then(); });
                 }});
}

void cluster_world::cut_database(std::size_t place, bool on) {
  no_database_[place] = on;
}

void cluster_world::heal() {
  calm = true;
  away_ = false;
  std::fill(no_database_.begin(), no_database_.end(), false);
  std::fill(no_redis_.begin(), no_redis_.end(), false);
  network.heal();
  network.slow({});
  redis.set_away(false);
  redis.slow({});
  note("all heals");
}

// -- the databases -------------------------------------------------------------------------------

bool cluster_world::reaches_database(const life& l) const {
  return !l.dead && !away_ && !no_database_[l.place];
}

/// A call, or its answer, of the membership actor.
bool cluster_world::call_database(life& l) {
  if (!reaches_database(l))
    return false;
  if (!calm && plan.sky == weather::storm && time.can_stall() && dice(40)) {
    if (dice(10))
      freeze(l, between(500, 6'000));
    time.stall(between(1, dice(5) ? 400 : 40));
  }
  return reaches_database(l);
}

void cluster_world::judge(const life& l, const std::vector<cluster::shard_id>& about) {
  if (plan.bug == cluster_bug::clock_stops_unchecked)
    return;
  const auto key = l.state->routes()->self;
  for (const auto shard : about) {
    for (const auto* other : running_)
      if (other != nullptr && other != &l && other->state->may_serve()) {
        const auto routes = other->state->routes();
        const auto* role = routes->find(cluster::sale_role);
        expect(
            role == nullptr || role->states[shard] != cluster::shard_state::serving,
            fmt::format("{} writes for shard {}, which {} serves", l.name(), shard, other->name()));
      }
    const auto leases = judge_->shards(cluster::sale_role);
    const auto found = std::find_if(leases->begin(), leases->end(),
                                    [&](const auto& one) { return one.shard == shard; });
    expect(found != leases->end() && found->owner == key,
           fmt::format("{} ({}) writes for shard {}, which is {}'s ({}) now", l.name(),
                       key.incarnation, shard,
                       found != leases->end() ? found->owner.node : "nobody",
                       found != leases->end() ? found->owner.incarnation : 0));
  }
}

template <class Outcome, class Commit>
std::vector<Outcome> cluster_world::write(life& l, std::size_t count, bool asks_twice,
                                          const std::vector<cluster::shard_id>& about,
                                          Commit commit) {
  std::vector<Outcome> failed_all(count);
  auto unknown = failed_all;
  for (auto& one : unknown)
    one.status = commit_status::unknown;
  if (!reaches_database(l) || !l.state->may_serve())
    return failed_all;
  judge(l, about);
  const bool stormy = !calm && plan.sky == weather::storm;
  const auto begun = time.now();
  if (stormy && time.can_stall() && dice(250))
    freeze(l, between(300, 7'000));
  if (dice(4) || l.frozen)
    time.stall(between(1, stormy && dice(8) ? 500 : 20));
  // A process that stands still runs nothing, this included.
  while (l.frozen && !l.dead && !failed() && time.can_stall())
    time.stall(50ms);
  if (l.dead)
    return failed_all;
  if (asks_twice) {
    // PostgreSQL ends a transaction whose client stands still.
    if (l.thawed > begun && l.thawed - begun > 400ms)
      return failed_all;
    if (!l.state->may_serve())
      return failed_all;
  }
  if (!reaches_database(l))
    return dice(2) ? failed_all : unknown;
  if (stormy && dice(60)) {
    ++result.faults;
    if (dice(3))
      return failed_all;
    if (dice(2))
      return unknown;
    (void)commit();
    return unknown;
  }
  return commit();
}

std::vector<ticket::ticket_written>
cluster_world::write_tickets(life& l, std::vector<ticket::ticket_write>& batch) {
  const bool fresh_holds = std::all_of(batch.begin(), batch.end(), [](const auto& w) {
    return std::holds_alternative<ticket::create_reservation>(w.command);
  });
  auto out = write<ticket::ticket_written>(l, batch.size(), !fresh_holds, shards_of(batch), [&] {
    auto written = disk.commit(batch);
    changed_ = true;
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (const auto* c = std::get_if<ticket::create_reservation>(&batch[i].command);
          c != nullptr && written[i].status == commit_status::committed)
        try {
          promises_.held(c->reservation);
          if (!l.state->may_serve()) {
            late_holds.insert(c->reservation.id);
            note(fmt::format("{} wakes and holds {}, although its lease is over", l.name(),
                             brief(c->reservation.id)));
          }
        } catch (const violation& v) {
          expect(false, v.what());
        }
    return written;
  });
  // What only looked or was refused wrote nothing that could be in doubt.
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (out[i].status == commit_status::unknown
        && std::holds_alternative<ticket::look_up>(batch[i].command))
      out[i] = {};
  return out;
}

std::vector<queue::queue_written>
cluster_world::write_queue(life& l, std::vector<queue::queue_write>& batch) {
  std::vector<cluster::shard_id> about;
  for (const auto& w : batch)
    if (!w.ops.empty()) // one without stands behind the others to see them end
      about.push_back(shard_of_event(w.event));
  return write<queue::queue_written>(l, batch.size(), true, about, [&] {
    try {
      lines.written(batch);
    } catch (const violation& v) {
      expect(false, v.what());
    }
    return journal->commit(batch);
  });
}

// -- promises ------------------------------------------------------------------------------------

void cluster_world::look() {
  if (failed() || time.now() - looked_ < 20ms)
    return;
  looked_ = time.now();
  look_for_two_servers();
  if (std::exchange(changed_, false))
    check();
}

void cluster_world::look_for_two_servers() {
  std::vector<const life*> servers(shards);
  for (const auto* l : running_) {
    if (l == nullptr || !l->state->may_serve())
      continue;
    const auto routes = l->state->routes();
    const auto* role = routes->find(cluster::sale_role);
    if (role == nullptr)
      continue;
    for (cluster::shard_id shard = 0; shard < shards; ++shard) {
      if (role->states[shard] != cluster::shard_state::serving)
        continue;
      if (plan.bug != cluster_bug::clock_stops_unchecked)
        expect(servers[shard] == nullptr,
               fmt::format("shard {} is served by {} and by {}", shard,
                           servers[shard] != nullptr ? servers[shard]->name() : "", l->name()));
      servers[shard] = l;
      if (owners_[shard] != routes->self) {
        result.moves += owners_[shard].incarnation != 0;
        owners_[shard] = routes->self;
      }
    }
  }
}

std::string cluster_world::unserved() const {
  for (const auto& id : events) {
    const auto shard = shard_of_event(id);
    std::size_t servers = 0;
    for (const auto* l : running_)
      servers += l != nullptr && cluster::serves_key(*l->state, route_of(id));
    if (servers != 1)
      return fmt::format("P7: shard {} is served by {} nodes", shard, servers);
  }
  return {};
}

void cluster_world::check() {
  try {
    promises_.check(disk.state(), false);
    for (const auto& id : events)
      require(active_at(journal->rows(id), now()) <= static_cast<std::ptrdiff_t>(threshold),
              "P4: more active than the threshold");
  } catch (const violation& v) {
    expect(false, v.what());
  }
}

} // namespace tiketi::sim
