#pragma once

#include "actors/idempotency/keeper.hpp"
#include "storage/memory/idempotency_store.hpp"
#include "tests/support/actor_fixture.hpp"

#include <memory>
#include <utility>

namespace tiketi::test {

/// The keeper without threads, on a store in memory that can fail.
class keeper_fixture : public actor_test {
protected:
  keeper_fixture() { start(); }
  ~keeper_fixture() override { stop(); }

  void start() {
    context = std::make_shared<idempotency::keeper_context>();
    context->options = options;
    context->env = env.get();
    context->metrics = std::make_shared<idempotency::keeper_metrics>(*registry);
    context->writer = sys.spawn(writer<idempotency::key_write, idempotency::key_written>, store,
                                writer_options{}, batch_observer{});
    context->reader =
        sys.spawn(idempotency::key_reading,
                  std::shared_ptr<idempotency::key_queries>(memory::make_key_queries(store)));
    keys = idempotency::spawn_keeper(sys, context);
    sched.run();
  }

  void stop() {
    if (!keys)
      return;
    for (const auto& one :
         {caf::actor_cast<caf::actor>(keys), caf::actor_cast<caf::actor>(context->reader),
          caf::actor_cast<caf::actor>(context->writer)})
      self->send_exit(one, caf::exit_reason::user_shutdown);
    sched.run();
    keys = nullptr;
    context.reset();
  }

  /// As after a crash: only the store is left. Metrics start anew.
  void restart() {
    stop();
    registry = std::make_shared<prometheus::Registry>();
    start();
  }

  using fate = memory::key_store::fate;

  /// The next batch, and only that, meets this.
  void next_batch(fate what) {
    store->set_fate([what, done = false](const auto&) mutable {
      return std::exchange(done, true) ? fate::committed : what;
    });
  }

  idempotency::keeper_options options;
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::shared_ptr<memory::key_store> store = std::make_shared<memory::key_store>();
  std::shared_ptr<idempotency::keeper_context> context;
  idempotency::keeper keys;
};

} // namespace tiketi::test
