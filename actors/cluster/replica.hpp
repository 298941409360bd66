#pragma once

#include "actors/base/result.hpp"
#include "actors/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

// Reads of what another node owns, answered from a copy on this node.

namespace tiketi::cluster {

/// How old an answer from a copy may be.
struct replica_rules {
  /// An answer tells of the owner's state at most so long before the question. 0: of a state after
  /// the question, so that whoever has heard of a change sees it on every node.
  milliseconds age_max{250};
  /// While the owner does not answer, as when its node has died; 0: never.
  milliseconds stale_max{5000};
  /// From when on an owner counts as one that does not answer.
  milliseconds hurry{100};
  std::size_t waiting_max = 20'000; ///< readers that wait for one copy; over it: overloaded
  /// A copy that nobody asks for is given up after this time.
  milliseconds idle_after{30'000};
  std::size_t copies_max = 10'000; ///< on this node, of each kind; over it the owner is asked
  /// A reader waits so long in all, whatever has to be asked for him one after the other: as long
  /// as whoever asks the owner directly (`courier_options`).
  milliseconds patience{8'000};
};

/// When a copy may answer for its owner, and when the owner has to be asked what has changed: at
/// most one such question is under way, whatever the number of readers. Nobody asks: no question.
/// Pure: time is an argument. Not thread-safe.
class replica_clock {
public:
  /// Called with null: answer from the copy now; or with why that cannot be done.
  using use_fn = std::function<void(const failure*)>;
  /// Starts question number `n`, which ends with `answered` or `failed`, at `until()` at the
  /// latest.
  using ask_fn = std::function<void(std::uint64_t n)>;

  replica_clock(replica_rules rules, ask_fn ask) : rules_(rules), ask_(std::move(ask)) {}

  /// A reader has come. True: the copy may answer now. Asks ahead, so that under steady reading
  /// nobody waits.
  bool fresh(time_point now);

  /// For a reader that came when the copy was not `fresh`. Calls `use` once.
  void wait(time_point now, use_fn use) { wait(now, now, false, std::move(use)); }
  /// For a reader that came earlier and needs an answer to a question which is not asked yet.
  void wait_for_next(time_point came, time_point now, use_fn use) {
    wait(came, now, true, std::move(use));
  }

  /// The question is answered, and the copy says what the owner said.
  void answered(time_point now);
  void failed(const failure& why, time_point now);

  /// `hurry` after question `n` was asked.
  void hurry(std::uint64_t n, time_point now);

  bool asking() const noexcept { return asking_; }
  /// Of the question under way: then the first of those who wait for it loses patience.
  time_point until() const noexcept { return until_; }
  /// How old what the copy says is, at most. Nothing: it says nothing yet.
  std::optional<milliseconds> age(time_point now) const;
  time_point last_read() const noexcept { return last_read_; }
  std::size_t waiting() const noexcept { return waiting_.size(); }
  const replica_rules& rules() const noexcept { return rules_; }

private:
  struct reader {
    time_point came;
    std::uint64_t after = 0; ///< questions asked before
    bool next = false;       ///< only one asked later will do
    use_fn use;
  };

  void wait(time_point came, time_point now, bool next, use_fn use);
  bool impatient(const reader& r, time_point now) const;
  bool served(const reader& r) const;
  void ask(time_point now);
  bool late(time_point now) const;
  bool usable_stale(time_point now) const;
  /// What becomes of one who waits.
  enum class verdict : std::uint8_t { served, refused, waits };
  template <class Judge>
  void settle(const failure& why, Judge judge);

  replica_rules rules_;
  ask_fn ask_;
  std::deque<reader> waiting_; ///< in the order they came
  std::optional<time_point> as_of_;
  std::uint64_t asked_ = 0;
  bool asking_ = false;
  time_point asked_at_;
  time_point until_;
  time_point last_read_;
};

} // namespace tiketi::cluster
