#pragma once

#include "actors/base/time.hpp"
#include "actors/base/uuid.hpp"
#include "actors/cluster/envelope.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>

namespace tiketi::cluster {

struct recent_limits {
  std::size_t commands_max = 200'000;
  std::size_t bytes_max = std::size_t{32} << 20; ///< of answers
  /// The furthest deadline: bounds how long a command has to be remembered.
  milliseconds deadline_max{60'000};
  /// By how much two nodes may disagree about the cluster's time.
  milliseconds skew{2000};
};

/// What an owner has been told to do lately, so that a command whose answer was lost can be sent
/// again and is not applied twice. A command is remembered until no repetition can pass the check
/// of its deadline any more; when there is no room for one more, new commands are refused, and
/// nothing is forgotten early. Answers are kept as long as there is room for their bytes; of older
/// ones only that they were given. No clock of its own; not thread-safe.
class recent_commands {
public:
  explicit recent_commands(recent_limits limits) : limits_(limits) {}

  enum class verdict : std::uint8_t {
    begin,    ///< new: apply it, then call `finished` or `not_applied`
    running,  ///< under way: its answer will do for this one, too
    finished, ///< see `answer`
    full,     ///< no room: refuse it, nothing is applied
    too_far,  ///< its deadline is further away than any may be
  };

  verdict begin(const uuid& command, time_point deadline, time_point now);

  /// Of a finished command; without payload and `forgotten` when there was no room for it.
  command_reply answer(const uuid& command) const;

  void finished(const uuid& command, const command_reply& reply);
  /// It was answered `lost`: it runs again, and this time its owner asks the store first.
  void again(const uuid& command);
  /// It certainly had no effect: a repetition may run.
  void not_applied(const uuid& command);

  std::size_t size() const noexcept { return commands_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

private:
  struct entry {
    bool running = true;
    bool kept = false; ///< the answer
    command_reply reply;
    std::multimap<time_point, uuid>::iterator place;
  };

  void forget_past(time_point now);
  void drop_answer(entry& e);

  recent_limits limits_;
  std::size_t bytes_ = 0;
  std::unordered_map<uuid, entry> commands_;
  std::multimap<time_point, uuid> by_deadline_;
  std::deque<uuid> answered_; ///< oldest answer first; may name what is forgotten
};

} // namespace tiketi::cluster
