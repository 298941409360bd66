#include "actors/seat/redis_guard.hpp"

#include "actors/redis/post.hpp"
#include "actors/seat/token_ledger.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

namespace tiketi::ticket {

namespace {

/// To itself: what became of a call.
struct guard_answer {
  std::uint64_t number = 0;
  redis::outcome what;
};

/// To itself: behind what is in the mailbox, which joins the call.
struct next_call {
  event_id event;
};

} // namespace

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::guard_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::next_call)

namespace tiketi::ticket {

namespace {

using redis_guard_actor =
    guard_actor::extend<caf::reacts_to<guard_answer>, caf::reacts_to<next_call>>;

struct guard_metrics {
  explicit guard_metrics(prometheus::Registry& registry)
      : guard_metrics(prometheus::BuildCounter()
                          .Name("seat_guard_tokens_total")
                          .Help("Fencing tokens by who gave them out")
                          .Register(registry),
                      registry) {}

  guard_metrics(prometheus::Family<prometheus::Counter>& tokens, prometheus::Registry& registry)
      : by_redis(tokens.Add({{"source", "redis"}})),
        by_node(tokens.Add({{"source", "node"}})),
        refused(prometheus::BuildCounter()
                    .Name("seat_guard_tokens_refused_total")
                    .Help("Answers of Redis with a token that was not newer than a known one")
                    .Register(registry)
                    .Add({})),
        conflicts(prometheus::BuildCounter()
                      .Name("seat_guard_conflicts_total")
                      .Help("Holds refused because another reservation had the lock in Redis")
                      .Register(registry)
                      .Add({})),
        circuit_open(prometheus::BuildGauge()
                         .Name("seat_guard_circuit_open")
                         .Help("1 while Redis is left alone because it failed too often")
                         .Register(registry)
                         .Add({})) {}

  prometheus::Counter& by_redis;
  prometheus::Counter& by_node;
  prometheus::Counter& refused;
  prometheus::Counter& conflicts;
  prometheus::Gauge& circuit_open;
};

class guard_state {
public:
  guard_state() = default;
  using pointer = redis_guard_actor::stateful_pointer<guard_state>;

  void start(pointer self, environment& env, std::shared_ptr<guard_metrics> metrics,
             std::shared_ptr<redis::client> client, redis_guard_options options) {
    self_ = self;
    env_ = &env;
    metrics_ = std::move(metrics);
    client_ = std::move(client);
    options_ = options;
    breaker_.emplace(options.breaker);
  }

  caf::result<tokens> acquire(acquire_tokens& m) {
    if (m.seats.empty())
      return tokens{};
    auto promise = self_->make_response_promise<tokens>();
    const auto event = m.event;
    auto& line = lines_[event];
    line.waiting.push_back({std::move(m), promise});
    if (!line.calling) {
      line.calling = true; // from here on others join
      self_->send(redis_guard_actor{self_}, next_call{event});
    }
    return promise;
  }

  /// Asks for all that wait for this event, up to a bound; the others when the answer is there.
  void call(const event_id& event) {
    const auto found = lines_.find(event);
    if (found == lines_.end())
      return;
    auto& line = found->second;
    if (line.waiting.empty()) {
      lines_.erase(found);
      return;
    }
    const auto now = env_->now();
    const auto permit = breaker_->acquire(now);
    show_circuit(now);
    if (!permit.granted) {
      auto all = std::move(line.waiting);
      lines_.erase(found);
      for (auto& one : all)
        one.promise.deliver(by_node(one.what.seats));
      return;
    }
    called batch{{}, permit, now};
    redis::call c;
    c.run = &redis::find_script("seat_acquire");
    c.deadline = options_.deadline;
    c.route = std::hash<event_id>{}(event);
    std::vector<std::string> arguments{std::to_string(to_millis(now)),
                                       std::to_string(options_.lock_life.count()),
                                       std::to_string(options_.remember.count())};
    // One at least; seats of a reservation are few.
    while (!line.waiting.empty() && (c.words.empty() || c.words.size() < seats_per_call)) {
      const auto& what = line.waiting.front().what;
      add_keys(c, event, what.seats);
      arguments.push_back(to_string(what.reservation));
      arguments.push_back(to_string(what.user));
      arguments.push_back(std::to_string(what.seats.size()));
      for (const auto& seat : what.seats)
        arguments.push_back(std::to_string(ledger_.floor(seat)));
      batch.members.push_back(std::move(line.waiting.front()));
      line.waiting.pop_front();
    }
    c.keys = c.words.size();
    c.words.insert(c.words.end(), arguments.begin(), arguments.end());
    const auto number = ++last_number_;
    in_flight_.emplace(number, std::move(batch));
    client_->start(std::move(c), redis::post_to(redis_guard_actor{self_}, [number](auto out) {
                     return guard_answer{number, std::move(out)};
                   }));
  }

  void answered(guard_answer& m) {
    const auto found = in_flight_.find(m.number);
    if (found == in_flight_.end())
      return;
    auto batch = std::move(found->second);
    in_flight_.erase(found);
    const auto now = env_->now();
    const auto took = std::max(now - batch.at, milliseconds{0});
    const auto event = batch.members.front().what.event;
    bool sound = true;
    for (std::size_t i = 0; i < batch.members.size(); ++i) {
      const auto& lists = m.what.value.items;
      const bool there = m.what.ok() && lists.size() == batch.members.size();
      sound = settle(batch.members[i], m.what.ok(), there ? &lists[i] : nullptr) && sound;
    }
    record(batch.permit, sound ? remote::call_outcome::success : remote::call_outcome::failure,
           took, now);
    call(event);
  }

