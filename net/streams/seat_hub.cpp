#include "net/streams/seat_hub.hpp"

#include "actors/system/caf_error.hpp"
#include "net/streams/event_ring.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <fmt/format.h>
#include <prometheus/counter.h>

namespace tiketi::net {

namespace {

using ticket::seat_changes;
using listening_promise = caf::typed_response_promise<listening>;

constexpr std::string_view snapshot_name = "snapshot";
constexpr std::string_view delta_name = "seats";

struct listener {
  std::shared_ptr<stream_sink> sink;
  time_point ends_at;
};

/// Somebody whose first bytes the event has to be asked for.
struct newcomer {
  std::string last_id;
  std::shared_ptr<stream_sink> sink;
  listening_promise promise;
};

struct feed {
  explicit feed(const seat_hub_options& o) : ring(o.ring_events_max, o.ring_bytes_max) {}

  event_ring ring;
  std::vector<shared_text> snapshot; ///< of the ring's version; empty: not there
  std::vector<listener> listeners;
  std::vector<newcomer> newcomers;
  std::uint64_t question = 0; ///< number of the newest one
  bool asking = false;
  time_point asked_at;
};

class hub_state {
public:
  hub_state() = default;

  void start(seat_hub_actor::stateful_pointer<hub_state> self, environment* env,
             ticket::seat_changes_view seats, std::shared_ptr<stream_metrics> metrics,
             seat_hub_options options) {
    self_ = self;
    env_ = env;
    seats_ = std::move(seats);
    metrics_ = std::move(metrics);
    options_ = options;
    self_->delayed_send(self_, options_.interval, hub_tick{});
    self_->delayed_send(self_, options_.heartbeat, hub_heartbeat{});
  }

  void watch(watch_seats m, listening_promise promise) {
    auto& f = feeds_.try_emplace(m.event, options_).first->second;
    newcomer who{std::move(m.last_id), std::move(m.sink), std::move(promise)};
    if (welcome(f, who))
      return;
    f.newcomers.push_back(std::move(who));
    if (!f.asking && env_->now() >= f.asked_at + options_.interval)
      ask(m.event, f);
  }

  void tick() {
    self_->delayed_send(self_, options_.interval, hub_tick{});
    const auto now = env_->now();
    for (auto at = feeds_.begin(); at != feeds_.end();) {
      auto& [event, f] = *at;
      if (f.asking && now >= f.asked_at + options_.patience)
        f.asking = false; // the owner is gone, and the answer with it
      std::erase_if(f.newcomers, [](newcomer& who) {
        if (who.sink->is_open())
          return false;
        who.promise.deliver(to_caf(errc::timeout));
        return true;
      });
      if (f.asking) {
        ++at;
      } else if (f.listeners.empty() && f.newcomers.empty()) {
        at = feeds_.erase(at);
      } else {
        ask(event, f);
        ++at;
      }
    }
  }

  void heartbeat() {
    self_->delayed_send(self_, options_.heartbeat, hub_heartbeat{});
    const auto now = env_->now();
    for (auto& [event, f] : feeds_)
      std::erase_if(f.listeners, [&](const listener& l) {
        if (now >= l.ends_at) {
          l.sink->finish();
          return true;
        }
        return !give(l, sse_heartbeat());
      });
  }

private:
  /// Serves one who lacks nothing, or only what is here. False: the event is to be asked.
  bool welcome(feed& f, newcomer& who) {
    if (f.ring.version().empty())
      return false;
    auto chunks = f.ring.after(who.last_id);
    if (chunks)
      metrics_->resumed.Increment();
    else if (!f.snapshot.empty())
      chunks = f.snapshot;
    else
      return false;
    // All at once, so that those who come back together are spread over some seconds next time.
    const auto wait = static_cast<std::int64_t>(1'000 + env_->random() % 4'000);
    chunks->insert(chunks->begin(), std::make_shared<const std::string>(sse_retry(wait)));
    who.sink->restart(std::move(*chunks));
    const auto early =
        env_->random()
        % static_cast<std::uint64_t>(std::max<std::int64_t>(options_.duration_max.count() / 10, 1));
    const auto duration = options_.duration_max - milliseconds{static_cast<std::int64_t>(early)};
    f.listeners.push_back({std::move(who.sink), env_->now() + duration});
    who.promise.deliver(listening{});
    return true;
  }

