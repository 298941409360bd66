#pragma once

#include "actors/queue/admission.hpp"
#include "actors/queue/line_ranks.hpp"
#include "actors/queue/line_updates.hpp"
#include "actors/queue/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tiketi::queue {

struct line_copy_options {
  /// A waiting user's visits are told to the owner this often at most; well below
  /// `room_rules::seen_ttl`.
  milliseconds tell_every{60'000};
  std::size_t users_per_question = 7'000; ///< of each list: fits into one command
};

/// Where the users who ask on this node stand in the line of another node. Pure; not thread-safe.
class line_copy {
public:
  line_copy(event_id event, line_copy_options options) : event_(event), options_(options) {}

  enum class knowledge : std::uint8_t {
    here,     ///< `place_of` says it
    unknown,  ///< `wanted`, then the next answer says it
    elsewhere ///< not waiting, or about to leave: the owner has to be asked
  };

  /// Notes that the user has asked.
  knowledge look(const user_id& user, time_point now);

  /// Of a user who is `here`.
  queue_place place_of(const user_id& user) const;

  /// The next question shall ask for this user's place.
  void wanted(const user_id& user);

  /// What the owner said to this user's own question.
  void learn(const user_id& user, const queue_place& place);

  /// What to ask the owner; the answer follows by `take`, or none by `lost`, and then nobody waits
  /// for what was `wanted`.
  follow_line question();
  /// False: ask again, it did not go on from what is here.
  bool take(const line_update& update, time_point now);
  void lost();

  bool has_news() const noexcept { return !seen_.empty() || !wanted_.empty(); }
  bool usable() const noexcept { return !too_wide_; }
  std::uint64_t beginnings() const noexcept { return beginnings_; }

private:
  struct user_state {
    std::uint64_t sequence = 0;
    time_point told;
  };

  void ask_again();
  void drop_gone();

  event_id event_;
  line_copy_options options_;
  std::uint64_t nonce_ = 0;
  std::uint64_t changes_ = 0;
  bool too_wide_ = false;
  line_ranks ranks_;
  std::unordered_set<std::uint64_t> leaving_; ///< numbers
  std::unordered_map<user_id, user_state> users_;
  std::unordered_set<user_id> elsewhere_; ///< those who asked here and do not wait
  std::vector<user_id> seen_;             ///< to be told
  std::vector<user_id> wanted_;
  follow_line asked_; ///< what was told and wanted with the question under way
  std::uint64_t active_ = 0;
  std::uint32_t threshold_ = 0;
  admission_figures figures_;
  std::uint64_t beginnings_ = 0;
};

} // namespace tiketi::queue
