#pragma once

#include "actors/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>

namespace tiketi::sim {

/// Many processes in one actor system, in virtual time. Whoever is spawned while an actor of a
/// process runs belongs to that process; so a process can be stopped, go on later, and die, between
/// any two messages. Which actor runs next follows from the seed. Single-threaded.
class stage {
public:
  using process = std::size_t; ///< 0: the world around them

  explicit stage(std::uint64_t seed);
  ~stage();
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  caf::actor_system& system() { return *sys_; }
  milliseconds now() const noexcept { return now_; }
  std::mt19937_64& chance() noexcept { return chance_; }
  bool dice(std::uint64_t one_in) { return chance_() % one_in == 0; }

  /// A new process, which consists of what `start` spawns.
  process begin(const std::function<void()>& start);
  /// What `f` spawns belongs to `p`.
  void as(process p, const std::function<void()>& f);

  /// SIGSTOP: messages and timers wait for it.
  void freeze(process p);
  void thaw(process p);
  /// SIGKILL: nothing of it runs any more.
  void kill(process p);
  bool frozen(process p) const { return processes_[p].frozen; }
  bool dead(process p) const { return processes_[p].dead; }
  /// Whose actor runs now.
  process current() const noexcept { return current_; }

  /// At that time, outside of all actors.
  void at(milliseconds when, std::function<void()> what);
  void after(milliseconds span, std::function<void()> what) { at(now_ + span, std::move(what)); }

  /// One message of some actor, or the next moment at which anything happens.
  void turn();
  void run_until(milliseconds when);

  /// From inside an actor: its call takes that long, and everybody else goes on meanwhile. Without
  /// effect where too many calls take their time already.
  void stall(milliseconds span);
  bool can_stall() const noexcept { return depth_ < depth_max; }

  /// Ends all processes. What their actors use may go afterwards, but not before.
  void end();

  /// Asked between two turns; true ends `run_until` and all stalls.
  void stop_when(std::function<bool()> over) { over_ = std::move(over); }
  /// Told after each step of time.
  void on_time(std::function<void()> f) { on_time_ = std::move(f); }

  std::uint64_t messages() const noexcept { return messages_; }

private:
  static constexpr int depth_max = 3;

  struct one_process {
    bool frozen = false;
    bool dead = false;
    std::vector<caf::resumable*> held;
    std::map<caf::actor_id, caf::weak_actor_ptr> actors;
  };

  void claim();
  void collect();
  void run_one();
  void advance();
  process owner(caf::actor_id id) const;

  std::mt19937_64 chance_;
  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<caf::actor_system> sys_;
  caf::scheduler::test_coordinator& sched_;
  milliseconds now_{0};
  std::vector<one_process> processes_;
  std::vector<process> owners_; ///< by actor id
  std::vector<caf::resumable*> ready_;
  std::multimap<milliseconds, std::function<void()>> agenda_;
  process current_ = 0;
  int depth_ = 0;
  std::uint64_t messages_ = 0;
  std::function<bool()> over_;
  std::function<void()> on_time_;
};

} // namespace tiketi::sim
