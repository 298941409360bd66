#include "tests/sim/cluster_weather.hpp"

#include <algorithm>

namespace tiketi::sim {

using namespace std::chrono_literals;

void cluster_weather::begin(milliseconds until) {
  switch (world_.plan.sky) {
  case weather::storm:
    return storm(until);
  case weather::rolling_restart:
    return roll(0, until);
  case weather::broken_lines:
    // Slow, so that answers are on their way when their line breaks.
    world_.network.slow(150ms);
    return break_lines(until);
  }
}

void cluster_weather::end() {
  over_ = true;
  world_.heal();
  if (world_.plan.sky == weather::storm)
    world_.redis.empty(); // it does not come back
  for (auto* l : world_.living())
    world_.set_draining(*l, false); // also who has not heard of it yet
  for (std::size_t place = 0; place < world_.plan.nodes; ++place)
    if (world_.at(place) == nullptr)
      world_.start(place);
}

void cluster_weather::storm(milliseconds until) {
  if (over_ || world_.time.now() >= until)
    return;
  strike();
  // The more nodes, the more happens.
  const auto pause =
      world_.between(10, 4'000) * 8 / (8 + static_cast<std::int64_t>(world_.plan.nodes));
  world_.time.after(pause, [this, until] { storm(until); });
}

void cluster_weather::strike() {
  auto& w = world_;
  const auto place = w.random() % w.plan.nodes;
  auto* l = w.at(place);
  const auto roll = w.random() % 100;
  if (roll < 20) {
    if (l != nullptr && w.living().size() > w.plan.nodes / 2)
      die(*l);
  } else if (roll < 45) {
    if (l != nullptr)
      w.freeze(*l, w.between(100, w.dice(2) ? 8'000 : 2'500));
  } else if (roll < 65) {
    part();
  } else if (roll < 75) {
    ++w.result.partitions;
    const auto span = w.between(200, 6'000);
    w.note(fmt::format("n{} does not reach the database for {} ms", place, span.count()));
    w.cut_database(place, true);
    w.time.after(span, [this, place] { world_.cut_database(place, false); });
  } else if (roll < 78) {
    ++w.result.faults;
    const auto span = w.between(50, 2'500);
    w.note(fmt::format("the database is away for {} ms", span.count()));
    w.set_database_away(true);
    w.time.after(span, [this] { world_.set_database_away(false); });
  } else if (roll < 83) {
    ++w.result.faults;
    w.note("Redis forgets everything");
    w.redis.empty();
  } else if (roll < 87) {
    ++w.result.faults;
    w.note("Redis is away");
    w.redis.set_away(true);
    if (w.dice(2))
      w.redis.empty();
    w.time.after(w.between(100, 3'000), [this] { world_.redis.set_away(false); });
  } else if (roll < 89) {
    w.redis.slow(w.between(10, 120));
    w.time.after(w.between(100, 2'000), [this] { world_.redis.slow({}); });
  } else if (roll < 92) {
    w.network.slow(w.between(20, 300));
    w.time.after(w.between(100, 2'000), [this] { world_.network.slow({}); });
  } else if (roll < 94) {
    w.cut_redis(place, true);
    w.time.after(w.between(100, 5'000), [this, place] { world_.cut_redis(place, false); });
  } else if (l != nullptr && !draining_ && w.ready(*l) && !l->frozen) {
    draining_ = true;
    drain(*l, [this, place] {
      draining_ = false;
      come_back(place, world_.between(100, 2'000));
    });
  }
}

void cluster_weather::die(life& l) {
  ++world_.result.kills;
  const auto place = l.place;
  world_.kill(l);
  people_.lost(l);
  come_back(place, world_.between(50, 8'000));
}

void cluster_weather::come_back(std::size_t place, milliseconds after) {
  world_.time.after(after, [this, place] {
    if (world_.at(place) == nullptr)
      world_.start(place);
  });
}

/// Between two nodes, around one node, or through the middle.
void cluster_weather::part() {
  auto& w = world_;
  ++w.result.partitions;
  const auto nodes = w.plan.nodes;
  const auto span = w.between(100, 6'000);
  std::vector<bool> side(nodes);
  const auto kind = w.random() % 4;
  const auto one = w.random() % nodes;
  const auto other = w.random() % nodes;
  for (std::size_t i = 0; i < nodes; ++i)
    side[i] = kind == 0 ? w.dice(2) : i == one;
  w.note(fmt::format("{} for {} ms",
                     kind == 0   ? std::string{"the network falls in two"}
                     : kind == 1 ? fmt::format("nobody reaches n{}", one)
                                 : fmt::format("n{} and n{} do not reach each other", one, other),
                     span.count()));
  std::vector<std::pair<std::size_t, std::size_t>> cuts;
  for (std::size_t i = 0; i < nodes; ++i)
    for (std::size_t k = i + 1; k < nodes; ++k)
      if (kind <= 1 ? side[i] != side[k] : (i == one && k == other) || (i == other && k == one))
        cuts.emplace_back(i, k);
  for (const auto& [a, b] : cuts)
    w.network.cut(a, b, true);
  w.time.after(span, [this, cuts] {
    for (const auto& [a, b] : cuts)
      world_.network.cut(a, b, false);
  });
}

// -- in order ------------------------------------------------------------------------------------

void cluster_weather::drain(life& l, const std::function<void()>& then) {
  ++world_.result.drains;
  world_.set_draining(l, true);
  wait_until_empty(l, world_.time.now() + 20s, then);
}

void cluster_weather::wait_until_empty(life& l, milliseconds until,
                                       const std::function<void()>& then) {
  world_.time.after(50ms, [this, &l, until, then] {
    if (l.dead)
      return then();
    if (over_)
      return; // it stays after all
    // Its own callers are answered before it goes.
    const bool done = world_.owns_nothing(l) && people_.waiting_at(l) == 0;
    if (!done && world_.time.now() < until)
      return wait_until_empty(l, until, then);
    world_.expect(done || world_.plan.sky != weather::rolling_restart,
                  fmt::format("{} does not get rid of its shards", l.name()));
    go(l, then);
  });
}

void cluster_weather::go(life& l, const std::function<void()>& then) {
  const auto gone = [this, &l, then] {
    world_.time.after(1ms, [this, &l, then] {
      if (l.dead)
        return;
      world_.note(fmt::format("{} has left", l.name()));
      world_.kill(l);
      people_.lost(l);
      then();
    });
  };
  world_.leave(l, gone);
  // Frozen, or killed, while it says goodbye.
  world_.time.after(15s, [this, &l, then] {
    if (!l.dead) {
      world_.kill(l);
      people_.lost(l);
      then();
    }
  });
}

void cluster_weather::roll(std::size_t place, milliseconds until) {
  if (over_ || world_.time.now() >= until)
    return;
  auto* l = world_.at(place);
  drain(*l, [this, place, until] {
    world_.start(place);
    roll_on(place, until);
  });
}

/// The next one when this one is back.
void cluster_weather::roll_on(std::size_t place, milliseconds until) {
  world_.time.after(100ms, [this, place, until] {
    auto* l = world_.at(place);
    if (l == nullptr || !world_.ready(*l) || !world_.unserved().empty())
      return roll_on(place, until);
    roll((place + 1) % world_.plan.nodes, until);
  });
}

void cluster_weather::break_lines(milliseconds until) {
  if (over_ || world_.time.now() >= until)
    return;
  // Long enough for both ends to give the connection up: the answers are lost, not the nodes.
  part();
  world_.time.after(world_.between(500, 4'000), [this, until] { break_lines(until); });
}

} // namespace tiketi::sim
