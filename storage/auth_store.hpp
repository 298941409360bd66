#pragma once

#include "actors/auth/account.hpp"
#include "actors/auth/refresh_rotation.hpp"
#include "actors/store/group_commit.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tiketi::auth {

/// A refresh token that is about to be handed out.
struct issued_token {
  std::string hash; ///< SHA-256, hex; the token itself is never stored
  user_id user;
  uuid family; ///< one login and everything rotated from it
  time_point issued_at;
  time_point expires_at;
};

/// Rejected when the e-mail, or the Google id, has an account already.
struct create_account {
  account user;
  std::optional<issued_token> session;
};

struct open_session {
  issued_token token;
};

/// Links an account that is not linked yet and opens a session, both or neither. Rejected when it
/// is linked already, or another account has this Google id.
struct link_google {
  user_id user;
  std::string google_id;
  issued_token session;
};

/// Spends the presented token and stores `next`, both or neither. Compare-and-set: of all who
/// present a token, one gets `rotate`. The verdict `reuse` ends the family, and that is committed;
/// `unknown` and `expired` write nothing and are rejected.
struct rotate_token {
  std::string presented; ///< hash
  issued_token next;     ///< `issued_at` is now; `family` is that of the presented token
  rotation_rules rules;
};

/// Ends sessions: all of a user, one family, or both. None there is no failure.
struct revoke_sessions {
  std::optional<user_id> user;
  std::optional<uuid> family;
  time_point now;
};

/// Removes tokens and sessions that expired before `before`, `limit` of each at most.
struct purge_expired {
  time_point before;
  std::int32_t limit = 1000;
};

struct auth_write {
  std::variant<create_account, open_session, link_google, rotate_token, revoke_sessions,
               purge_expired>
      command;
};

struct auth_written {
  commit_status status = commit_status::failed;
  refresh_verdict verdict = refresh_verdict::unknown; ///< of rotate_token
  std::int64_t rows = 0;                              ///< of revoke_sessions and purge_expired
};

/// Implementations reconnect by themselves.
using auth_writes = commit_target<auth_write, auth_written>;

/// One connection for reading; one thread at a time. Sees only committed state.
class auth_queries {
public:
  virtual ~auth_queries() = default;

  virtual result<std::optional<account>> find_account(user_id id) = 0;
  /// `email`: normalised.
  virtual result<std::optional<account>> find_account(const std::string& email) = 0;
  virtual result<std::optional<account>> find_google(const std::string& google_id) = 0;
  /// Those of them that exist, each once, in no order.
  virtual result<std::vector<account>> find_accounts(const std::vector<user_id>& ids) = 0;
};

} // namespace tiketi::auth

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::auth_write)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::auth_written)

namespace tiketi::auth {

using auth_writer = writer_actor<auth_write, auth_written>;

} // namespace tiketi::auth
