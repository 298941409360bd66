#pragma once

#include "actors/base/result.hpp"
#include "actors/idempotency/key_ledger.hpp"
#include "actors/store/group_commit.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What the gateway needs from a database to answer a repeated request as it did the first time.

namespace tiketi::idempotency {

/// Before a run that must not be repeated. Rejected where the key is there and has not expired.
struct note_run {
  key_record record;
};

/// After a run. Replaces what was noted, or has expired; rejected where an answer is kept already.
struct keep_answer {
  key_record record;
};

struct drop_key {
  digest scope{};
};

/// Removes up to `limit` keys that expired at or before `before`.
struct purge_keys {
  time_point before;
  std::size_t limit = 0;
};

struct key_write {
  std::variant<note_run, keep_answer, drop_key, purge_keys> what;
  time_point now;
};

struct key_written {
  commit_status status = commit_status::failed;
  std::vector<std::string> purged; ///< the owner of each removed key
};

/// Implementations reconnect by themselves: while the database is away every command is `failed`
/// (not started) or `unknown` (lost in the commit).
using key_writes = commit_target<key_write, key_written>;

struct find_key {
  digest scope{};
};

struct found_key {
  std::optional<key_record> record;
};

struct count_keys {};

struct key_counts {
  std::vector<std::pair<std::string, std::size_t>> owners;
};

/// One connection for reading; one thread at a time. Sees every committed write.
class key_queries {
public:
  virtual ~key_queries() = default;

  virtual result<found_key> find(const find_key& query) = 0;
  virtual result<key_counts> counts() = 0;
};

} // namespace tiketi::idempotency

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::key_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::key_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::find_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::found_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::count_keys)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::idempotency::key_counts)

namespace tiketi::idempotency {

using key_writer = writer_actor<key_write, key_written>;

/// Blocks, so run it detached.
using key_reader = caf::typed_actor<caf::replies_to<find_key>::with<found_key>,
                                    caf::replies_to<count_keys>::with<key_counts>>;

} // namespace tiketi::idempotency
