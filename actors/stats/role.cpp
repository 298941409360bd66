#include "actors/stats/role.hpp"

#include "actors/store/mailbox_depth.hpp"
#include "actors/store/store_metrics.hpp"
#include "actors/system/caf_error.hpp"

#include <stdexcept>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::stats {

/// To itself: store how many requests were answered.
struct sample_tick {};

} // namespace tiketi::stats

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::stats::sample_tick)

namespace tiketi::stats {

namespace {

struct stats_state {
  stats_state() = default;

  environment* env = nullptr;
  std::shared_ptr<stats_metrics> metrics;
  stats_options options;
  stats_writer writer;
  std::vector<stats_actor> readers;
  request_source requests;
  request_totals stored; ///< of `requests`: what the store has
  bool storing = false;
  std::size_t next_reader = 0;
};

using impl_actor = stats_actor::extend<caf::reacts_to<sample_tick>>;
using self_ptr = impl_actor::stateful_pointer<stats_state>;

request_totals unsaved(const stats_state& state) {
  if (!state.requests)
    return {};
  const auto now = state.requests();
  return {now.requests - state.stored.requests, now.failed - state.stored.failed};
}

void sample(self_ptr self) {
  auto& state = self->state;
  const auto fresh = unsaved(state);
  if (state.storing || fresh.requests <= 0)
    return;
  state.storing = true;
  const auto now = state.env->now();
  stats_write command{add_requests{hour_of(now), fresh.requests, fresh.failed}, now};
  self->request(state.writer, caf::infinite, std::move(command))
      .then(
          [self, fresh](const stats_written& written) {
            auto& s = self->state;
            s.storing = false;
            // In doubt they are left out: rather too few than counted twice.
            if (written.status == commit_status::failed)
              return;
            s.stored.requests += fresh.requests;
            s.stored.failed += fresh.failed;
          },
          [self](const caf::error& err) {
            self->state.storing = false;
            spdlog::warn("stats: requests were not stored: {}", to_failure(err).text);
          });
}

void leave(self_ptr self, const caf::error& reason) {
  sample(self);
  // Behind the sample in the writer's mailbox: it finishes what it has first.
  for (const auto& r : self->state.readers)
    self->send_exit(r, caf::exit_reason::user_shutdown);
  self->send_exit(self->state.writer, caf::exit_reason::user_shutdown);
  self->quit(reason);
}

impl_actor::behavior_type behave(self_ptr self, environment* env,
                                 std::shared_ptr<stats_metrics> metrics, stats_options options,
                                 stats_writer writer, std::vector<stats_actor> readers,
                                 request_source requests) {
  auto& state = self->state;
  state.env = env;
  state.metrics = std::move(metrics);
  state.options = options;
  state.writer = std::move(writer);
  state.readers = std::move(readers);
  state.requests = std::move(requests);
  self->set_exit_handler([self](caf::exit_msg& x) { leave(self, x.reason); });
  self->delayed_send(self, options.sample_every, sample_tick{});
  return {
      [self](const get_report& asked) -> caf::result<report> {
        auto& s = self->state;
        auto query = asked;
        if (query.kind == report_kind::performance) {
          const auto fresh = unsaved(s);
          query.unsaved_requests = fresh.requests;
          query.unsaved_failed = fresh.failed;
        }
        s.metrics->queries.Increment();
        auto promise = self->make_response_promise<report>();
        self->request(s.readers[s.next_reader++ % s.readers.size()], caf::infinite, query)
            .then([promise](const report& x) mutable { promise.deliver(x); },
                  [self, promise](caf::error& err) mutable {
                    if (to_failure(err).code != errc::not_found)
                      self->state.metrics->query_errors.Increment();
                    promise.deliver(std::move(err));
                  });
        return promise;
      },
      [self](sample_tick) {
        observe_mailbox(self->state.metrics->mailbox, self);
        sample(self);
        self->delayed_send(self, self->state.options.sample_every, sample_tick{});
      },
  };
}

} // namespace

stats_actor spawn_stats(caf::actor_system& sys, environment& env,
                        std::shared_ptr<stats_metrics> metrics, stats_options options,
                        stats_writer writer, std::vector<stats_actor> readers,
                        request_source requests) {
  return sys.spawn(behave, &env, std::move(metrics), options, std::move(writer), std::move(readers),
                   std::move(requests));
}

stats_role start_stats(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                       stats_options options, stats_dependencies dependencies) {
  if (!dependencies.writes || dependencies.readers.empty())
    throw std::invalid_argument("start_stats: a dependency is missing");
  auto metrics = std::make_shared<stats_metrics>(registry);
  auto store =
      sys.spawn<caf::detached>(writer<stats_write, stats_written>, std::move(dependencies.writes),
                               options.writer, count_commits(registry, "stats"));
  std::vector<stats_actor> readers;
  for (auto& queries : dependencies.readers)
    readers.push_back(sys.spawn<caf::detached>(reader, &env, std::move(queries),
                                               dependencies.database_bytes,
                                               options.reports_waiting_max));
  stats_role role;
  role.consumer = spawn_consumer(sys, env, store, metrics);
  role.stats = spawn_stats(sys, env, std::move(metrics), options, std::move(store),
                           std::move(readers), std::move(dependencies.requests));
  return role;
}

void stop(const stats_role& role) {
  caf::anon_send_exit(role.consumer, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(role.stats, caf::exit_reason::user_shutdown);
}

} // namespace tiketi::stats
