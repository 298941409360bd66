#include "tests/sim/simulated_network.hpp"

#include "actors/cluster/type_ids.hpp"

#include <algorithm>
#include <vector>

#include <caf/all.hpp>

namespace tiketi::sim {

namespace {

using namespace std::chrono_literals;
using connect_answer = caf::result<caf::node_id, caf::strong_actor_ptr, std::set<std::string>>;

constexpr auto look_every = 250ms;

struct connector_data {
  connector_data() = default;
  std::map<std::uint64_t, caf::response_promise> open;
  std::uint64_t last = 0;
};

} // namespace

simulated_network::simulated_network(stage& world, milliseconds silence_max)
    : world_(world), silence_max_(silence_max) {
  world_.after(look_every, [this] { keep_alive(); });
}

std::uint16_t simulated_network::listen(process p, std::size_t place, caf::actor gateway) {
  listeners_[++last_port_] = {p, place, std::move(gateway)};
  return last_port_;
}

caf::actor simulated_network::spawn_connector(std::size_t place) {
  return world_.system().spawn(
      [this, place](caf::stateful_actor<connector_data>* self) -> caf::behavior {
        return {
            [this, place, self](caf::connect_atom, const std::string&,
                                std::uint16_t port) -> connect_answer {
              auto& data = self->state;
              const auto number = ++data.last;
              const auto link = caf::actor_cast<caf::actor>(self->current_sender());
              auto promise = self->make_response_promise();
              data.open.emplace(number, promise);
              dial(world_.current(), place, self, link, port, number);
              return caf::delegated<caf::node_id, caf::strong_actor_ptr, std::set<std::string>>{};
            },
            [self](dialled& answer) {
              auto waiting = self->state.open.extract(answer.number);
              if (waiting.empty())
                return;
              if (!answer.peer) {
                waiting.mapped().deliver(caf::make_error(caf::sec::cannot_connect_to_node));
                return;
              }
              // The link asks for nothing but that it is not its own.
              const auto node = caf::make_node_id(1, "0123456789abcdef0123456789abcdef01234567");
              waiting.mapped().deliver(*node, caf::actor_cast<caf::strong_actor_ptr>(answer.peer),
                                       std::set<std::string>{});
            },
        };
      });
}

bool simulated_network::is_cut(std::size_t a, std::size_t b) const {
  return cuts_.contains(std::minmax(a, b));
}

void simulated_network::cut(std::size_t place, std::size_t other, bool on) {
  const std::pair<std::size_t, std::size_t> both = std::minmax(place, other);
  if (on)
    cuts_.insert(both);
  else
    cuts_.erase(both);
}

void simulated_network::dial(process from, std::size_t place, const caf::actor& connector,
                             const caf::actor& link, std::uint16_t port, std::uint64_t number) {
  world_.after(milliseconds{1 + world_.chance()() % 3}, [=, this] {
    if (world_.dead(from))
      return;
    const auto found = listeners_.find(port);
    if (found == listeners_.end() || world_.dead(found->second.of)) {
      caf::anon_send(connector, dialled{number, {}});
      return;
    }
    const auto& other = found->second;
    if (is_cut(place, other.place) || world_.frozen(other.of))
      return; // no answer: the caller's time runs out
    const auto id = ++last_;
    auto& c = connections_[id];
    c.ends[0] = {from, place, link, spawn_stand_in(id, 1), true, world_.now(), {}, false};
    c.ends[1] = {other.of,     other.place, other.gateway, spawn_stand_in(id, 0), true,
                 world_.now(), {},          false};
    caf::anon_send(connector, dialled{number, c.ends[0].stand_in});
  });
}

caf::actor simulated_network::spawn_stand_in(std::uint64_t number, int to) {
  return world_.system().spawn([this, number, to](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::drop);
    const auto pass = [this, number, to](auto& message) {
      said(number, to, [message](const end& e) { caf::send_as(e.stand_in, e.actor, message); });
    };
    return {
        [pass](cluster::hello& m) { pass(m); },
        [pass](cluster::welcome& m) { pass(m); },
        [pass](cluster::remote_calls& m) { pass(m); },
        [pass](cluster::remote_answers& m) { pass(m); },
    };
  });
}

void simulated_network::said(std::uint64_t number, int to, std::function<void(const end&)> what) {
  const auto found = connections_.find(number);
  if (found == connections_.end() || !found->second.ends[1 - to].open)
    return;
  auto& e = found->second.ends[to];
  auto when = world_.now() + slow_ + milliseconds{world_.chance()() % 3};
  if (!e.coming.empty())
    when = std::max(when, e.coming.back().first);
  e.coming.emplace_back(when, std::move(what));
  if (!std::exchange(e.scheduled, true))
    world_.at(e.coming.front().first, [this, number, to] { deliver(number, to); });
}

void simulated_network::deliver(std::uint64_t number, int to) {
  const auto found = connections_.find(number);
  if (found == connections_.end())
    return;
  auto& e = found->second.ends[to];
  const auto& other = found->second.ends[1 - to];
  e.scheduled = false;
  while (!e.coming.empty() && e.open) {
    if (is_cut(e.place, other.place)) {
      e.scheduled = true;
      world_.after(20ms, [this, number, to] { deliver(number, to); });
      return;
    }
    if (e.coming.front().first > world_.now()) {
      e.scheduled = true;
      world_.at(e.coming.front().first, [this, number, to] { deliver(number, to); });
      return;
    }
    const auto what = std::move(e.coming.front().second);
    e.coming.pop_front();
    if (!what)
      return close(number, to);
    e.heard = world_.now();
    what(e);
  }
}

bool simulated_network::reaches(const end& from, const end& to) const {
  return from.open && !world_.dead(from.of) && !world_.frozen(from.of)
         && !is_cut(from.place, to.place);
}

/// This end has nobody to talk to any more; the other one hears of it behind what was said.
void simulated_network::close(std::uint64_t number, int which) {
  const auto found = connections_.find(number);
  if (found == connections_.end() || !found->second.ends[which].open)
    return;
  auto& c = found->second;
  said(number, 1 - which, nullptr);
  c.ends[which].open = false;
  caf::anon_send_exit(c.ends[which].stand_in, caf::exit_reason::remote_link_unreachable);
  if (!c.ends[0].open && !c.ends[1].open)
    connections_.erase(found);
}

void simulated_network::gone(process p) {
  std::vector<std::pair<std::uint64_t, int>> its;
  for (const auto& [number, c] : connections_)
    for (const int which : {0, 1})
      if (c.ends[which].of == p)
        its.emplace_back(number, which);
  for (const auto& [number, which] : its)
    close(number, which);
}

void simulated_network::keep_alive() {
  std::vector<std::pair<std::uint64_t, int>> silent;
  for (auto& [number, c] : connections_)
    for (const int which : {0, 1}) {
      auto& e = c.ends[which];
      if (!e.open || world_.frozen(e.of))
        continue;
      if (reaches(c.ends[1 - which], e))
        e.heard = world_.now();
      else if (world_.now() - e.heard >= silence_max_)
        silent.emplace_back(number, which);
    }
  for (const auto& [number, which] : silent)
    close(number, which);
  world_.after(look_every, [this] { keep_alive(); });
}

} // namespace tiketi::sim
