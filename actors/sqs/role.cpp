#include "actors/sqs/role.hpp"

#include "actors/bus/type_ids.hpp"

#include <string>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

namespace tiketi::sqs {

subscription sqs_role::consumer() const {
  return {queue::admission_topic, "sqs", sender, {queue::admitted_type}, true};
}

sqs_role start_sqs(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                   sender_options options, remote::remote_options calls,
                   sqs_dependencies dependencies) {
  // One attempt per call: the sender knows better what may be sent next.
  calls.retry.attempts_max = 1;
  calls.attempt_timeout = options.call_timeout;
  calls.in_flight_max = options.rules.calls_max;
  sqs_role role;
  role.calls = remote::start_remote(sys, env, registry, calls, std::move(dependencies.via),
                                    {std::string{send_target}});
  role.sender = spawn_sender(sys, env, std::make_shared<sender_metrics>(registry),
                             std::move(options), std::move(dependencies.tokens), role.calls);
  return role;
}

void stop(const sqs_role& role) {
  caf::anon_send_exit(role.sender, caf::exit_reason::user_shutdown);
  remote::stop_remote(role.calls);
}

} // namespace tiketi::sqs
