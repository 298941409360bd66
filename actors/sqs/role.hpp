#pragma once

#include "actors/bus/relay.hpp"
#include "actors/remote/role.hpp"
#include "actors/sqs/sender.hpp"

#include <memory>

#include <caf/fwd.hpp>

namespace prometheus {
class Registry;
}

namespace tiketi::sqs {

struct sqs_dependencies {
  entry_tokens tokens;
  std::shared_ptr<remote::transport> via; ///< outlives the role
};

struct sqs_role {
  consumer_actor sender;
  remote::client_actor calls;

  /// What the queue role's relay needs.
  subscription consumer() const;
};

/// Starts the sender of admission notices with calls of its own. `calls` says how they are made;
/// the role's own rules decide about repeats. `env` and `registry` outlive the actor system.
sqs_role start_sqs(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                   sender_options options, remote::remote_options calls,
                   sqs_dependencies dependencies);

/// Ends the role at once; what was being sent is sent again after the next start. Returns at once.
void stop(const sqs_role& role);

} // namespace tiketi::sqs