  void ask(const event_id& event, feed& f) {
    ticket::get_seat_changes query;
    query.event = event;
    query.since = f.ring.version();
    // The first to come back brings the version to go on from.
    if (query.since.empty() && !f.newcomers.empty())
      query.since = f.newcomers.front().last_id;
    for (const auto& who : f.newcomers)
      query.with_map = query.with_map || !f.ring.version().empty() || who.last_id != query.since;
    f.asking = true;
    f.asked_at = env_->now();
    const auto question = f.question = ++questions_;
    const auto since = query.since;
    self_->request(seats_, caf::infinite, std::move(query))
        .then(
            [this, event, question, since](const seat_changes& changes) {
              if (auto* known = find(event, question))
                answered(*known, since, changes);
            },
            [this, event, question](const caf::error& err) {
              if (auto* known = find(event, question))
                failed(event, *known, to_failure(err));
            });
  }

  feed* find(const event_id& event, std::uint64_t question) {
    const auto found = feeds_.find(event);
    return found == feeds_.end() || found->second.question != question ? nullptr : &found->second;
  }

  void answered(feed& f, const std::string& since, const seat_changes& changes) {
    f.asking = false;
    if (changes.whole) {
      f.ring.restart(changes.version);
      take_snapshot(f, changes);
      std::erase_if(f.listeners, [&](const listener& l) {
        return l.sink->restart(f.snapshot) != push_result::taken;
      });
    } else {
      if (f.ring.version().empty())
        f.ring.restart(since);
      if (changes.version != f.ring.version()) {
        const auto bytes = std::make_shared<const std::string>(
            sse_event(delta_name, changes.version, seat_delta(changes)));
        metrics_->events.Increment();
        f.ring.push(changes.version, bytes);
        f.snapshot.clear();
        std::erase_if(f.listeners, [&](const listener& l) { return !give(l, bytes); });
      }
      if (changes.map.body)
        take_snapshot(f, changes);
    }
    for (auto& who : std::exchange(f.newcomers, {}))
      if (!welcome(f, who))
        f.newcomers.push_back(std::move(who));
    // The map is large, and it is kept from being changed in place while somebody has it.
    if (f.newcomers.empty())
      f.snapshot.clear();
  }

  void take_snapshot(feed& f, const seat_changes& changes) {
    metrics_->snapshots.Increment();
    f.snapshot = sse_event(snapshot_name, changes.version, changes.map.body);
  }

  void failed(const event_id& event, feed& f, const failure& why) {
    f.asking = false;
    for (auto& who : std::exchange(f.newcomers, {}))
      who.promise.deliver(to_caf(why));
    // Those who listen already wait for better times, unless there is nothing to wait for.
    if (why.code != errc::not_found)
      return;
    for (const auto& l : f.listeners)
      l.sink->finish();
    feeds_.erase(event);
  }

  bool give(const listener& l, const shared_text& bytes) {
    const auto result = l.sink->push(bytes);
    if (result == push_result::too_slow)
      metrics_->dropped.Increment();
    return result == push_result::taken;
  }

  seat_hub_actor::pointer self_ = nullptr;
  environment* env_ = nullptr;
  ticket::seat_changes_view seats_;
  std::shared_ptr<stream_metrics> metrics_;
  seat_hub_options options_;
  std::map<event_id, feed> feeds_;
  std::uint64_t questions_ = 0;
};

static_assert(!std::is_aggregate_v<hub_state>);

seat_hub_actor::behavior_type seat_hub(seat_hub_actor::stateful_pointer<hub_state> self,
                                       environment* env, ticket::seat_changes_view seats,
                                       std::shared_ptr<stream_metrics> metrics,
                                       seat_hub_options options) {
  self->state.start(self, env, std::move(seats), std::move(metrics), options);
  return {
      [self](watch_seats& m) -> caf::result<listening> {
        auto promise = self->make_response_promise<listening>();
        self->state.watch(std::move(m), promise);
        return promise;
      },
      [self](hub_tick) { self->state.tick(); },
      [self](hub_heartbeat) { self->state.heartbeat(); },
  };
}

} // namespace

seat_hub_actor spawn_seat_hub(caf::actor_system& sys, environment& env,
                              ticket::seat_changes_view seats,
                              std::shared_ptr<stream_metrics> metrics, seat_hub_options options) {
  return sys.spawn(seat_hub, &env, std::move(seats), std::move(metrics), options);
}

std::string seat_delta(const seat_changes& changes) {
  std::string out = fmt::format(R"({{"version":"{}","seats":[)", changes.version);
  out.reserve(out.size() + changes.changes.size() * 72 + 2);
  bool first = true;
  for (const auto& c : changes.changes) {
    fmt::format_to(std::back_inserter(out), R"({}{{"id":"{}","status":"{}"}})", first ? "" : ",",
                   to_string(c.seat), ticket::to_string(c.status));
    first = false;
  }
  out += "]}";
  return out;
}

} // namespace tiketi::net
