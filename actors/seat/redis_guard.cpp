#include "actors/seat/redis_guard.hpp"

#include "actors/redis/post.hpp"
#include "actors/seat/token_ledger.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <array>
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

} // namespace

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::guard_answer)

namespace tiketi::ticket {

namespace {

using redis_guard_actor = guard_actor::extend<caf::reacts_to<guard_answer>>;

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
    const auto now = env_->now();
    const auto permit = breaker_->acquire(now);
    show_circuit(now);
    if (!permit.granted || m.seats.empty())
      return by_node(m.seats);
    auto promise = self_->make_response_promise<tokens>();
    redis::call c = seats_call("seat_acquire", m.event, m.seats);
    const std::array<std::string, 5> arguments{
        to_string(m.reservation), to_string(m.user), std::to_string(to_millis(now)),
        std::to_string(options_.lock_life.count()), std::to_string(options_.remember.count())};
    c.words.insert(c.words.end(), arguments.begin(), arguments.end());
    for (const auto& seat : m.seats)
      c.words.push_back(std::to_string(ledger_.floor(seat)));
    const auto number = ++last_number_;
    waiting_.emplace(number, asked{std::move(m), promise, permit, now});
    client_->start(std::move(c), redis::post_to(redis_guard_actor{self_}, [number](auto out) {
                     return guard_answer{number, std::move(out)};
                   }));
    return promise;
  }

  void answered(guard_answer& m) {
    const auto found = waiting_.find(m.number);
    if (found == waiting_.end())
      return;
    auto a = std::move(found->second);
    waiting_.erase(found);
    const auto now = env_->now();
    const auto took = std::max(now - a.at, milliseconds{0});
    const auto& list = m.what.value.items;
    const bool sound = m.what.ok() && !list.empty();
    if (sound && list[0].integer == 0 && list.size() > 1) {
      record(a.permit, remote::call_outcome::success, took, now);
      metrics_->conflicts.Increment();
      a.promise.deliver(to_caf(errc::seat_unavailable));
      return;
    }
    std::vector<std::uint64_t> given;
    for (std::size_t i = 1; sound && i < list.size(); ++i)
      given.push_back(static_cast<std::uint64_t>(std::max<std::int64_t>(list[i].integer, 0)));
    if (sound && list[0].integer == 1 && ledger_.accept(a.what.seats, given)) {
      record(a.permit, remote::call_outcome::success, took, now);
      metrics_->by_redis.Increment(static_cast<double>(given.size()));
      a.promise.deliver(tokens{std::move(given)});
      return;
    }
    record(a.permit, remote::call_outcome::failure, took, now);
    auto own = by_node(a.what.seats);
    if (m.what.ok()) {
      metrics_->refused.Increment();
      spdlog::error("seat guard: Redis gave a token of event {} that is not newer than a known "
                    "one; this node gave its own, and tells Redis",
                    to_string(a.what.event));
      for (std::size_t i = 0; i < own.values.size(); ++i)
        a.what.seats[i].floor = own.values[i];
      tell(a.what.event, {}, a.what.seats);
    }
    a.promise.deliver(std::move(own));
  }

  void release(const release_tokens& m) {
    // A trial call is worth more than a release, which the end of the lock replaces.
    if (breaker_->state(env_->now()) == remote::breaker_state::closed)
      tell(m.event, to_string(m.reservation), m.seats);
  }

private:
  struct asked {
    acquire_tokens what;
    caf::typed_response_promise<tokens> promise;
    remote::breaker::permit permit;
    time_point at;
  };

  /// All keys of an event carry its tag, so they live on one node of a Redis cluster, and all its
  /// calls use one connection, so that a release cannot overtake its hold.
  redis::call seats_call(std::string_view name, const event_id& event,
                         const std::vector<token_floor>& seats) const {
    redis::call c;
    c.run = &redis::find_script(name);
    c.deadline = options_.deadline;
    c.route = std::hash<event_id>{}(event);
    const auto tag = to_string(event);
    for (const auto& seat : seats)
      c.words.push_back(fmt::format("{{{}}}:seat:{}", tag, to_string(seat.seat)));
    c.keys = seats.size();
    return c;
  }

  void tell(const event_id& event, std::string reservation,
            const std::vector<token_floor>& seats) const {
    auto c = seats_call("seat_release", event, seats);
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
  std::unordered_map<std::uint64_t, asked> waiting_; ///< bounded by the client's calls in flight
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
