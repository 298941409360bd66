#include "actors/token/tokens.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace tiketi {

namespace {

using key_bytes = std::vector<unsigned char>;

constexpr std::size_t secret_bytes_min = 32;

/// Ours are under 600 bytes. libjwt decodes on the stack, so the bound keeps a hostile header from
/// reaching it.
constexpr std::size_t token_bytes_max = 4096;

/// 9999-12-31T23:59:59Z: a later expiry would overflow the milliseconds we count in.
constexpr long epoch_seconds_max = 253'402'300'799;

struct jwt_deleter {
  void operator()(jwt_t* x) const { jwt_free(x); }
};

struct free_deleter {
  void operator()(char* x) const { std::free(x); }
};

using jwt_ptr = std::unique_ptr<jwt_t, jwt_deleter>;

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == '+')
    return 62;
  if (c == '/')
    return 63;
  return -1;
}

/// Standard alphabet, padding optional; nothing when `text` is not Base64.
std::optional<key_bytes> decode_base64(std::string_view text) {
  std::size_t padding = 0;
  while (!text.empty() && text.back() == '=' && padding < 2) {
    text.remove_suffix(1);
    ++padding;
  }
  if (text.size() % 4 == 1 || (padding != 0 && (text.size() + padding) % 4 != 0))
    return std::nullopt;
  key_bytes out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t window = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0)
      return std::nullopt;
    window = (window << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<unsigned char>(window >> bits));
      window &= (1u << bits) - 1;
    }
  }
  return out;
}

jwt_alg_t algorithm_of(std::size_t key_size) {
  if (key_size >= 64)
    return JWT_ALG_HS512;
  if (key_size >= 48)
    return JWT_ALG_HS384;
  return JWT_ALG_HS256;
}

long to_epoch_seconds(time_point t) {
  return static_cast<long>(std::chrono::floor<seconds>(t).time_since_epoch().count());
}

time_point from_epoch_seconds(long s) {
  return time_point{seconds{s}};
}

/// Three Base64url parts and nothing else: a NUL byte would end the text early for libjwt.
bool well_formed(std::string_view token) {
  if (token.empty() || token.size() > token_bytes_max)
    return false;
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
           || c == '_' || c == '.';
  };
  return std::all_of(token.begin(), token.end(), allowed)
         && std::count(token.begin(), token.end(), '.') == 2;
}

/// One HMAC key with the one algorithm that belongs to it.
class signer {
public:
  signer(key_bytes key, jwt_alg_t algorithm) : key_(std::move(key)), algorithm_(algorithm) {}
  ~signer() { OPENSSL_cleanse(key_.data(), key_.size()); }

  signer(const signer&) = delete;
  signer& operator=(const signer&) = delete;

  std::string sign(jwt_t* token) const {
    if (jwt_set_alg(token, algorithm_, key_.data(), static_cast<int>(key_.size())) != 0)
      throw std::runtime_error("libjwt refused the signing key");
    const std::unique_ptr<char, free_deleter> text{jwt_encode_str(token)};
    if (!text)
      throw std::bad_alloc();
    return text.get();
  }

  /// Null unless form, algorithm, signature, `type` and expiry are right.
  jwt_ptr verify(std::string_view token, const char* type, time_point now) const {
    if (!well_formed(token))
      return nullptr;
    jwt_t* raw = nullptr;
    const std::string text{token};
    if (jwt_decode(&raw, text.c_str(), key_.data(), static_cast<int>(key_.size())) != 0)
      return nullptr;
    jwt_ptr out{raw};
    // The key decides the algorithm, never the header.
    if (jwt_get_alg(out.get()) != algorithm_)
      return nullptr;
    const char* found = jwt_get_grant(out.get(), "type");
    if (found == nullptr || std::string_view{found} != type)
      return nullptr;
    const long expires = jwt_get_grant_int(out.get(), "exp");
    if (expires <= 0 || expires > epoch_seconds_max || now >= from_epoch_seconds(expires))
      return nullptr;
    return out;
  }

private:
  key_bytes key_;
  jwt_alg_t algorithm_;
};

jwt_ptr new_token(const char* type, time_point issued_at, time_point expires_at) {
  jwt_t* raw = nullptr;
  if (jwt_new(&raw) != 0)
    throw std::bad_alloc();
  jwt_ptr out{raw};
  jwt_add_grant(raw, "type", type);
  jwt_add_grant_int(raw, "iat", to_epoch_seconds(issued_at));
  jwt_add_grant_int(raw, "exp", to_epoch_seconds(expires_at));
  return out;
}

void add(const jwt_ptr& token, const char* name, const std::string& value) {
  // Fails only for text that is no UTF-8 (or without memory), and then the token would lack it.
  if (jwt_add_grant(token.get(), name, value.c_str()) != 0)
    throw std::runtime_error("a claim is not valid text");
}

std::string text_claim(const jwt_ptr& token, const char* name) {
  const char* value = jwt_get_grant(token.get(), name);
  return value == nullptr ? std::string{} : std::string{value};
}

time_point time_claim(const jwt_ptr& token, const char* name) {
  return from_epoch_seconds(
      std::clamp(jwt_get_grant_int(token.get(), name), 0L, epoch_seconds_max));
}

failure too_short(std::string_view what, std::size_t size) {
  return failure{errc::invalid_request, std::string{what} + " has " + std::to_string(size)
                                            + " bytes of key, at least "
                                            + std::to_string(secret_bytes_min) + " are needed"};
}

} // namespace

