#pragma once

#include "actors/base/time.hpp"
#include "actors/base/uuid.hpp"

#include <cstdint>
#include <string>

#include <caf/meta/type_name.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi {

/// One committed fact, as it stands in a role's outbox and travels on a topic.
struct domain_event {
  uuid id;                   ///< unique; what consumers remember
  std::int64_t sequence = 0; ///< position in its producer's outbox; 0 before it is stored
  std::string topic;         ///< `payment-events`, `reservation-events`, `catalog-events` ...
  std::string key;           ///< order is kept per key
  std::string type;          ///< `PAYMENT_CONFIRMED` ...
  std::uint32_t version = 1;
  time_point occurred_at;
  std::string trace;   ///< W3C traceparent, may be empty
  std::string payload; ///< JSON object, without the fields above
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, domain_event& x) {
  return f(caf::meta::type_name("domain_event"), x.id, x.sequence, x.topic, x.key, x.type,
           x.version, x.occurred_at, x.trace, x.payload);
}

/// To a consumer: apply this event. Answered by `applied` once its effects (and its
/// `processed_events` row) are durable; an error means: try again later.
struct deliver {
  domain_event event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, deliver& x) {
  return f(caf::meta::type_name("deliver"), x.event);
}

struct applied {
  uuid event;
  bool duplicate = false; ///< was applied before
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, applied& x) {
  return f(caf::meta::type_name("applied"), x.event, x.duplicate);
}

/// From a role's writer to its relay: the outbox has new rows.
struct outbox_grew {};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, outbox_grew&) {
  return f(caf::meta::type_name("outbox_grew"));
}

/// Applies the events of one or more topics exactly once.
using consumer_actor = caf::typed_actor<caf::replies_to<deliver>::with<applied>>;

/// Feeds consumers (in process or through Kafka) from one role's outbox, at least once, in order
/// per key. Survives restarts: starts behind the stored cursor of each consumer.
using relay_actor = caf::typed_actor<caf::reacts_to<outbox_grew>>;

} // namespace tiketi
