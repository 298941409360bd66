#pragma once

#include "actors/bus/type_ids.hpp"
#include "actors/catalog/type_ids.hpp"
#include "actors/queue/queue_region.hpp"
#include "actors/queue/type_ids.hpp"
#include "storage/memory/queue_journal.hpp"
#include "tests/queue/seed.hpp"
#include "tests/support/actor_fixture.hpp"

#include <map>
#include <memory>
#include <string>

namespace tiketi::test {

/// What the test's catalog knows; shared with its actor.
struct fake_catalog {
  std::map<event_id, catalog::event_brief> events;
  bool away = false;
  int asked = 0;
};

inline catalog::briefs_view::behavior_type catalog_behavior(catalog::briefs_view::pointer,
                                                            std::shared_ptr<fake_catalog> shared) {
  return {[shared](const catalog::get_brief& query) -> caf::result<catalog::event_brief> {
    ++shared->asked;
    if (shared->away)
      return to_caf(errc::unavailable);
    const auto found = shared->events.find(query.event);
    if (found == shared->events.end())
      return to_caf(errc::not_found);
    return found->second;
  }};
}

/// The queue role without threads, on a journal in memory that can fail.
class queue_fixture : public actor_test {
protected:
  queue_fixture() {
    catalog::event_brief brief;
    brief.event = event;
    brief.title = "Night \"Live\"";
    brief.artist = "Band";
    catalog->events[event] = brief;
    options.room.threshold = 2;
    catalog_actor = sys.spawn(catalog_behavior, catalog);
    start();
  }

  ~queue_fixture() override {
    stop();
    send_exit(catalog_actor);
    sched.run();
  }

  void start() {
    context = std::make_shared<queue::queue_context>();
    context->options = options;
    context->env = env.get();
    context->metrics = std::make_shared<queue::queue_metrics>(*registry);
    context->writer = sys.spawn(writer<queue::queue_write, queue::queue_written>, journal,
                                writer_options{}, batch_observer{});
    context->reader =
        sys.spawn(queue::queue_reading,
                  std::shared_ptr<queue::queue_queries>(memory::make_queue_queries(journal)));
    context->catalog = catalog_actor;
    context->mirror = mirror;
    context->relay = relay;
    region = queue::spawn_queue_region(sys, context, region_options);
    sched.run();
  }

  void stop() {
    if (!region)
      return;
    send_exit(region);
    sched.run();
    send_exit(context->writer);
    send_exit(context->reader);
    sched.run();
    region = nullptr;
    context.reset();
  }

  /// As after a crash: only the journal is left. Metrics start anew.
  void restart() {
    stop();
    registry = std::make_shared<prometheus::Registry>();
    start();
  }

  template <class Handle>
  void send_exit(const Handle& handle) {
    self->send_exit(handle, caf::exit_reason::user_shutdown);
  }

  result<queue::queue_place> enter(std::uint64_t n) {
    return ask<queue::queue_place>(region, queue::enter_queue{event, nth_user(n)});
  }

  result<queue::queue_place> poll(std::uint64_t n) {
    return ask<queue::queue_place>(region, queue::poll_queue{event, nth_user(n)});
  }

  result<queue::queue_left> leave(std::uint64_t n) {
    return ask<queue::queue_left>(region, queue::leave_queue{event, nth_user(n)});
  }

  queue::place where(std::uint64_t n) {
    const auto p = poll(n);
    return p ? static_cast<queue::place>(p->place) : queue::place::none;
  }

  using fate = memory::queue_journal::fate;

  /// The next batch, and only that, meets this.
  void next_batch(fate what) {
    journal->set_fate([what, done = false](const auto&) mutable {
      return std::exchange(done, true) ? fate::committed : what;
    });
  }

  event_id event{nth_user(4242).value};
  queue::queue_actor_options options;
  queue::queue_region_options region_options;
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::shared_ptr<fake_catalog> catalog = std::make_shared<fake_catalog>();
  std::shared_ptr<memory::queue_journal> journal = std::make_shared<memory::queue_journal>();
  tiketi::catalog::briefs_view catalog_actor;
  std::shared_ptr<redis::client> mirror; ///< null: none
  relay_actor relay;                     ///< null: none
  std::shared_ptr<queue::queue_context> context;
  queue::queue_region region;
};

} // namespace tiketi::test
