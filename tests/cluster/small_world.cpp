#include "tests/cluster/small_world.hpp"

#include "tests/cluster/state_probe.hpp"

#include <utility>

namespace tiketi::cluster::test {

namespace {

// One step of time is seven milliseconds, so that clocks can be a seventh off.
constexpr std::int64_t unit = 7;

agent_options options_of(const small_world::setup& setup) {
  agent_options out;
  out.lease = {milliseconds{4 * unit}, milliseconds{unit}, milliseconds{unit}, milliseconds{unit}};
  if (setup.bug == planted::no_margin)
    out.lease.margin = milliseconds{0};
  out.shards = setup.shards;
  out.limits.retry = milliseconds{unit};
  out.reconcile = milliseconds{4 * unit};
  return out;
}

std::string name_of_node(std::size_t i) {
  return std::string(1, static_cast<char>('a' + i));
}

} // namespace

small_world::small_world(setup s) : setup_(std::move(s)) {
  for (std::size_t i = 0; i < setup_.rates.size(); ++i)
    nodes_.push_back({make_agent(i, 0), setup_.rates[i], 0, {}, {}});
}

agent small_world::make_agent(std::size_t i, std::int64_t boot) const {
  join_request self;
  self.node = name_of_node(i);
  self.boot.bytes[0] = 1;
  self.boot.bytes[1] = static_cast<std::uint8_t>(i);
  self.boot.bytes[2] = static_cast<std::uint8_t>(boot);
  self.address = "127.0.0.1:1";
  self.roles = {"ticket"};
  self.runs = {"1.0.0", 1};
  return agent{self, options_of(setup_)};
}

mono small_world::clock(const node& n) const {
  // Machines started at different times.
  return milliseconds{now_ * n.rate + 1000 * (&n - nodes_.data() + 1)};
}

void small_world::carry_out(const node& n, call& c) {
  using kind = store_request::kind;
  const auto database_now = from_millis(now_ * unit);
  const auto& r = c.request;
  c.done = true;
  switch (r.what) {
  case kind::membership:
    if (r.call.what == store_call::kind::join) {
      c.answer = tables_.join(n.a.self(), database_now);
    } else if (r.call.what == store_call::kind::renew) {
      c.answer = tables_.renew(c.key, database_now);
    } else {
      tables_.leave(c.key);
      c.answer = store_done{};
    }
    return;
  case kind::end_leases: {
    auto leases = r.leases;
    if (setup_.bug == planted::ends_without_recheck)
      for (auto& one : leases)
        if (const auto stored = tables_.view(); const auto* row = stored.find(one.key.node))
          one.renewals = row->renewals;
    c.answer = tables_.end_leases(leases);
    return;
  }
  case kind::acquire:
    c.answer = tables_.acquire(r.role, r.shards, c.key);
    return;
  case kind::release:
    tables_.release(r.role, r.releases, c.key);
    c.answer = store_done{};
    return;
  case kind::reconcile:
    c.answer = tables_.owned(r.role, c.key);
    return;
  }
}

bool small_world::start(node& n) {
  auto request = n.a.next(clock(n));
  // The actors of a shard are idle, so they are done with it at once.
  for (auto events = n.a.take_events(); !events.empty(); events = n.a.take_events())
    for (const auto& e : events)
      if (e.what == shard_event::kind::draining)
        n.a.drained(e.role, e.shard, e.epoch);
  n.a.take_changed();
  if (!request)
    return false;
  n.pending = call{std::move(*request), n.a.member().key(), false, {}};
  return true;
}

bool small_world::answer(node& n) {
  auto c = std::move(*n.pending);
  n.pending.reset();
  if (setup_.bug == planted::counts_from_answer)
    c.request.call.sent = clock(n);
  if (setup_.bug == planted::keeps_after_loss)
    if (auto* renewed = std::get_if<renew_answer>(&c.answer); renewed != nullptr)
      renewed->alive = true;
  n.a.answered(c.request, c.answer, clock(n));
  n.a.take_events();
  n.a.take_changed();
  return true;
}

bool small_world::lose(node& n) {
  --setup_.losses;
  auto c = std::move(*n.pending);
  n.pending.reset();
  n.a.answered(c.request, {}, clock(n));
  n.a.take_events();
  n.a.take_changed();
  if (!c.done && !n.ghost)
    n.ghost = std::move(c);
  return true;
}

bool small_world::restart(std::size_t i) {
  --setup_.restarts;
  auto& n = nodes_[i];
  n.a = make_agent(i, ++n.boots);
  if (n.pending && !n.pending->done && !n.ghost)
    n.ghost = std::move(n.pending);
  n.pending.reset();
  return true;
}

bool small_world::can(std::size_t which) const {
  if (which == 0)
    return true;
  const auto& n = nodes_[(which - 1) / 7];
  switch ((which - 1) % 7) {
  case 1:
    return n.pending && !n.pending->done;
  case 2:
    return n.pending && n.pending->done;
  case 3:
    return n.pending && setup_.losses != 0;
  case 4:
    return n.ghost || setup_.restarts != 0;
  case 5:
    return setup_.drains != 0;
  default:
    return !n.pending;
  }
}

bool small_world::step(std::size_t which) {
  if (!can(which))
    return false;
  if (which == 0) {
    ++now_;
    return true;
  }
  const auto i = (which - 1) / 7;
  auto& n = nodes_[i];
  switch ((which - 1) % 7) {
  case 0: // a call that takes no time, so that a search of few steps gets far
    if (!start(n))
      return false;
    carry_out(n, *n.pending);
    return answer(n);
  case 6:
    return start(n);
  case 1:
    carry_out(n, *n.pending);
    return true;
  case 2:
    return answer(n);
  case 3:
    return lose(n);
  case 4:
    if (!n.ghost)
      return restart(i);
    carry_out(n, *n.ghost);
    n.ghost.reset();
    return true;
  default:
    --setup_.drains;
    const auto stored = tables_.view();
    const auto* row = stored.find(name_of_node(i));
    return row != nullptr && tables_.set_draining(row->key.node, !row->draining);
  }
}

std::string small_world::name_of(std::size_t which) const {
  if (which == 0)
    return "time";
  static constexpr const char* kinds[] = {" calls and hears",
                                          "'s call is carried out",
                                          " hears",
                                          "'s call is lost",
                                          " restarts or is haunted",
                                          " drains",
                                          " calls"};
  return name_of_node((which - 1) / 7) + kinds[(which - 1) % 7];
}

bool small_world::serves(const node& n, shard_id shard) const {
  if (setup_.bug == planted::serves_after_waking) {
    const auto routes = n.a.routes();
    return routes.roles.front().states[shard] == shard_state::serving;
  }
  if (setup_.bug == planted::serves_while_releasing) {
    const auto routes = n.a.routes();
    const auto state = routes.roles.front().states[shard];
    return n.a.member().may_serve(clock(n))
           && (state == shard_state::serving || state == shard_state::releasing);
  }
  return n.a.serves("ticket", shard, clock(n));
}

std::vector<std::size_t> small_world::servers(shard_id shard) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (serves(nodes_[i], shard))
      out.push_back(i);
  return out;
}

