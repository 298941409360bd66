#pragma once

#include "actors/auth/account.hpp"
#include "actors/system/caf_error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

// These messages never leave the process: every node with a gateway runs its own auth actor, and
// what the nodes share is the database.

namespace tiketi::auth {

/// What others may know of an account.
struct user_view {
  user_id id;
  std::string email;
  std::string name;
  std::string role;
  time_point created_at;
};

struct session {
  std::string access_token;
  std::string refresh_token;
  user_view user;
};

struct login_outcome {
  std::optional<session> opened;
  /// Where nothing was opened: too many failures, try again after this.
  std::chrono::milliseconds wait{0};
};

/// Command: exchange a refresh token for a new pair. Answered by `session`.
struct refresh_session {
  std::string refresh_token;
};

/// Command: end every session of the user, or the one of the refresh token, or both.
struct logout {
  std::optional<user_id> user; ///< from a valid access token
  std::string refresh_token;   ///< may be empty, expired or garbage
};

struct logged_out {
  std::int64_t sessions = 0; ///< ended by this
};

/// Query. Answered by `user_view`; not_found.
struct get_user {
  user_id id;
};

/// Query: whose valid access token is this? Answered by `user_view`.
struct verify_token {
  std::string token;
};

/// Query. Answered by `user_list`: those that exist, each once.
struct get_users {
  std::vector<user_id> ids; ///< 1000 at most
};

struct user_list {
  std::vector<user_view> users;
};

/// Command: open a session for whom Google says it is; the account is made or linked on the way.
/// Answered by `google_session`.
struct google_login {
  std::string credential; ///< Google's ID token
  std::string trace = {}; ///< `traceparent` of the request; may be empty
};

struct google_session {
  session opened;
  std::string picture; ///< address; may be empty
};

/// Command for the start of the program: an account with this e-mail exists afterwards. One that
/// exists is left as it is, whatever its role and password: nobody is promoted by having an
/// address. Answered by `ensured`.
struct ensure_user {
  std::string email;
  std::string password;
  std::string name;
  std::string role = "user"; ///< `user` or `admin`
};

struct ensured {
  user_id id;
  bool created = false;
  std::string role; ///< of the account that exists now
};

/// To itself: remove what has expired.
struct purge_tick {};

} // namespace tiketi::auth

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::register_account)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::login)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::login_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::refresh_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::logout)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::logged_out)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::get_user)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::user_view)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::verify_token)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::get_users)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::user_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::google_login)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::google_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::ensure_user)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::ensured)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::purge_tick)

namespace tiketi::auth {

/// Accounts and sessions.
using auth_actor = caf::typed_actor<
    // invalid_request; conflict when the e-mail has an account; overloaded
    caf::replies_to<register_account>::with<session>,
    // invalid_credentials, the same for every reason; overloaded
    caf::replies_to<login>::with<login_outcome>,
    // invalid_request with the reason as text; token_reused
    caf::replies_to<refresh_session>::with<session>, caf::replies_to<logout>::with<logged_out>,
    caf::replies_to<get_user>::with<user_view>,
    // invalid_request with the reason as text
    caf::replies_to<verify_token>::with<user_view>, caf::replies_to<get_users>::with<user_list>,
    // invalid_request; conflict when the account belongs to another Google user; unavailable
    caf::replies_to<google_login>::with<google_session>,
    // invalid_request; overloaded
    caf::replies_to<ensure_user>::with<ensured>, caf::reacts_to<purge_tick>>;

} // namespace tiketi::auth
