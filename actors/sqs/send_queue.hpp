#pragma once

#include "actors/base/time.hpp"
#include "actors/base/uuid.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tiketi::sqs {

struct send_rules {
  std::size_t per_call = 10;     ///< messages in a call, 1 … 10
  std::size_t per_group = 10;    ///< of them of one group, 1 … 10
  std::size_t calls_max = 4;     ///< calls at once, each about other groups
  std::size_t held_max = 20'000; ///< messages held; one more is refused
  milliseconds wait_first{500};  ///< after a failure; doubles with each further one
  milliseconds wait_max{30'000};
};

/// Which messages go into the next call. Keeps the order of each group: never two calls about one
/// group at once, and after a failure what is older goes first. Pure: time is an argument.
class send_queue {
public:
  explicit send_queue(send_rules rules) : rules_(rules) {}

  enum class added : std::uint8_t { fresh, known, full };

  /// `key` names its group, `sequence` is its place among all messages, whenever it is added.
  added add(const uuid& id, std::int64_t sequence, std::string key);

  struct call {
    std::uint64_t number = 0;
    std::vector<uuid> entries; ///< in order
  };

  /// The call to make now; nothing: none. Ask again until there is nothing.
  std::optional<call> next(time_point now);

  /// What became of a message of a call that was answered.
  enum class outcome : std::uint8_t {
    over,  ///< accepted, or never to be accepted: not held any more
    again, ///< tried again after a while, and its group waits for it
    alone, ///< the same, in a call of its own
  };

  /// One outcome for each entry of the call. `random` spreads the waits.
  void answered(std::uint64_t number, std::span<const outcome> outcomes, time_point now,
                std::uint64_t random);

  /// The call was not answered at all: nothing is sent for a while. `patient`: not soon.
  void failed(std::uint64_t number, bool patient, time_point now, std::uint64_t random);

  std::size_t held() const noexcept { return places_.size(); }
  std::size_t calls() const noexcept { return calls_.size(); }

private:
  struct message {
    uuid id;
    std::uint32_t attempts = 0;
    bool alone = false;
  };

  struct group {
    std::map<std::pair<std::int64_t, uuid>, message> line;
    bool in_flight = false;
    time_point retry_at;
  };

  struct place {
    std::string key; ///< of its group
    std::int64_t sequence = 0;
  };

  milliseconds wait(std::uint32_t failures, std::uint64_t random) const;
  std::vector<uuid> release(std::uint64_t number);

  send_rules rules_;
  std::map<std::string, group> groups_;
  std::unordered_map<uuid, place> places_;
  std::map<std::uint64_t, std::vector<uuid>> calls_;
  std::uint64_t last_call_ = 0;
  std::uint32_t failures_ = 0; ///< calls in a row without an answer
  time_point rests_until_;
};

} // namespace tiketi::sqs
