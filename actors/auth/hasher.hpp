#pragma once

#include "actors/auth/password_hash.hpp"
#include "actors/system/caf_error.hpp"

#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::auth {

/// Command: answered by `hashed_password`.
struct hash_request {
  std::string password;
};

struct hashed_password {
  std::string phc;
};

/// Query: answered by `password_verdict`.
struct check_request {
  std::string phc; ///< empty: no such account; costs the same and never matches
  std::string password;
};

struct password_verdict {
  bool matches = false;
};

} // namespace tiketi::auth

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::hash_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::hashed_password)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::check_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::password_verdict)

namespace tiketi::auth {

/// One worker of the hashing pool.
using hasher_actor = caf::typed_actor<caf::replies_to<hash_request>::with<hashed_password>,
                                      caf::replies_to<check_request>::with<password_verdict>>;

/// Run it `caf::detached`: a hash keeps its thread busy for tens of milliseconds. It has no bound
/// of its own; who asks it counts.
hasher_actor::behavior_type hasher(hasher_actor::pointer self, environment* env,
                                   argon2_options options);

} // namespace tiketi::auth
