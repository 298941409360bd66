#pragma once

#include "actors/base/time.hpp"
#include "actors/cluster/view.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tiketi::cluster {

/// Time since the machine started, asleep or not (CLOCK_BOOTTIME): never set, so it never jumps.
/// Different on every machine; only differences count.
using mono = std::chrono::nanoseconds;

/// How long a node may go on without the database, and when others may take its place.
///
/// A node serves until `lease - margin` after the moment *before* it sent its last renewal that was
/// answered. Another one may end the lease when it has not seen a renewal for `lease`, by its own
/// clock, since *after* it read the last one. The renewal was carried out between the two, so the
/// order of the two ends depends on the clocks' rates only, and not on how they are set, on the
/// database's clock, or on delays. With clocks up to `tolerated_drift` too fast or too slow the
/// node has stopped first; what remains of the margin is for work that began just before.
struct lease_rules {
  milliseconds lease{3000};
  milliseconds renew{1000}; ///< between two renewals
  milliseconds retry{200};  ///< after one that failed
  milliseconds margin{500};
};

/// Why these rules cannot work; nothing: they can.
std::optional<std::string> problem_of(const lease_rules& rules);

/// How far from true a clock may run, as a part of it: 0.01 is ten milliseconds per second.
double tolerated_drift(const lease_rules& rules);

enum class standing : std::uint8_t {
  joining, ///< or to join again, after others have ended its lease
  member,
  refused, ///< the cluster cannot have it; a person must act
  left,
};

struct store_call {
  enum class kind : std::uint8_t { join, renew, leave } what = kind::join;
  std::uint64_t number = 0; ///< of this call; answers to older ones count for nothing
  mono sent{};
};

struct join_answer {
  enum class outcome : std::uint8_t {
    joined,
    name_taken,   ///< by another process, whose lease has not been ended
    incompatible, ///< see `text`
  } what = outcome::joined;
  std::string text;
  std::uint64_t incarnation = 0;
  std::string cluster; ///< id
  cluster_view view;
  time_point database_now;
};

struct renew_answer {
  bool alive = false; ///< false: others have ended the lease
  cluster_view view;
  time_point database_now;
};

/// One node's own membership, and what it knows of the others'. Decides; the caller moves time and
/// talks to the store. One call to the store at a time.
class membership {
public:
  membership(std::string node, lease_rules rules);

  /// The call to make now, which counts as sent at `now`; nothing when none is due.
  std::optional<store_call> due(mono now);

  /// When `due` is worth asking again; not before the call under way is answered.
  mono next_due() const noexcept { return next_; }

  void joined(const store_call& call, const join_answer& answer, mono now);
  void renewed(const store_call& call, const renew_answer& answer, mono now);
  void failed(const store_call& call, mono now);
  /// A view that was read aside, for example after a lease was ended. Older ones count for nothing.
  void saw(const cluster_view& view, mono now);

  /// The next renewal is due now.
  void refresh() noexcept {
    if (standing_ == standing::member)
      next_ = {};
  }

  /// From now on this node serves nothing; the next call tells the others.
  void leave();
  void has_left(const store_call& call);

  /// May this node act for its shards? A node that was stopped or cut off answers false as soon as
  /// it runs again, and until a renewal that it sent afterwards is answered.
  bool may_serve(mono now) const noexcept { return now < until_; }
  mono serves_until() const noexcept { return until_; }

  /// Leases that may be ended: not renewed for a whole lease under this node's eyes. The store ends
  /// one only if it has still not been renewed.
  std::vector<seen_lease> ended(mono now) const;
  /// The store did not answer when leases were to be ended: nothing has ended for a while.
  void put_off_end(mono now) { no_end_before_ = now + rules_.retry; }
  /// The earliest moment at which `ended` can have something; nothing without other members.
  std::optional<mono> next_end() const;

  standing stands() const noexcept { return standing_; }
  const std::string& refusal() const noexcept { return refusal_; }
  node_key key() const { return {node_, incarnation_}; }
  const std::string& cluster() const noexcept { return cluster_; }
  const cluster_view& view() const noexcept { return view_; }
  bool draining() const;
  const lease_rules& rules() const noexcept { return rules_; }

  /// The time that all members share: the database's, between two answers carried on by this
  /// node's clock. As far off as the calls to the database take, never by how this machine's clock
  /// is set. Nothing before the first answer.
  std::optional<time_point> cluster_time(mono now) const;
  /// From this node's clock to that time.
  std::optional<std::chrono::nanoseconds> clock_offset() const noexcept { return clock_offset_; }

private:
  friend struct state_probe; // the search over all interleavings compares whole states

  struct observed {
    std::uint64_t incarnation = 0;
    std::uint64_t renewals = 0;
    milliseconds lease{};
    mono since{}; ///< when this node first saw them
  };

  bool is_answer(const store_call& call);
  void extend(mono sent);
  void set_clock(time_point database_now, mono sent, mono now);

  std::string node_;
  lease_rules rules_;
  standing standing_ = standing::joining;
  std::string refusal_;
  std::string cluster_;
  std::uint64_t incarnation_ = 0;
  std::uint64_t calls_ = 0;
  bool under_way_ = false;
  bool leaving_ = false;
  mono next_{};
  mono until_{};
  mono no_end_before_{};
  cluster_view view_;
  std::map<std::string, observed> others_;
  std::optional<std::chrono::nanoseconds> clock_offset_;
};

} // namespace tiketi::cluster
