#pragma once

#include "actors/auth/auth_actor.hpp"

#include <cstddef>
#include <memory>

#include <caf/fwd.hpp>

namespace tiketi::auth {

struct auth_options {
  /// Lifetime of an access token, 60 … 86'400 s. It cannot be revoked, so keep it short.
  std::chrono::seconds access_ttl{1800};
  /// Lifetime of a refresh token, 300 … 7'776'000 s.
  std::chrono::seconds refresh_ttl{604'800};
  /// How long a spent refresh token still yields a sibling pair, 0 … 60'000 ms.
  std::chrono::milliseconds reuse_grace{5000};
  /// Cost of one password hash.
  argon2_options hash;
  /// Threads that hash, 1 … 64. Each hash holds one core and `hash.memory_kib`.
  std::size_t hash_workers = 2;
  /// Hashes waiting or running before logins are refused with 503, 1 … 10'000.
  std::size_t hash_waiting_max = 64;
  /// Failed logins per account.
  backoff_options backoff;
  /// How often expired sessions are removed, 1 … 86'400 s.
  std::chrono::seconds purge_interval{600};
  /// Group commit of the store.
  writer_options writer;
  /// Queries waiting before requests are refused with 503, 1 … 1'000'000.
  std::size_t queries_waiting_max = 20'000;
  /// Login through Google; off without client ids.
  google_options google = {};
};

struct auth_dependencies {
  session_tokens tokens;
  std::shared_ptr<auth_writes> writes;   ///< a connection of its own
  std::shared_ptr<auth_queries> queries; ///< another one
  remote::client_actor calls = {};       ///< needed with `google.client_ids`
};

struct auth_role {
  auth_actor auth;
  auth_writer writer;
  auth_reader reader;
  std::vector<hasher_actor> hashers;
  google_actor google;
  std::shared_ptr<auth_metrics> metrics; ///< outlives the actors
};

/// Starts the actors; blocking work gets threads of its own. The role must be kept until the actor
/// system is gone.
auth_role start_auth(caf::actor_system& sys, environment& env, prometheus::Registry& registry,
                     auth_options options, auth_dependencies dependencies);

/// Asks every actor of the role to quit; returns at once. What is waiting in the writer is
/// answered with an error, so stop the HTTP server first.
void stop(const auth_role& role);

} // namespace tiketi::auth
