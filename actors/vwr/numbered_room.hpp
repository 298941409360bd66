#pragma once

#include "actors/base/result.hpp"
#include "actors/base/time.hpp"

#include <cstdint>
#include <optional>

namespace tiketi::vwr {

/// Numbers fit into a request id, see `request_ids`.
inline constexpr std::uint64_t number_max = (std::uint64_t{1} << 34) - 1;
/// So do generations, modulo this.
inline constexpr std::uint64_t generations = 1024;

/// All there is to know about one event's room. A number is its own place in the line, so the room
/// takes the same memory whether ten people wait or ten million.
struct room_row {
  std::uint64_t generation = 1; ///< one more with each reset: numbers of older ones are void
  bool active = false;          ///< gives out numbers
  std::uint64_t issued = 0;     ///< last number given out; the first is 1
  std::uint64_t serving = 0;    ///< numbers up to this one are served; never over `issued`
  std::uint64_t version = 0;    ///< writes so far; 0: the row does not exist
  time_point updated_at;

  friend bool operator==(const room_row&, const room_row&) = default;
};

/// Where a number stands.
struct standing {
  bool switched_off = false; ///< nobody has to wait
  bool served = false;       ///< its turn has come, or the room is switched off
  std::uint64_t ahead = 0;
};

/// Seconds until `ahead` people are served at `per_second`, rounded up.
std::int64_t estimated_wait(std::uint64_t ahead, double per_second);

/// Seconds until a client should ask again, by how many are ahead of it.
std::int64_t next_poll(std::uint64_t ahead);

/// The numbered waiting room of one event: numbers go out in order, and are served in order.
///
/// Decisions change `decided()` at once and become true with the write that carries them: `begin`
/// gives the row to write, `end` tells that it was. Between the two more may be decided; that goes
/// with the next write. What others are told comes from `durable()`.
class numbered_room {
public:
  /// What the store holds; nothing: this event has no room yet. Undoes what was decided since.
  void restore(std::optional<room_row> row);

  bool exists() const noexcept { return durable_.version != 0; }
  const room_row& durable() const noexcept { return durable_; }
  const room_row& decided() const noexcept { return decided_; }
  /// How many wait, as others see it.
  std::uint64_t waiting() const noexcept { return durable_.issued - durable_.serving; }

  /// The next number. not_found: the room gives out none now; limit_exceeded: there is none left.
  result<std::uint64_t> take();

  /// Switches the room on. Numbers go on where they were, also when it was on already. With `reset`
  /// everything starts at zero and older numbers are void: conflict while the room is on.
  result<void> activate(bool reset);

  /// Switches it off: whoever has a number may enter. not_found: there is no room.
  result<void> deactivate();

  /// Serves up to `batch` more numbers, and never one that was not given out. Returns how many.
  std::uint64_t advance(std::uint64_t batch);

  /// The same by the clock: only while the room is on.
  std::uint64_t advance_by_clock(std::uint64_t batch) {
    return decided_.active ? advance(batch) : 0;
  }

  /// Where a number of this generation (modulo `generations`) stands. not_found: it was never given
  /// out, or is void.
  result<standing> find(std::uint64_t generation, std::uint64_t number) const;

  bool has_changes() const noexcept { return changed_ && !writing_; }
  bool is_writing() const noexcept { return writing_; }

  /// The row to write, replacing the one with the version before. Call with changes only.
  room_row begin(time_point now);
  /// It was written.
  void end();

private:
  room_row durable_;
  room_row decided_;
  room_row under_way_;
  bool changed_ = false;
  bool writing_ = false;
};

} // namespace tiketi::vwr
