#pragma once

#include "actors/queue/waiting_room.hpp"
#include "actors/redis/client.hpp"
#include "storage/queue_journal.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace tiketi::queue {

struct mirror_options {
  milliseconds deadline{1'000};     ///< of one call
  milliseconds retry_after{1'000};  ///< after a failure
  milliseconds verify_every{5'000}; ///< an unchanged copy is asked for this often
  std::size_t changes_max = 500;    ///< in one call
  std::size_t waiting_max = 20'000; ///< changes not told yet; with more the copy is made anew
};

/// Keeps a copy of one queue in Redis up to date (lua/queue_mirror.lua): decides what to tell, one
/// call at a time. The room is what is true; a copy that is lost, incomplete or of unknown state is
/// made anew from it, a bounded part per call. Nothing of the queue waits for it, and while Redis
/// is away nothing gathers. Pure: no clock, no I/O.
class queue_mirror {
public:
  /// `incarnation` tells this copy's revisions from those of any other owner.
  queue_mirror(event_id event, std::uint64_t incarnation, mirror_options options);

  /// This was journaled and applied to the room.
  void changed(const journal_op& op);

  /// The room was read anew.
  void restart();

  /// The next call; nothing: none is due, or the last one has not been answered. Every call is
  /// to be answered by `answered`.
  std::optional<redis::call> next(const waiting_room& room, time_point now);
  void answered(const redis::outcome& what, time_point now);

  /// Redis holds everything, as far as anybody can know.
  bool current() const noexcept {
    return phase_ == phase::following && pending_.empty() && call_ == call_kind::none;
  }
  /// Redis lacks something, or it is not known what it holds.
  bool behind() const noexcept { return phase_ != phase::following; }
  /// How often a copy was begun.
  std::uint64_t copies() const noexcept { return copies_; }

private:
  enum class phase : std::uint8_t { behind, copying, following };
  enum class call_kind : std::uint8_t { none, changes, cleanup };

  struct change {
    char what = 0;
    user_id user;
    std::int64_t value = 0;
  };

  void lag(time_point until);
  void add(redis::call& c, const change& x) const;
  std::size_t add_copy(redis::call& c, const waiting_room& room);

  event_id event_;
  std::uint64_t incarnation_;
  mirror_options options_;
  phase phase_ = phase::behind;
  call_kind call_ = call_kind::none;
  bool void_ = false; ///< whatever the call under way does, the copy is to be made anew
  std::deque<change> pending_;
  std::vector<user_id> copy_active_; ///< still to be copied
  std::uint64_t copy_after_ = 0;     ///< the line is copied up to here
  bool copied_ = false;              ///< with the call under way
  std::uint64_t revision_ = 0;       ///< what Redis holds
  std::optional<time_point> clean_before_;
  time_point retry_at_;
  time_point told_at_;
  std::uint64_t copies_ = 0;
};

} // namespace tiketi::queue
