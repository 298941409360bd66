#include "actors/auth/id_token.hpp"

#include "actors/auth/account.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include <nlohmann/json.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

namespace tiketi::auth {
namespace {

using nlohmann::json;

constexpr std::size_t token_bytes_max = 8192;
constexpr std::size_t keys_max = 32;
constexpr std::size_t subject_max = 255;
constexpr std::size_t picture_max = 2048;
constexpr int modulus_bits_min = 2048;
constexpr int modulus_bits_max = 8192;
constexpr seconds clock_skew{60}; ///< of `iat`; an expired token is expired

template <auto Free>
struct deleter {
  template <class T>
  void operator()(T* x) const {
    Free(x);
  }
};

int base64url_value(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == '-')
    return 62;
  return c == '_' ? 63 : -1;
}

/// Without padding, and in the one way each text can be written.
std::optional<std::string> decode(std::string_view text) {
  if (text.size() % 4 == 1)
    return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t window = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = base64url_value(c);
    if (value < 0)
      return std::nullopt;
    window = (window << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(window >> bits);
      window &= (1u << bits) - 1;
    }
  }
  if (window != 0)
    return std::nullopt;
  return out;
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

failure invalid() {
  return {errc::invalid_request, "Invalid Google token"};
}

failure invalid_payload() {
  return {errc::invalid_request, "Invalid Google token payload"};
}

std::string text_of(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// Seconds since 1970; nothing unless it is a number in this millennium or the next seven.
std::optional<time_point> time_of(const json& object, const char* field) {
  constexpr std::int64_t last = 253'402'300'799;
  const auto found = object.find(field);
  if (found == object.end() || !found->is_number_integer())
    return std::nullopt;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(last))
    return std::nullopt;
  const auto value = found->get<std::int64_t>();
  if (value < 0)
    return std::nullopt;
  return time_point{seconds{value}};
}

bool is_true(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end())
    return false;
  return (found->is_boolean() && found->get<bool>())
         || (found->is_string() && found->get_ref<const std::string&>() == "true");
}

} // namespace

result<rsa_key> rsa_key::make(std::string_view n, std::string_view e) {
  const failure bad{errc::invalid_request, "not an RSA key"};
  const auto modulus = decode(n);
  const auto exponent = decode(e);
  if (!modulus || !exponent || modulus->empty() || exponent->empty() || exponent->size() > 8)
    return bad;
  using number = std::unique_ptr<BIGNUM, deleter<&BN_free>>;
  const number big_n{BN_bin2bn(bytes(*modulus), static_cast<int>(modulus->size()), nullptr)};
  const number big_e{BN_bin2bn(bytes(*exponent), static_cast<int>(exponent->size()), nullptr)};
  if (!big_n || !big_e || BN_num_bits(big_n.get()) < modulus_bits_min
      || BN_num_bits(big_n.get()) > modulus_bits_max || !BN_is_odd(big_e.get())
      || BN_is_one(big_e.get()))
    return bad;
  const std::unique_ptr<OSSL_PARAM_BLD, deleter<&OSSL_PARAM_BLD_free>> builder{
      OSSL_PARAM_BLD_new()};
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, big_n.get()) != 1
      || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, big_e.get()) != 1)
    return bad;
  const std::unique_ptr<OSSL_PARAM, deleter<&OSSL_PARAM_free>> params{
      OSSL_PARAM_BLD_to_param(builder.get())};
  const std::unique_ptr<EVP_PKEY_CTX, deleter<&EVP_PKEY_CTX_free>> context{
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr)};
  EVP_PKEY* raw = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1
      || EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return bad;
  rsa_key out;
  out.key_ = std::shared_ptr<void>(raw, [](void* x) { EVP_PKEY_free(static_cast<EVP_PKEY*>(x)); });
  return out;
}

bool rsa_key::verifies(std::string_view text, std::string_view signature) const {
  const std::unique_ptr<EVP_MD_CTX, deleter<&EVP_MD_CTX_free>> context{EVP_MD_CTX_new()};
  return key_ && context
         && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                                 static_cast<EVP_PKEY*>(key_.get()))
                == 1
         && EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text),
                             text.size())
                == 1;
}

result<std::vector<named_key>> parse_key_set(std::string_view text) {
  const auto set = json::parse(text, nullptr, false);
  const failure bad{errc::invalid_request, "no key set, or none of its keys can be used"};
  if (!set.is_object())
    return bad;
  const auto keys = set.find("keys");
  if (keys == set.end() || !keys->is_array())
    return bad;
  std::vector<named_key> out;
  for (const auto& k : *keys) {
    if (!k.is_object() || out.size() >= keys_max)
      continue;
    const auto use = text_of(k, "use");
    const auto algorithm = text_of(k, "alg");
    const auto id = text_of(k, "kid");
    if (text_of(k, "kty") != "RSA" || id.empty() || (!use.empty() && use != "sig")
        || (!algorithm.empty() && algorithm != "RS256"))
      continue;
    if (auto key = rsa_key::make(text_of(k, "n"), text_of(k, "e")))
      out.push_back({id, std::move(*key)});
  }
  if (out.empty())
    return bad;
  return out;
}

result<unverified_token> parse_id_token(std::string_view token) {
  if (token.size() > token_bytes_max)
    return invalid();
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return invalid();
  const auto header_text = decode(token.substr(0, first));
  auto payload = decode(token.substr(first + 1, second - first - 1));
  auto signature = decode(token.substr(second + 1));
  if (!header_text || !payload || !signature || signature->empty())
    return invalid();
  const auto header = json::parse(*header_text, nullptr, false);
  // The one algorithm: a header that could choose would choose `none`, or HMAC with the public key.
  if (!header.is_object() || text_of(header, "alg") != "RS256" || header.contains("crit")
      || text_of(header, "kid").empty())
    return invalid();
  return unverified_token{text_of(header, "kid"), std::string(token.substr(0, second)),
                          std::move(*signature), std::move(*payload)};
}

result<google_identity> check_id_token(const unverified_token& token, const rsa_key& key,
                                       const std::vector<std::string>& audiences, time_point now) {
  constexpr std::array<std::string_view, 2> issuers{"https://accounts.google.com",
                                                    "accounts.google.com"};
  if (!key.verifies(token.signed_text, token.signature))
    return invalid();
  const auto claims = json::parse(token.payload, nullptr, false);
  if (!claims.is_object())
    return invalid();
  const auto issuer = text_of(claims, "iss");
  const auto audience = text_of(claims, "aud");
  const auto expires = time_of(claims, "exp");
  const auto issued = time_of(claims, "iat");
  if (std::find(issuers.begin(), issuers.end(), issuer) == issuers.end()
      || std::find(audiences.begin(), audiences.end(), audience) == audiences.end() || !expires
      || *expires <= now || !issued || *issued > now + clock_skew)
    return invalid();
  if (claims.contains("nbf")) {
    const auto from = time_of(claims, "nbf");
    if (!from || *from > now + clock_skew)
      return invalid();
  }
  google_identity out;
  out.subject = text_of(claims, "sub");
  out.email = normalise_email(text_of(claims, "email"));
  out.email_verified = is_true(claims, "email_verified");
  out.name = text_of(claims, "name");
  out.picture = text_of(claims, "picture");
  if (out.picture.size() > picture_max || !out.picture.starts_with("https://"))
    out.picture.clear();
  if (out.subject.empty() || out.subject.size() > subject_max
      || !problems_of(login{out.email, "not looked at"}).empty())
    return invalid_payload();
  return out;
}

} // namespace tiketi::auth
