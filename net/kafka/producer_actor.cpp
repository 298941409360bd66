#include "net/kafka/producer_actor.hpp"

#include "actors/bus/type_ids.hpp"
#include "actors/system/caf_error.hpp"

#include <unordered_map>
#include <utility>

#include <caf/all.hpp>

namespace tiketi::kafka {
namespace {

struct flight {
  uuid event; ///< nil: a record of its own
  caf::typed_response_promise<applied> delivered{};
  caf::typed_response_promise<record_sent> sent{};
};

struct producer_state {
  producer_state() = default;

  std::shared_ptr<producer> client;
  std::uint64_t next_token = 1;
  std::unordered_map<std::uint64_t, flight> in_flight;
  std::unordered_map<uuid, std::uint64_t> by_event;
};

using producer_self = producer_actor::stateful_pointer<producer_state>;

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
  if (!sent)
    return to_caf(sent.error());
  state.by_event.emplace(event.id, token);
  // Not before: with a promise, what a handler returns is no answer any more.
  auto promise = self->make_response_promise<applied>();
  state.in_flight.emplace(token, flight{event.id, promise, {}});
  return promise;
}

producer_actor::behavior_type behave(producer_self self, std::shared_ptr<producer> client) {
  self->state.client = std::move(client);
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
  };
}

} // namespace

producer_actor spawn_producer(caf::actor_system& sys, std::shared_ptr<producer> client) {
  return sys.spawn(behave, std::move(client));
}

} // namespace tiketi::kafka
