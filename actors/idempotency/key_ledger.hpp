#pragma once

#include "actors/base/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace tiketi::idempotency {

using digest = std::array<std::uint8_t, 32>;

/// What a request asks for that carries an `Idempotency-Key`.
struct claim {
  digest scope{};       ///< who, method, path and key
  std::string owner;    ///< whose budget of keys: a user, or a kind of caller
  digest fingerprint{}; ///< the rest of the request
  /// Running it twice would do it twice, so it is noted before it runs: an interrupted run is never
  /// repeated.
  bool once = false;
  bool trusted = false; ///< no bound of its own: only that of all together
};

/// An answer as it is kept and sent again. `body` is never null.
struct kept_answer {
  int status = 0;
  std::string content_type;
  std::shared_ptr<const std::string> body = std::make_shared<const std::string>();
};

/// A row of the store.
struct key_record {
  digest scope{};
  std::string owner;
  digest fingerprint{};
  bool done = false;             ///< false: noted before it ran
  std::uint64_t incarnation = 0; ///< of the process that wrote it
  time_point started_at;
  time_point expires_at;
  kept_answer answer; ///< of a done one
};

struct ledger_rules {
  seconds retention{86'400};
  std::size_t keys_per_owner = 1'000;
  std::size_t keys_max = 1'000'000;
  std::size_t running_max = 20'000;
  std::size_t cache_bytes = 16u << 20;
  /// With other nodes: what one of them noted no longer ago than this may still be running there.
  /// 0: there are none, so what is noted and not running was interrupted.
  seconds elsewhere{0};
  /// A longer answer is not kept: a repeat hears that it was given.
  std::size_t answer_bytes_max = 256u << 10;
};

enum class verdict : std::uint8_t {
  look_up,     ///< ask the store, then `looked_up`
  note,        ///< write `record()` down, then `noted`
  run,         ///< go on, then `finish`
  replay,      ///< the same answer again
  running,     ///< the first one is not answered yet
  mismatch,    ///< the key was used with another request
  interrupted, ///< it may or may not have had its effect: not to be repeated
  owner_full,  ///< too many live keys of this owner
  full,        ///< too many live keys of all, or runs at once
};

/// What to do with the answer of a run.
enum class fate : std::uint8_t {
  keep, ///< write `record()`, then `kept`; only then answer
  free, ///< answer; a retry runs again
  drop, ///< the same, and remove what was noted
};

/// Remembers which keys are being worked on, the latest answers, and how many keys each owner has.
/// Decides; the keeper does. No clock, no I/O.
class key_ledger {
public:
  key_ledger(ledger_rules rules, std::uint64_t incarnation);

  /// At the start: what the store holds already.
  void add_stored(const std::string& owner, std::size_t keys);

  /// A request comes. Anything but `look_up` is final.
  verdict begin(const claim& c, time_point now);

  /// The store's answer to a `look_up`.
  verdict looked_up(const digest& scope, const std::optional<key_record>& found, time_point now);

  /// Neither looked up nor noted: as if it had never come.
  void give_up(const digest& scope);

  /// The answer of a run. What is not certain to be final (5xx), or depends on more than the
  /// request (401, 403, 429), is not kept.
  fate finish(const digest& scope, kept_answer answer);

  /// What is to be written for a `note` or a `keep`.
  const key_record& record(const digest& scope) const;

  /// The outcome of writing a `keep`. Replayed from memory either way.
  void kept(const digest& scope, bool is_stored);

  /// What the store holds now, in place of what was counted: other nodes add and remove keys, too.
  /// Runs that are not stored yet are counted again.
  void recount(const std::unordered_map<std::string, std::size_t>& stored);

  /// The answer to replay, after `replay`. Valid until the next call.
  const kept_answer& answer() const noexcept { return answer_; }

  /// A key of `owner` was removed from the store.
  void removed(const std::string& owner);

  std::size_t keys() const noexcept { return total_; }
  std::size_t running() const noexcept { return running_.size(); }
  std::size_t cached() const noexcept { return recent_.size() + older_.size(); }

private:
  struct digest_hash {
    std::size_t operator()(const digest& x) const noexcept {
      std::size_t out = 0;
      std::memcpy(&out, x.data(), sizeof out);
      return out;
    }
  };

  struct run {
    key_record record;
    bool once = false;
    bool trusted = false;
    bool counted = false;
  };

  struct cached_answer {
    digest fingerprint{};
    time_point expires_at;
    kept_answer answer;
  };

  using generation = std::unordered_map<digest, cached_answer, digest_hash>;

  void remember(const digest& scope, cached_answer entry);
  const cached_answer* recall(const digest& scope, time_point now);

  ledger_rules rules_;
  std::uint64_t incarnation_;
  std::unordered_map<digest, run, digest_hash> running_;
  // Two generations instead of a list of all uses: the older one goes as a whole.
  generation recent_;
  generation older_;
  std::size_t recent_bytes_ = 0;
  std::unordered_map<std::string, std::size_t> owners_;
  std::size_t total_ = 0;
  kept_answer answer_;
};

} // namespace tiketi::idempotency
