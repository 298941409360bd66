#pragma once

#include "actors/base/result.hpp"
#include "actors/base/time.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

// ID tokens of OpenID Connect, as Google signs them: RS256 and nothing else. Pure.

namespace tiketi::auth {

/// A public key for RS256. Thread-safe.
class rsa_key {
public:
  /// From a JSON web key's modulus and exponent (Base64url); 2048 to 8192 bits.
  static result<rsa_key> make(std::string_view n, std::string_view e);

  bool verifies(std::string_view text, std::string_view signature) const;

private:
  std::shared_ptr<void> key_;
};

struct named_key {
  std::string id; ///< `kid`
  rsa_key key;
};

/// The RSA signing keys of a JSON web key set; others are left out. Fails when none is left.
result<std::vector<named_key>> parse_key_set(std::string_view json);

/// A token whose form is right. Nothing of it may be believed yet.
struct unverified_token {
  std::string key_id;
  std::string signed_text;
  std::string signature;
  std::string payload; ///< JSON
};

/// Fails with invalid_request: not three parts, over 8 KiB, another algorithm than RS256 (also
/// `none`), or extensions that must be understood.
result<unverified_token> parse_id_token(std::string_view token);

/// Who somebody is, as Google says.
struct google_identity {
  std::string subject; ///< never changes, unlike the e-mail
  std::string email;   ///< normalised
  bool email_verified = false;
  std::string name;    ///< may be empty
  std::string picture; ///< may be empty
};

/// Signature, issuer (Google), audience (one of ours), expiry, e-mail and subject. Fails with
/// invalid_request and a text for the caller.
result<google_identity> check_id_token(const unverified_token& token, const rsa_key& key,
                                       const std::vector<std::string>& audiences, time_point now);

} // namespace tiketi::auth
