#pragma once

#include "actors/cluster/node_state.hpp"
#include "actors/cluster/role.hpp"
#include "actors/event/role.hpp"
#include "actors/queue/role.hpp"
#include "storage/memory/cluster_store.hpp"
#include "storage/memory/queue_journal.hpp"
#include "storage/memory/ticket_store.hpp"
#include "tests/sim/cluster_simulation.hpp"
#include "tests/sim/promises.hpp"
#include "tests/sim/simulated_network.hpp"
#include "tests/sim/simulated_redis.hpp"
#include "tests/sim/stage.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <fmt/format.h>
#include <prometheus/registry.h>

namespace tiketi::sim {

using cluster::mono;

/// To a node's front: carry this out now.
struct at_the_front {
  std::function<void(caf::event_based_actor*)> what;
};

/// A payment, which the payment role would keep.
struct money {
  payment_id id;
  uuid message;
  reservation_id reservation;
  user_id user;
  std::int64_t amount = 0;
};

/// One process of one node.
struct life {
  std::size_t place = 0;
  std::uint64_t number = 0;
  stage::process process = 0;
  bool dead = false;
  bool frozen = false;
  milliseconds thawed{-1}; ///< when it was last
  mono stopped{};          ///< altogether
  milliseconds frozen_since{};
  std::unique_ptr<environment> env;
  prometheus::Registry registry;
  std::shared_ptr<cluster::node_state> state;
  cluster::cluster_role role;
  cluster::sharing sharing;
  ticket::ticket_role tickets;
  queue::queue_role queues;
  caf::actor front;

  std::string name() const { return fmt::format("n{}", place); }
};

/// Nodes, their databases, Redis, and what is between them.
class cluster_world {
public:
  static constexpr cluster::shard_id shards = 128;
  static constexpr std::uint32_t threshold = 3;
  static constexpr milliseconds hold_ttl{6'000};

  explicit cluster_world(const cluster_plan& plan);
  ~cluster_world();

  const cluster_plan plan;
  cluster_run result;
  stage time;
  simulated_network network;
  simulated_redis redis;
  std::unique_ptr<environment> env;
  memory::ticket_store disk;
  std::shared_ptr<memory::queue_journal> journal = std::make_shared<memory::queue_journal>();
  std::vector<event_id> events;
  std::map<event_id, std::vector<seat_id>> seats;
  std::map<event_id, ticket_type_id> types;
  std::map<reservation_id, std::vector<money>> payments;
  line_promises lines;
  /// Holds whose node stood still between its last question and their statement, until its lease
  /// was over. The database has them; the events' actors do not know of them.
  std::set<reservation_id> late_holds;
  bool calm = false; ///< the databases do what they are asked

  time_point now() const { return epoch + time.now(); }
  bool dice(std::uint64_t one_in) { return time.dice(one_in); }
  std::uint64_t random() { return time.chance()(); }
  milliseconds between(std::int64_t from, std::int64_t to) {
    return milliseconds{
        from + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(to - from + 1))};
  }
  void note(std::string what);
  /// Remembered until nobody's actor runs; the first one counts.
  void expect(bool holds, const std::string& what);
  bool failed() const noexcept { return !failure_.empty(); }
  const std::string& failure() const noexcept { return failure_; }

  // -- nodes -------------------------------------------------------------------------------------

  life& start(std::size_t place);
  void kill(life& l);
  void freeze(life& l, milliseconds span);
  /// The process that runs at a place, or null.
  life* at(std::size_t place) { return running_[place]; }
  std::vector<life*> living();
  /// A load balancer would send it something.
  bool ready(const life& l) const;
  bool draining(const life& l) const;
  bool owns_nothing(const life& l) const;
  void set_draining(life& l, bool draining);
  /// It tells the others that it goes; `then` when it has.
  void leave(life& l, std::function<void()> then);

  void cut_database(std::size_t place, bool on);
  void cut_redis(std::size_t place, bool on) { no_redis_[place] = on; }
  void set_database_away(bool away) { away_ = away; }
  void heal();

  /// The shard of each event is served by exactly one node that is ready.
  std::string unserved() const;
  /// Looks at everything that is stored.
  void check();

private:
  struct machine {
    std::int64_t rate = 1'000'000; ///< of its clock: true time is 1,000,000
    mono up{};
    milliseconds wall{}; ///< how wrong its date is
  };

  static constexpr time_point epoch = from_millis(1'771'754'400'000);

  mono clock_of(const life& l) const;
  bool reaches_database(const life& l) const;
  void fill();
  cluster::cluster_role join(life& l);
  void start_tickets(life& l);
  void start_queues(life& l);
  ticket::guard_actor spawn_guard(life& l);
  caf::actor spawn_meddler(life& l);
  bool call_database(life& l);
  /// A writer's transaction: `own_end` asks before the commit whether it may, too.
  template <class Outcome, class Commit>
  std::vector<Outcome> write(life& l, std::size_t count, bool asks_twice,
                             const std::vector<cluster::shard_id>& about, Commit commit);
  std::vector<ticket::ticket_written> write_tickets(life& l,
                                                    std::vector<ticket::ticket_write>& batch);
  std::vector<queue::queue_written> write_queue(life& l, std::vector<queue::queue_write>& batch);
  void judge(const life& l, const std::vector<cluster::shard_id>& about);
  void look();
  void look_for_two_servers();

  std::vector<machine> machines_;
  std::vector<bool> no_database_;
  std::vector<bool> no_redis_;
  bool away_ = false;
  std::shared_ptr<memory::cluster_database> cluster_database_;
  std::unique_ptr<cluster::cluster_store> judge_;
  std::vector<std::unique_ptr<life>> lives_;
  std::vector<life*> running_;
  sale_promises promises_;
  std::string failure_;
  bool changed_ = false;
  milliseconds looked_{0};
  std::vector<cluster::node_key> owners_; ///< of shards, when last looked at
};

} // namespace tiketi::sim

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::sim::at_the_front)
