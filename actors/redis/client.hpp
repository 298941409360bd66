#pragma once

#include "actors/base/time.hpp"
#include "actors/redis/script.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// What the actors know of Redis: calls and answers. No sockets, no CAF.

namespace tiketi::redis {

/// A value that Redis answered with.
struct reply {
  enum class kind : std::uint8_t { nil, integer, text, list };

  kind what = kind::nil;
  std::int64_t integer = 0;
  std::string text;         ///< also of a status, `OK`
  std::vector<reply> items; ///< of a list
};

/// Why there is no answer.
enum class call_error : std::uint8_t {
  none,
  unavailable, ///< no connection: certainly not run
  overloaded,  ///< too many calls in flight: certainly not run
  timed_out,   ///< may have run, or may still run
  lost,        ///< the connection broke: may have run
  refused,     ///< Redis answered with an error; `outcome::text` has its words
};

std::string_view to_string_view(call_error e) noexcept;

struct outcome {
  call_error error = call_error::none;
  reply value;      ///< of a success
  std::string text; ///< what went wrong, for a log

  bool ok() const noexcept { return error == call_error::none; }
};

/// One command, or one run of a script.
struct call {
  /// The command with its arguments; of a script its keys and then its arguments.
  std::vector<std::string> words;
  const script* run = nullptr; ///< null: a command; otherwise it outlives the client
  std::size_t keys = 0;        ///< of a script: how many of `words`
  milliseconds deadline{50};   ///< from `start` to the answer
  /// Calls with the same number use the same connection, one behind the other, as long as it
  /// lasts (except for a script that Redis had forgotten, and for a key that another node of a
  /// cluster has now: these are sent again). In a cluster: of those whose keys are in one slot.
  std::uint64_t route = 0;
};

struct client_status {
  std::size_t connections = 0; ///< of a cluster: to the masters that are known
  std::size_t ready = 0;       ///< of them
  std::string last_error;      ///< of the last connection that was lost or refused
  /// Of a cluster: slots whose master is not known or not connected; their calls are unavailable.
  std::size_t slots_away = 0;
};

/// Calls to one Redis, or to one cluster. Thread-safe.
class client {
public:
  using done_fn = std::function<void(outcome)>;

  virtual ~client() = default;

  /// Returns at once. `done` is called exactly once: on the caller's thread, before this returns,
  /// where the call is refused at once (unavailable, overloaded); otherwise on the client's only
  /// thread. It must neither block nor throw; it may start further calls.
  virtual void start(call c, done_fn done) = 0;

  virtual client_status status() const = 0;

  /// Ends all calls with `lost`; whatever is started afterwards is `unavailable`. No `done` is
  /// called any more when it returns. Not from a `done`.
  virtual void shutdown() = 0;
};

} // namespace tiketi::redis
