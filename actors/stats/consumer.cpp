#include "actors/stats/consumer.hpp"

#include "actors/system/caf_error.hpp"

#include <utility>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::stats {

namespace {

struct consumer_state {
  consumer_state() = default;

  environment* env = nullptr;
  stats_writer writer;
  std::shared_ptr<stats_metrics> metrics;
};

consumer_actor::behavior_type consumer(consumer_actor::stateful_pointer<consumer_state> self,
                                       environment* env, stats_writer writer,
                                       std::shared_ptr<stats_metrics> metrics) {
  self->state.env = env;
  self->state.writer = std::move(writer);
  self->state.metrics = std::move(metrics);
  return {
      [self](const deliver& message) -> caf::result<applied> {
        const auto& event = message.event;
        const auto id = event.id;
        auto& state = self->state;
        auto what = read_fact(event);
        if (!what) {
          state.metrics->unreadable.Increment();
          spdlog::error("stats: event {} cannot be counted: {}", to_string(id), what.error().text);
          return to_caf(what.error());
        }
        if (!*what)
          return applied{id, false};
        auto promise = self->make_response_promise<applied>();
        stats_write command{apply_fact{id, event.occurred_at, std::move(**what)}, state.env->now()};
        // The writer is local and always answers; its death is reported too.
        self->request(state.writer, caf::infinite, std::move(command))
            .then(
                [self, promise, id](const stats_written& written) mutable {
                  auto& counters = *self->state.metrics;
                  if (written.status != commit_status::committed) {
                    // Nothing is lost by trying again: the message is applied once.
                    promise.deliver(to_caf(written.status == commit_status::unknown
                                               ? errc::in_doubt
                                               : errc::unavailable));
                    return;
                  }
                  (written.duplicate ? counters.duplicates : counters.consumed).Increment();
                  promise.deliver(applied{id, written.duplicate});
                },
                [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
        return promise;
      },
  };
}

} // namespace

consumer_actor spawn_consumer(caf::actor_system& sys, environment& env, stats_writer writer,
                              std::shared_ptr<stats_metrics> metrics) {
  return sys.spawn(consumer, &env, std::move(writer), std::move(metrics));
}

} // namespace tiketi::stats
