#pragma once

#include "actors/store/group_commit.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

namespace tiketi {

/// Which of `count` writers a command belongs to. Commands that touch the same rows must have the
/// same one, or the store must be able to resolve it.
template <class Command>
using writer_choice = std::function<std::size_t(const Command& command, std::size_t count)>;

struct spread_state {
  spread_state() = default;

  std::size_t alive = 0;
};

/// Looks like one writer and hands each command to one of several, each with a connection and
/// transactions of its own, so that they commit side by side. Commands of one choice are committed
/// in order. An exit message ends it after all of them have committed what they were given.
template <class Command, class Outcome>
typename writer_actor<Command, Outcome>::behavior_type
spread_writer(typename writer_actor<Command, Outcome>::template stateful_pointer<spread_state> self,
              std::vector<writer_actor<Command, Outcome>> writers, writer_choice<Command> choose) {
  self->state.alive = writers.size();
  for (const auto& w : writers)
    self->monitor(w);
  self->set_down_handler([self](const caf::down_msg&) {
    if (--self->state.alive == 0)
      self->quit(caf::exit_reason::user_shutdown);
  });
  // As in a writer: behind the commands that wait.
  self->set_exit_handler([self](caf::exit_msg&) { self->send(self, end_of_batch{true}); });
  return {
      [self, writers, choose](Command& command) -> caf::result<Outcome> {
        const auto n = std::min(choose(command, writers.size()), writers.size() - 1);
        return self->delegate(writers[n], std::move(command));
      },
      [writers](end_of_batch end) {
        if (end.last)
          for (const auto& w : writers)
            caf::anon_send_exit(w, caf::exit_reason::user_shutdown);
      },
  };
}

} // namespace tiketi
