#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

namespace tiketi::test {

inline std::string base64url(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                    reinterpret_cast<const unsigned char*>(bytes.data()),
                                    static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (!out.empty() && out.back() == '=')
    out.pop_back();
  for (char& c : out)
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

/// A real RSA key of an issuer of ID tokens.
class signing_key {
public:
  explicit signing_key(std::string id, unsigned bits = 2048)
      : id_(std::move(id)), key_(EVP_RSA_gen(bits), &EVP_PKEY_free) {}

  const std::string& id() const { return id_; }

  nlohmann::json jwk() const {
    return {{"kty", "RSA"},
            {"use", "sig"},
            {"alg", "RS256"},
            {"kid", id_},
            {"n", number(OSSL_PKEY_PARAM_RSA_N)},
            {"e", number(OSSL_PKEY_PARAM_RSA_E)}};
  }

  std::string sign(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free};
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    std::size_t size = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(text.data());
    EVP_DigestSign(context.get(), nullptr, &size, data, text.size());
    std::string out(size, '\0');
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, data,
                   text.size());
    out.resize(size);
    return out;
  }

  std::string token(const nlohmann::json& claims) const {
    return token(claims, {{"alg", "RS256"}, {"kid", id_}, {"typ", "JWT"}});
  }

  std::string token(const nlohmann::json& claims, const nlohmann::json& header) const {
    const auto text = base64url(header.dump()) + "." + base64url(claims.dump());
    return text + "." + base64url(sign(text));
  }

private:
  std::string number(const char* name) const {
    BIGNUM* raw = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &raw);
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> n{raw, &BN_free};
    std::string out(static_cast<std::size_t>(BN_num_bytes(n.get())), '\0');
    BN_bn2bin(n.get(), reinterpret_cast<unsigned char*>(out.data()));
    return base64url(out);
  }

  std::string id_;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

/// Signed with a shared secret: what a key confusion attack sends.
inline std::string hmac_token(const nlohmann::json& claims, const nlohmann::json& header,
                              const std::string& secret) {
  const auto text = base64url(header.dump()) + "." + base64url(claims.dump());
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
  return text + "." + base64url({reinterpret_cast<const char*>(out), size});
}

} // namespace tiketi::test
