#pragma once

#include "actors/base/result.hpp"
#include "actors/system/caf_error.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

namespace tiketi {

/// What became of one command of a group commit.
enum class commit_status : std::uint8_t {
  committed, ///< durable
  rejected,  ///< its own check failed (version, token, uniqueness); nothing of it was written
  failed,    ///< certainly not written: the database refused or was unreachable before the commit
  unknown,   ///< the commit's answer was lost: in doubt until looked up
};

/// One transaction for many commands. `Outcome` has a member `commit_status status`.
/// Called from one thread. Returns one outcome per command, in order; never throws.
template <class Command, class Outcome>
class commit_target {
public:
  virtual ~commit_target() = default;

  virtual std::vector<Outcome> commit(std::vector<Command>& batch) = 0;
};

struct writer_options {
  std::size_t batch_max = 256;     ///< commands in one transaction
  std::size_t waiting_max = 20000; ///< over this: errc::overloaded, nothing is queued
};

/// One transaction of a writer.
struct batch_report {
  std::size_t commands = 0;
  std::size_t waiting = 0; ///< messages in the writer's mailbox when it ended
  std::chrono::nanoseconds took{};
};

/// Told after each transaction; may be empty. Called on the writer's thread, before the answers
/// leave.
using batch_observer = std::function<void(const batch_report&)>;

/// Everything that is in the mailbox before this message belongs to the batch it ends.
struct end_of_batch {
  bool last = false; ///< the writer was asked to quit and does so after this batch
};

/// The write side of one store: all commands that wait form one transaction (group commit: DeWitt
/// et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984). Run it
/// `caf::detached`, because a commit blocks. An exit message ends it after the commands that were
/// sent before it are committed and answered. `Command` and `Outcome` never leave the process:
/// declare both with CAF_ALLOW_UNSAFE_MESSAGE_TYPE.
template <class Command, class Outcome>
using writer_actor = caf::typed_actor<typename caf::replies_to<Command>::template with<Outcome>,
                                      caf::reacts_to<end_of_batch>>;

template <class Command, class Outcome>
struct writer_state {
  writer_state() = default;

  std::shared_ptr<commit_target<Command, Outcome>> target;
  writer_options options;
  batch_observer observe;
  std::vector<Command> batch;
  std::vector<caf::typed_response_promise<Outcome>> promises;
  bool closing = false; ///< an end_of_batch is in the mailbox

  template <class Self>
  void commit_now(const Self& self) {
    if (batch.empty())
      return;
    auto commands = std::move(batch);
    auto waiting = std::move(promises);
    batch.clear();
    promises.clear();
    const auto size = commands.size();
    const auto start = std::chrono::steady_clock::now();
    auto outcomes = target->commit(commands);
    if (observe)
      observe({size, self->mailbox().size(), std::chrono::steady_clock::now() - start});
    for (std::size_t i = 0; i < waiting.size(); ++i)
      waiting[i].deliver(std::move(outcomes[i]));
  }
};

template <class Command, class Outcome>
typename writer_actor<Command, Outcome>::behavior_type
writer(typename writer_actor<Command,
                             Outcome>::template stateful_pointer<writer_state<Command, Outcome>>
           self,
       std::shared_ptr<commit_target<Command, Outcome>> target, writer_options options,
       batch_observer observe) {
  self->state.target = std::move(target);
  self->state.options = options;
  self->state.observe = std::move(observe);
  // An exit message overtakes the commands that wait, so it is turned into one that does not.
  self->set_exit_handler([self](caf::exit_msg&) { self->send(self, end_of_batch{true}); });
  return {
      [self](Command& command) -> caf::result<Outcome> {
        auto& state = self->state;
        auto promise = self->template make_response_promise<Outcome>();
        if (self->mailbox().size() > state.options.waiting_max) {
          promise.deliver(to_caf(errc::overloaded));
          return promise;
        }
        state.batch.push_back(std::move(command));
        state.promises.push_back(promise);
        if (state.batch.size() >= state.options.batch_max) {
          state.commit_now(self);
        } else if (!state.closing) {
          state.closing = true;
          // To itself, at the end of the mailbox: whatever waits there now joins this batch.
          self->send(self, end_of_batch{});
        }
        return promise;
      },
      [self](end_of_batch end) {
        self->state.closing = false;
        self->state.commit_now(self);
        if (end.last)
          self->quit(caf::exit_reason::user_shutdown);
      },
  };
}

} // namespace tiketi

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::end_of_batch)
