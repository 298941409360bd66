#include "net/kafka/producer_actor.hpp"

#include "actors/bus/type_ids.hpp"
#include "actors/system/caf_error.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <caf/all.hpp>

namespace tiketi::kafka {
namespace {

constexpr std::chrono::seconds age_every{1};

struct flight {
  uuid event; ///< nil: a record of its own
  caf::typed_response_promise<applied> delivered{};
  caf::typed_response_promise<record_sent> sent{};
};

struct producer_state {
  producer_state() = default;

  environment* env = nullptr;
  std::shared_ptr<producer_metrics> metrics;
  std::shared_ptr<producer> client;
  std::uint64_t next_token = 1;
  std::unordered_map<std::uint64_t, flight> in_flight;
  std::unordered_map<uuid, std::uint64_t> by_event;
  /// When each event happened that was given to this actor and is not acknowledged; bounded by what
  /// the relays hold.
  std::unordered_map<uuid, time_point> unsent;
};

using producer_impl = producer_actor::extend<caf::reacts_to<age_tick>>;
using producer_self = producer_impl::stateful_pointer<producer_state>;

void settle(producer_self self, const delivery_report& report) {
  auto& state = self->state;
  const auto found = state.in_flight.find(report.token);
  if (found == state.in_flight.end())
    return;
  auto x = std::move(found->second);
  state.in_flight.erase(found);
  if (x.event.is_nil()) {
    if (report.error)
      x.sent.deliver(to_caf(*report.error));
    else
      x.sent.deliver(record_sent{});
    return;
  }
  state.by_event.erase(x.event);
  if (!report.error || report.error->code == errc::invalid_request)
    state.unsent.erase(x.event);
  if (report.error)
    x.delivered.deliver(to_caf(*report.error));
  else
    x.delivered.deliver(applied{x.event, false});
}

caf::result<applied> on_deliver(producer_self self, const domain_event& event) {
  auto& state = self->state;
  if (event.id.is_nil())
    return to_caf({errc::invalid_request, "An event without an id"});
  // The relay lost patience while the message is still on its way. A second one beside it could
  // only be a repetition, so the report of the first answers.
  if (const auto known = state.by_event.find(event.id); known != state.by_event.end()) {
    auto& waiting = state.in_flight.at(known->second).delivered;
    waiting.deliver(to_caf({errc::timeout, "kafka: no report yet"}));
    waiting = self->make_response_promise<applied>();
    return waiting;
  }
  const auto token = state.next_token++;
  auto sent = state.client->send(to_record(event), token);
  if (!sent) {
    if (sent.error().code == errc::invalid_request)
      state.unsent.erase(event.id);
    else
      state.unsent.try_emplace(event.id, event.occurred_at);
    return to_caf(sent.error());
  }
  state.unsent.try_emplace(event.id, event.occurred_at);
  state.by_event.emplace(event.id, token);
  // Not before: with a promise, what a handler returns is no answer any more.
  auto promise = self->make_response_promise<applied>();
  state.in_flight.emplace(token, flight{event.id, promise, {}});
  return promise;
}

producer_impl::behavior_type behave(producer_self self, environment* env,
                                    std::shared_ptr<producer> client,
                                    std::shared_ptr<producer_metrics> metrics) {
  auto& state = self->state;
  state.env = env;
  state.client = std::move(client);
  state.metrics = std::move(metrics);
  self->set_exit_handler([self](caf::exit_msg& x) {
    const auto gone = to_caf({errc::unavailable, "kafka: the program ends"});
    for (auto& [token, open] : std::exchange(self->state.in_flight, {})) {
      if (open.event.is_nil())
        open.sent.deliver(gone);
      else
        open.delivered.deliver(gone);
    }
    self->quit(x.reason);
  });
  self->delayed_send(self, age_every, age_tick{});
  return {
      [self](const deliver& x) { return on_deliver(self, x.event); },
      [self](const send_record& x) -> caf::result<record_sent> {
        auto& s = self->state;
        const auto token = s.next_token++;
        if (auto sent = s.client->send(x.what, token); !sent)
          return to_caf(sent.error());
        auto promise = self->make_response_promise<record_sent>();
        s.in_flight.emplace(token, flight{{}, {}, promise});
        return promise;
      },
      [self](const delivery_reports& x) {
        for (const auto& report : x.reports)
          settle(self, report);
      },
      [self](const age_tick&) {
        auto& s = self->state;
        auto oldest = s.env->now();
        const auto now = oldest;
        for (const auto& [id, at] : s.unsent)
          oldest = std::min(oldest, at);
        s.metrics->oldest_unsent.Set(std::chrono::duration<double>(now - oldest).count());
        self->delayed_send(self, age_every, age_tick{});
      },
  };
}

} // namespace

producer_actor spawn_producer(caf::actor_system& sys, environment& env,
                              std::shared_ptr<producer> client,
                              std::shared_ptr<producer_metrics> metrics) {
  return sys.spawn(behave, &env, std::move(client), std::move(metrics));
}

} // namespace tiketi::kafka
