#include "tests/sim/cluster_simulation.hpp"

#include "tests/sim/cluster_people.hpp"
#include "tests/sim/cluster_weather.hpp"
#include "tests/sim/cluster_world.hpp"

#include <algorithm>
#include <utility>

namespace tiketi::sim {

namespace {

using namespace std::chrono_literals;

/// Until everybody who can be there is, and every shard has somebody: no person helps.
void settle(cluster_world& w, milliseconds patience) {
  const auto until = w.time.now() + patience;
  const auto settled = [&] {
    const auto all = w.living();
    return all.size() == w.plan.nodes
           && std::all_of(all.begin(), all.end(), [&](const life* l) { return w.ready(*l); })
           && w.unserved().empty();
  };
  while (!settled() && w.time.now() < until && !w.failed())
    w.time.run_until(w.time.now() + 100ms);
  w.expect(settled(), "P7: the cluster did not come together: " + w.unserved());
}

/// What the actors of the nodes point at has to outlive them, however a run ends.
struct ends_first {
  cluster_world& w;

  ~ends_first() {
    for (auto* l : w.living())
      w.kill(*l);
    w.time.end();
  }
};

void run(cluster_world& w) {
  cluster_people people{w};
  cluster_weather sky{w, people};
  const ends_first before_people{w};
  // Some come later.
  const auto first = w.plan.sky == weather::storm ? 1 + w.plan.nodes * 3 / 4 : w.plan.nodes;
  for (std::size_t place = 0; place < std::min(first, w.plan.nodes); ++place)
    w.start(place);
  w.time.run_until(5s);
  if (w.plan.sky != weather::storm)
    settle(w, 10s);
  for (auto place = first; place < w.plan.nodes; ++place)
    w.time.after(w.between(0, w.plan.trouble.count()), [&w, place] {
      if (w.at(place) == nullptr)
        w.start(place);
    });
  const auto until = w.time.now() + w.plan.trouble;
  sky.begin(until);
  people.come(until);
  w.time.run_until(until);
  sky.end();
  // Frozen ones wake, leases of the dead end, holds expire, everybody is answered.
  w.time.run_until(w.time.now() + 24s);
  settle(w, 15s);
  if (!w.late_holds.empty()) {
    people.want_what_came_late();
    w.time.run_until(w.time.now() + 10s);
  }
  w.expect(people.all_answered(),
           "P7: somebody is still without an answer: " + people.oldest_unanswered());
  w.check();
  if (!w.failed())
    people.check();
  people.buy_the_rest();
  w.time.run_until(w.time.now() + 3s);
  w.expect(people.all_answered(),
           "P7: with everything in order there is no answer: " + people.oldest_unanswered());
  w.check();
}

} // namespace

cluster_run simulate_cluster(const cluster_plan& plan) {
  cluster_world w{plan};
  try {
    run(w);
  } catch (const violation& v) {
    w.expect(false, v.what());
  }
  w.result.violation = w.failure();
  w.result.messages = w.time.messages();
  return std::move(w.result);
}

} // namespace tiketi::sim
