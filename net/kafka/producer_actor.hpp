#pragma once

#include "actors/bus/messages.hpp"
#include "net/kafka/producer.hpp"

#include <memory>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::kafka {

// None of these leaves the process.

/// Send this record. Answered by `record_sent` once it is acknowledged.
struct send_record {
  record what;
};
struct record_sent {};
struct delivery_reports {
  std::vector<delivery_report> reports;
};

} // namespace tiketi::kafka

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::kafka::send_record)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::kafka::record_sent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::kafka::delivery_reports)

namespace tiketi::kafka {

/// The consumer of every relay when events travel through Kafka: an event is "applied" once all
/// in-sync replicas have it. So the relay's order per key, its bound on what is in flight and its
/// cursor hold for what is in Kafka too.
using producer_actor = caf::typed_actor<caf::replies_to<deliver>::with<applied>,
                                        caf::replies_to<send_record>::with<record_sent>,
                                        caf::reacts_to<delivery_reports>>;

/// `client` is the producer whose reports this actor gets; it outlives the actor.
producer_actor spawn_producer(caf::actor_system& sys, std::shared_ptr<producer> client);

} // namespace tiketi::kafka
