#include "tests/sim/stage.hpp"

#include "actors/system/actor_config.hpp"

#include <algorithm>
#include <utility>

#include <caf/all.hpp>

namespace tiketi::sim {

namespace {

struct testing_config : actor_config {
  testing_config() { set("scheduler.policy", caf::atom("testing")); }
};

caf::scheduler::test_coordinator& coordinator(caf::actor_system& sys) {
  return dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());
}

} // namespace

stage::stage(std::uint64_t seed)
    : chance_(seed),
      config_(std::make_unique<testing_config>()),
      sys_(std::make_unique<caf::actor_system>(*config_)),
      sched_(coordinator(*sys_)),
      processes_(1) {
  claim();
}

stage::~stage() {
  end();
  if (sys_->registry().running() > 0)
    static_cast<void>(sys_.release()); // it would wait for them for ever
}

void stage::end() {
  over_ = {};
  on_time_ = {};
  agenda_.clear();
  for (process p = 0; p < processes_.size(); ++p) {
    processes_[p].frozen = false;
    std::move(processes_[p].held.begin(), processes_[p].held.end(), std::back_inserter(ready_));
    processes_[p].held.clear();
  }
  // Whoever was started by those that are gone may take another round to notice.
  for (int round = 0; round < 100 && sys_->registry().running() > 0; ++round) {
    for (process p = 0; p < processes_.size(); ++p)
      kill(p);
    collect();
    while (!ready_.empty())
      run_one();
    sched_.advance_time(std::chrono::seconds{1});
  }
}

/// New actors belong to whoever runs.
void stage::claim() {
  owners_.resize(sys_->latest_actor_id() + 1, current_);
}

stage::process stage::owner(caf::actor_id id) const {
  return id < owners_.size() ? owners_[id] : current_;
}

stage::process stage::begin(const std::function<void()>& start) {
  processes_.emplace_back();
  const auto p = processes_.size() - 1;
  as(p, start);
  return p;
}

void stage::as(process p, const std::function<void()>& f) {
  claim();
  const auto before = std::exchange(current_, p);
  f();
  claim();
  current_ = before;
  collect();
}

void stage::freeze(process p) {
  processes_[p].frozen = true;
}

void stage::thaw(process p) {
  auto& one = processes_[p];
  one.frozen = false;
  std::move(one.held.begin(), one.held.end(), std::back_inserter(ready_));
  one.held.clear();
}

void stage::kill(process p) {
  claim();
  collect();
  processes_[p].dead = true;
  thaw(p);
  for (const auto& [id, weak] : processes_[p].actors)
    if (const auto strong = weak.lock())
      caf::anon_send_exit(strong, caf::exit_reason::kill);
  processes_[p].actors.clear();
}

void stage::at(milliseconds when, std::function<void()> what) {
  agenda_.emplace(std::max(when, now_), std::move(what));
}

void stage::collect() {
  for (; !sched_.jobs.empty(); sched_.jobs.pop_front()) {
    auto* job = sched_.jobs.front();
    ready_.push_back(job);
    if (auto* actor = dynamic_cast<caf::scheduled_actor*>(job)) {
      auto& one = processes_[owner(actor->id())];
      if (one.dead) // started by somebody who did not know yet
        caf::anon_send_exit(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::exit_reason::kill);
      else if (!one.actors.contains(actor->id()))
        one.actors.emplace(actor->id(), caf::actor_cast<caf::weak_actor_ptr>(actor));
    }
  }
}

void stage::run_one() {
  const auto i = chance_() % ready_.size();
  auto* job = ready_[i];
  ready_[i] = ready_.back();
  ready_.pop_back();
  auto* actor = dynamic_cast<caf::scheduled_actor*>(job);
  const auto p = actor != nullptr ? owner(actor->id()) : 0;
  if (processes_[p].frozen) {
    processes_[p].held.push_back(job);
    return;
  }
  claim();
  const auto before = std::exchange(current_, p);
  sched_.jobs.push_front(job);
  sched_.try_run_once();
  ++messages_;
  claim();
  current_ = before;
  collect();
}

void stage::advance() {
  auto next = now_ + std::chrono::milliseconds{500};
  if (!agenda_.empty())
    next = std::min(next, agenda_.begin()->first);
  const auto& timers = sched_.clock().schedule();
  if (!timers.empty())
    next = std::min(next, now_
                              + std::chrono::ceil<milliseconds>(timers.begin()->first
                                                                - sched_.clock().current_time));
  next = std::max(next, now_ + milliseconds{1});
  sched_.advance_time(next - now_);
  now_ = next;
  while (!agenda_.empty() && agenda_.begin()->first <= now_) {
    auto what = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    as(0, what);
  }
  collect();
  if (on_time_)
    on_time_();
}

void stage::turn() {
  // Nobody is infinitely fast.
  if (ready_.empty() || dice(2000))
    advance();
  else
    run_one();
}

void stage::run_until(milliseconds when) {
  collect();
  while (now_ < when && !(over_ && over_()))
    turn();
}

void stage::stall(milliseconds span) {
  if (!can_stall())
    return;
  ++depth_;
  run_until(now_ + span);
  --depth_;
}

} // namespace tiketi::sim