std::string derive_secret(std::string_view secret, std::string_view purpose) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size(), mac.data(), &size);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += digits[mac[i] >> 4];
    out += digits[mac[i] & 0x0f];
  }
  return out;
}

// -- sessions ------------------------------------------------------------------------------------

struct session_tokens::impl {
  impl(key_bytes bytes, jwt_alg_t algorithm) : key(std::move(bytes), algorithm) {}
  signer key;
};

result<session_tokens> session_tokens::make(std::string_view secret) {
  auto key = decode_base64(secret);
  if (!key)
    key.emplace(secret.begin(), secret.end());
  if (key->size() < secret_bytes_min)
    return too_short("The session token secret", key->size());
  const auto algorithm = algorithm_of(key->size());
  session_tokens out;
  out.impl_ = std::make_shared<const impl>(std::move(*key), algorithm);
  return out;
}

std::string session_tokens::sign(const access_claims& claims) const {
  const auto token = new_token("access", claims.issued_at, claims.expires_at);
  const auto user = to_string(claims.user);
  add(token, "sub", user);
  add(token, "userId", user);
  add(token, "email", claims.email);
  add(token, "role", claims.role);
  return impl_->key.sign(token.get());
}

std::string session_tokens::sign(const refresh_claims& claims) const {
  const auto token = new_token("refresh", claims.issued_at, claims.expires_at);
  const auto user = to_string(claims.user);
  add(token, "sub", user);
  add(token, "userId", user);
  add(token, "familyId", to_string(claims.family));
  add(token, "jti", to_string(claims.token));
  return impl_->key.sign(token.get());
}

result<access_claims> session_tokens::verify_access(std::string_view token, time_point now) const {
  const auto found = impl_->key.verify(token, "access", now);
  if (!found)
    return errc::unauthenticated;
  const auto user = parse_id<user_id>(text_claim(found, "userId"));
  if (!user)
    return errc::unauthenticated;
  auto role = text_claim(found, "role");
  if (role.empty())
    role = "user";
  return access_claims{*user, text_claim(found, "email"), std::move(role), time_claim(found, "iat"),
                       time_claim(found, "exp")};
}

result<refresh_claims> session_tokens::verify_refresh(std::string_view token,
                                                      time_point now) const {
  const auto found = impl_->key.verify(token, "refresh", now);
  if (!found)
    return errc::unauthenticated;
  const auto user = parse_id<user_id>(text_claim(found, "userId"));
  const auto family = parse_uuid(text_claim(found, "familyId"));
  const auto id = parse_uuid(text_claim(found, "jti"));
  if (!user || !family || !id)
    return errc::unauthenticated;
  return refresh_claims{*user, *family, *id, time_claim(found, "iat"), time_claim(found, "exp")};
}

// -- entry ---------------------------------------------------------------------------------------

struct entry_tokens::impl {
  explicit impl(key_bytes bytes) : key(std::move(bytes), JWT_ALG_HS256) {}
  signer key;
};

result<entry_tokens> entry_tokens::make(std::string_view secret) {
  if (secret.size() < secret_bytes_min)
    return too_short("The entry token secret", secret.size());
  entry_tokens out;
  out.impl_ = std::make_shared<const impl>(key_bytes(secret.begin(), secret.end()));
  return out;
}

std::string entry_tokens::sign(const entry_claims& claims) const {
  const auto token = new_token("entry", claims.issued_at, claims.expires_at);
  add(token, "sub", to_string(claims.event));
  add(token, "uid", to_string(claims.user));
  return impl_->key.sign(token.get());
}

result<entry_claims> entry_tokens::verify(std::string_view token, time_point now) const {
  const auto found = impl_->key.verify(token, "entry", now);
  if (!found)
    return errc::unauthenticated;
  const auto event = parse_id<event_id>(text_claim(found, "sub"));
  const auto user = parse_id<user_id>(text_claim(found, "uid"));
  if (!event || !user)
    return errc::unauthenticated;
  return entry_claims{*event, *user, time_claim(found, "iat"), time_claim(found, "exp")};
}

// -- waiting rooms -------------------------------------------------------------------------------

struct room_tokens::impl {
  explicit impl(key_bytes bytes) : key(std::move(bytes), JWT_ALG_HS256) {}
  signer key;
};

result<room_tokens> room_tokens::make(std::string_view secret) {
  if (secret.size() < secret_bytes_min)
    return too_short("The waiting room's token secret", secret.size());
  room_tokens out;
  out.impl_ = std::make_shared<const impl>(key_bytes(secret.begin(), secret.end()));
  return out;
}

std::string room_tokens::sign(const room_claims& claims) const {
  const auto token = new_token("vwr", claims.issued_at, claims.expires_at);
  add(token, "sub", to_string(claims.event));
  add(token, "uid", claims.holder);
  jwt_add_grant_int(token.get(), "tier", 1);
  jwt_add_grant_int(token.get(), "position", static_cast<long>(claims.position));
  return impl_->key.sign(token.get());
}

result<room_claims> room_tokens::verify(std::string_view token, time_point now) const {
  const auto found = impl_->key.verify(token, "vwr", now);
  if (!found || jwt_get_grant_int(found.get(), "tier") != 1)
    return errc::unauthenticated;
  const auto event = parse_id<event_id>(text_claim(found, "sub"));
  const auto position = jwt_get_grant_int(found.get(), "position");
  if (!event || position < 1)
    return errc::unauthenticated;
  return room_claims{*event, text_claim(found, "uid"), static_cast<std::uint64_t>(position),
                     time_claim(found, "iat"), time_claim(found, "exp")};
}

} // namespace tiketi
