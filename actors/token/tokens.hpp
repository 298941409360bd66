#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tiketi {

/// A secret for another purpose: who has one of the two cannot tell the other. 64 hex digits.
std::string derive_secret(std::string_view secret, std::string_view purpose);

/// Who is calling, as an access token says.
struct access_claims {
  user_id user;
  std::string email;
  std::string role; ///< `user` or `admin`
  time_point issued_at;
  time_point expires_at;
};

struct refresh_claims {
  user_id user;
  uuid family; ///< one login
  uuid token;  ///< `jti`
  time_point issued_at;
  time_point expires_at;
};

/// Signs and checks the tokens of sessions. Thread-safe.
/// The secret is Base64, or taken as it stands where it is not Base64; the algorithm follows its
/// length (32-47 bytes HS256, 48-63 HS384, more HS512) and no other is accepted.
class session_tokens {
public:
  /// Fails with invalid_request when the secret has fewer than 32 bytes.
  static result<session_tokens> make(std::string_view secret);

  std::string sign(const access_claims& claims) const;
  std::string sign(const refresh_claims& claims) const;

  /// Signature, expiry (no leeway) and `type`; fails with unauthenticated.
  result<access_claims> verify_access(std::string_view token, time_point now) const;
  result<refresh_claims> verify_refresh(std::string_view token, time_point now) const;

private:
  struct impl;
  std::shared_ptr<const impl> impl_;
};

/// Allows one user to reserve for one event.
struct entry_claims {
  event_id event; ///< `sub`
  user_id user;   ///< `uid`
  time_point issued_at;
  time_point expires_at;
};

/// Always HS256 over the raw secret (an edge function checks them too). Thread-safe.
class entry_tokens {
public:
  /// Fails with invalid_request when the secret has fewer than 32 bytes.
  static result<entry_tokens> make(std::string_view secret);

  std::string sign(const entry_claims& claims) const;
  result<entry_claims> verify(std::string_view token, time_point now) const;

private:
  struct impl;
  std::shared_ptr<const impl> impl_;
};

/// A number of a waiting room (tier 1) has had its turn.
struct room_claims {
  event_id event;     ///< `sub`
  std::string holder; ///< `uid`: UTF-8, whatever the client calls itself
  std::uint64_t position = 0;
  time_point issued_at;
  time_point expires_at;
};

/// Always HS256 over the raw secret, with `tier` 1 and a `type` of its own, so that such a token
/// never passes for an entry token. Thread-safe.
class room_tokens {
public:
  /// Fails with invalid_request when the secret has fewer than 32 bytes.
  static result<room_tokens> make(std::string_view secret);

  std::string sign(const room_claims& claims) const;
  result<room_claims> verify(std::string_view token, time_point now) const;

private:
  struct impl;
  std::shared_ptr<const impl> impl_;
};

} // namespace tiketi