  void release(const release_tokens& m) {
    // A trial call is worth more than a release, which the end of the lock replaces.
    if (breaker_->state(env_->now()) == remote::breaker_state::closed)
      tell(m.event, to_string(m.reservation), m.seats);
  }

private:
  /// More wait for the next call: a script keeps Redis from everything else.
  static constexpr std::size_t seats_per_call = 256;

  struct asked {
    acquire_tokens what;
    caf::typed_response_promise<tokens> promise;
  };

  /// Of one event. While a call is under way, what comes waits and shares the next one.
  struct event_line {
    std::deque<asked> waiting; ///< bounded by the holds of the event
    bool calling = false;
  };

  struct called {
    std::vector<asked> members;
    remote::breaker::permit permit;
    time_point at;
  };

  /// Answers one of a call; `list` is what Redis says about it. False: that was no answer.
  bool settle(asked& one, bool answered, const redis::reply* list) {
    const bool there = list != nullptr && !list->items.empty();
    if (there && list->items[0].integer == 0 && list->items.size() > 1) {
      metrics_->conflicts.Increment();
      one.promise.deliver(to_caf(errc::seat_unavailable));
      return true;
    }
    std::vector<std::uint64_t> given;
    for (std::size_t i = 1; there && i < list->items.size(); ++i)
      given.push_back(
          static_cast<std::uint64_t>(std::max<std::int64_t>(list->items[i].integer, 0)));
    if (there && list->items[0].integer == 1 && ledger_.accept(one.what.seats, given)) {
      metrics_->by_redis.Increment(static_cast<double>(given.size()));
      one.promise.deliver(tokens{std::move(given)});
      return true;
    }
    auto own = by_node(one.what.seats);
    if (answered) {
      metrics_->refused.Increment();
      spdlog::error("seat guard: Redis gave a token of event {} that is not newer than a known "
                    "one; this node gave its own, and tells Redis",
                    to_string(one.what.event));
      for (std::size_t i = 0; i < own.values.size(); ++i)
        one.what.seats[i].floor = own.values[i];
      tell(one.what.event, {}, one.what.seats);
    }
    one.promise.deliver(std::move(own));
    return false;
  }

  /// All keys of an event carry its tag, so they live on one node of a Redis cluster, and all its
  /// calls use one connection, so that a release cannot overtake its hold.
  static void add_keys(redis::call& c, const event_id& event,
                       const std::vector<token_floor>& seats) {
    const auto tag = to_string(event);
    for (const auto& seat : seats)
      c.words.push_back(fmt::format("{{{}}}:seat:{}", tag, to_string(seat.seat)));
  }

  void tell(const event_id& event, std::string reservation,
            const std::vector<token_floor>& seats) const {
    redis::call c;
    c.run = &redis::find_script("seat_release");
    c.deadline = options_.deadline;
    c.route = std::hash<event_id>{}(event);
    add_keys(c, event, seats);
    c.keys = c.words.size();
    c.words.push_back(std::move(reservation));
    c.words.push_back(std::to_string(options_.remember.count()));
    for (const auto& seat : seats)
      c.words.push_back(std::to_string(seat.floor));
    client_->start(std::move(c), [](const redis::outcome&) {});
  }

  tokens by_node(const std::vector<token_floor>& seats) {
    metrics_->by_node.Increment(static_cast<double>(seats.size()));
    return tokens{ledger_.issue(seats)};
  }

  void record(const remote::breaker::permit& permit, remote::call_outcome what, milliseconds took,
              time_point now) {
    breaker_->record(permit, what, took, now);
    show_circuit(now);
  }

  void show_circuit(time_point now) {
    const bool open = breaker_->state(now) != remote::breaker_state::closed;
    if (open == open_)
      return;
    open_ = open;
    metrics_->circuit_open.Set(open ? 1 : 0);
    if (open)
      spdlog::warn("seat guard: Redis fails or is slow; tokens come from this node for now");
    else
      spdlog::info("seat guard: tokens come from Redis again");
  }

  pointer self_ = nullptr;
  environment* env_ = nullptr;
  std::shared_ptr<guard_metrics> metrics_;
  std::shared_ptr<redis::client> client_;
  redis_guard_options options_;
  std::optional<remote::breaker> breaker_;
  token_ledger ledger_;
  std::unordered_map<event_id, event_line> lines_;
  std::unordered_map<std::uint64_t, called> in_flight_; ///< one per event at most
  std::uint64_t last_number_ = 0;
  bool open_ = false;
};

static_assert(!std::is_aggregate_v<guard_state>);

redis_guard_actor::behavior_type guard_behavior(guard_state::pointer self, environment* env,
                                                std::shared_ptr<guard_metrics> metrics,
                                                std::shared_ptr<redis::client> client,
                                                redis_guard_options options) {
  self->state.start(self, *env, std::move(metrics), std::move(client), options);
  return {
      [self](acquire_tokens& m) { return self->state.acquire(m); },
      [self](const release_tokens& m) { self->state.release(m); },
      [self](guard_answer& m) { self->state.answered(m); },
      [self](const next_call& m) { self->state.call(m.event); },
  };
}

} // namespace

guard_actor spawn_redis_guard(caf::actor_system& sys, environment& env,
                              prometheus::Registry& registry, std::shared_ptr<redis::client> client,
                              redis_guard_options options) {
  return sys.spawn(guard_behavior, &env, std::make_shared<guard_metrics>(registry),
                   std::move(client), options);
}

} // namespace tiketi::ticket
