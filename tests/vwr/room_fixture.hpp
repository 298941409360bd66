#pragma once

#include "actors/catalog/type_ids.hpp"
#include "actors/vwr/room_region.hpp"
#include "actors/vwr/type_ids.hpp"
#include "storage/memory/vwr_store.hpp"
#include "tests/support/actor_fixture.hpp"

#include <map>
#include <memory>
#include <utility>

namespace tiketi::test {

/// The waiting rooms without threads, on a store in memory that can fail.
class room_fixture : public actor_test {
protected:
  room_fixture() {
    briefs[event].event = event;
    catalog = sys.spawn([this]() -> tiketi::catalog::briefs_view::behavior_type {
      return {[this](const tiketi::catalog::get_brief& query)
                  -> caf::result<tiketi::catalog::event_brief> {
        if (catalog_away)
          return to_caf(errc::unavailable);
        const auto found = briefs.find(query.event);
        if (found == briefs.end())
          return to_caf(errc::not_found);
        return found->second;
      }};
    });
    options.advance_batch = 2;
    start();
  }

  ~room_fixture() override {
    stop();
    send_exit(catalog);
    sched.run();
  }

  void start() {
    context = std::make_shared<vwr::room_context>();
    context->options = options;
    context->env = env.get();
    context->metrics = std::make_shared<vwr::room_metrics>(*registry);
    context->writer = sys.spawn(writer<vwr::save_room, vwr::room_saved>, store, writer_options{},
                                batch_observer{});
    context->reader = sys.spawn(
        vwr::room_reading, std::shared_ptr<vwr::room_queries>(memory::make_room_queries(store)));
    context->catalog = catalog;
    region = vwr::spawn_room_region(sys, context, region_options);
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

  /// As after a crash: only the store is left. Metrics start anew.
  void restart() {
    stop();
    registry = std::make_shared<prometheus::Registry>();
    start();
  }

  template <class Handle>
  void send_exit(const Handle& handle) {
    self->send_exit(handle, caf::exit_reason::user_shutdown);
  }

  result<vwr::room_counters> activate(bool reset = false) {
    return ask<vwr::room_counters>(region, vwr::activate_room{event, reset});
  }
  result<vwr::room_counters> deactivate() {
    return ask<vwr::room_counters>(region, vwr::deactivate_room{event});
  }
  result<vwr::number_taken> take() {
    return ask<vwr::number_taken>(region, vwr::take_number{event});
  }
  result<vwr::number_state> check(std::uint64_t number, std::uint64_t generation = 1) {
    return ask<vwr::number_state>(region, vwr::check_number{event, generation, number});
  }
  result<vwr::room_counters> show() {
    return ask<vwr::room_counters>(region, vwr::show_room{event});
  }

  using fate = memory::room_store::fate;

  /// The next batch, and only that, meets this.
  void next_batch(fate what) {
    store->set_fate([what, done = false](const auto&) mutable {
      return std::exchange(done, true) ? fate::committed : what;
    });
  }

  event_id event = *parse_id<event_id>("00000000-0000-4000-8000-0000000000e1");
  std::map<event_id, tiketi::catalog::event_brief> briefs;
  bool catalog_away = false;
  vwr::room_actor_options options;
  vwr::room_region_options region_options;
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::shared_ptr<memory::room_store> store = std::make_shared<memory::room_store>();
  tiketi::catalog::briefs_view catalog;
  std::shared_ptr<vwr::room_context> context;
  vwr::room_region region;
};

} // namespace tiketi::test