std::optional<shard_id> small_world::served_twice() const {
  for (shard_id shard = 0; shard < setup_.shards; ++shard)
    if (servers(shard).size() > 1)
      return shard;
  return std::nullopt;
}

std::string small_world::fingerprint() const {
  state_probe p;
  const auto stored = tables_.view();
  p.put(stored, cluster_view{});
  for (const auto& lease : tables_.shards("ticket")) {
    p.out += lease.owner.node;
    p.put(static_cast<std::int64_t>(lease.owner.incarnation));
    p.put(static_cast<std::int64_t>(lease.epoch));
  }
  const auto put_call = [&](const node& n, const std::optional<call>& c) {
    if (!c) {
      p.out += '-';
      return;
    }
    p.put(static_cast<int>(c->request.what));
    p.put(static_cast<int>(c->request.call.what));
    p.put(static_cast<std::int64_t>(c->key.incarnation));
    p.put((clock(n) - c->request.call.sent) > milliseconds{5 * unit}
              ? -1
              : (clock(n) - c->request.call.sent).count());
    for (const auto& one : c->request.leases) {
      p.out += one.key.node;
      p.put(static_cast<std::int64_t>(one.key.incarnation));
      const auto* row = stored.find(one.key.node);
      p.put(row == nullptr ? -1 : static_cast<std::int64_t>(row->renewals - one.renewals));
    }
    for (const auto& one : c->request.releases) {
      p.put(one.shard);
      p.put(static_cast<std::int64_t>(one.epoch));
      p.out += one.to.node;
      p.put(static_cast<std::int64_t>(one.to.incarnation));
    }
    for (const auto shard : c->request.shards)
      p.put(shard);
    p.put(c->done ? 1 : 0);
    p.put(static_cast<std::int64_t>(c->answer.index()));
    if (const auto* joined = std::get_if<join_answer>(&c->answer)) {
      p.put(static_cast<int>(joined->what));
      p.put(static_cast<std::int64_t>(joined->incarnation));
      p.put(joined->view, stored);
    } else if (const auto* renewed = std::get_if<renew_answer>(&c->answer)) {
      p.put(renewed->alive ? 1 : 0);
      p.put(renewed->view, stored);
    } else if (const auto* view = std::get_if<cluster_view>(&c->answer)) {
      p.put(*view, stored);
    } else if (const auto* leases = std::get_if<std::vector<shard_lease>>(&c->answer)) {
      for (const auto& one : *leases) {
        p.out += one.owner.node;
        p.put(static_cast<std::int64_t>(one.owner.incarnation));
        p.put(static_cast<std::int64_t>(one.epoch));
      }
    } else if (const auto* ours = std::get_if<std::vector<owned_shard>>(&c->answer)) {
      for (const auto& one : *ours) {
        p.put(one.shard);
        p.put(static_cast<std::int64_t>(one.epoch));
      }
    }
  };
  for (const auto& n : nodes_) {
    p.put(n.a, clock(n), stored);
    put_call(n, n.pending);
    put_call(n, n.ghost);
  }
  p.put(setup_.losses);
  p.put(setup_.restarts);
  p.put(setup_.drains);
  return std::move(p.out);
}

} // namespace tiketi::cluster::test
