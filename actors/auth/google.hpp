#pragma once

#include "actors/auth/key_set.hpp"
#include "actors/base/environment.hpp"
#include "actors/remote/messages.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::auth {

/// Query: who is this? Answered by `google_identity`.
struct verify_google {
  std::string credential; ///< an ID token
  std::string trace = {}; ///< `traceparent` of the request; may be empty
};

} // namespace tiketi::auth

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::verify_google)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::google_identity)

namespace tiketi::auth {

struct google_options {
  std::vector<std::string> client_ids; ///< empty: no login through Google
  std::string keys_url;
  key_set_options keys;
  milliseconds fetch_timeout{6000};
  std::size_t waiting_max = 256; ///< logins that wait for keys; over it: overloaded
};

/// Checks ID tokens against Google's keys, which it fetches and keeps.
using google_actor = caf::typed_actor<
    // invalid_request with the reason; unavailable when the keys cannot be fetched; overloaded
    caf::replies_to<verify_google>::with<google_identity>>;

/// `calls` knows the target `google`.
google_actor start_google(caf::actor_system& sys, environment& env, remote::client_actor calls,
                          google_options options);

} // namespace tiketi::auth
