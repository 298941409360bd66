#pragma once

#include "actors/auth/google.hpp"
#include "actors/auth/hasher.hpp"
#include "actors/auth/login_backoff.hpp"
#include "actors/auth/messages.hpp"
#include "actors/auth/metrics.hpp"
#include "actors/auth/reader.hpp"
#include "actors/auth/refresh_rotation.hpp"
#include "actors/base/environment.hpp"
#include "actors/token/tokens.hpp"
#include "storage/auth_store.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <caf/stateful_actor.hpp>

namespace tiketi::auth {

struct auth_actor_options {
  std::chrono::seconds access_ttl{1800};
  std::chrono::seconds refresh_ttl{604'800};
  rotation_rules rotation;
  backoff_options backoff;
  std::size_t hash_waiting_max = 64; ///< hashes waiting or running; over it: overloaded
  std::chrono::seconds purge_interval{600};
  std::int32_t purge_limit = 1000; ///< rows of each table in one transaction
};

/// Who the auth actor works with.
struct auth_neighbours {
  auth_writer writer;
  auth_reader reader;
  std::vector<hasher_actor> hashers; ///< at least one
  google_actor google = {};          ///< null: no login through Google
};

struct auth_state {
  auth_state() = default;

  environment* env = nullptr;
  auth_metrics* metrics = nullptr;
  std::shared_ptr<const session_tokens> tokens;
  auth_actor_options options;
  auth_neighbours neighbours;
  std::unique_ptr<login_backoff> backoff;
  std::vector<std::size_t> hashing; ///< per hasher: waiting or running
  std::size_t hashing_total = 0;
};

/// Holds no session: all of that is in the store, so any number of these may run. Only the
/// back-off of logins is its own memory.
auth_actor::behavior_type auth(auth_actor::stateful_pointer<auth_state> self, environment* env,
                               auth_metrics* metrics, session_tokens tokens,
                               auth_actor_options options, auth_neighbours neighbours);

} // namespace tiketi::auth
