#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/event/metrics.hpp"
#include "actors/event/options.hpp"
#include "actors/event/reader.hpp"
#include "actors/membership/handle.hpp"
#include "actors/payment/type_ids.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/seat/guard.hpp"
#include "storage/ticket_store.hpp"

#include <memory>
#include <mutex>
#include <utility>

namespace tiketi::ticket {

/// Other roles that this one talks to. They start later and know this one, so their handles come
/// afterwards; each may be null for ever. Thread-safe.
class late_links {
public:
  void set(payment::tickets_view payment, queue::gate_view queue, relay_actor relay) {
    const std::lock_guard lock(mutex_);
    payment_ = std::move(payment);
    queue_ = std::move(queue);
    relay_ = std::move(relay);
  }

  payment::tickets_view payment() const {
    const std::lock_guard lock(mutex_);
    return payment_;
  }

  queue::gate_view queue() const {
    const std::lock_guard lock(mutex_);
    return queue_;
  }

  relay_actor relay() const {
    const std::lock_guard lock(mutex_);
    return relay_;
  }

private:
  mutable std::mutex mutex_;
  payment::tickets_view payment_;
  queue::gate_view queue_;
  relay_actor relay_;
};

/// What every actor of the sale shares. `env` and `metrics` outlive the actor system.
struct ticket_context {
  environment& env;
  ticket_metrics& metrics;
  ticket_options options;
  ticket_writer writer;
  store_reader reader;
  guard_actor guard;
  membership::tiers_view members; ///< null: nobody is one
  std::shared_ptr<late_links> links = std::make_shared<late_links>();
};

using ticket_context_ptr = std::shared_ptr<const ticket_context>;

} // namespace tiketi::ticket
