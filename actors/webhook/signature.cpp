#include "actors/webhook/signature.hpp"

#include "actors/base/environment.hpp"

#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace tiketi::webhook {

std::string make_secret(environment& env) {
  std::string out = "whsec_";
  for (int i = 0; i < 4; ++i)
    out += fmt::format("{:016x}", env.random());
  return out;
}

std::string hmac_hex(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size)
      == nullptr)
    throw std::runtime_error("HMAC-SHA256 is not available");
  std::string out;
  out.reserve(size * std::size_t{2});
  for (unsigned i = 0; i < size; ++i)
    out += fmt::format("{:02x}", digest[i]);
  return out;
}

std::string signature_of(std::string_view secret, std::string_view old_secret, time_point at,
                         std::string_view body) {
  const auto t = to_millis(at) / 1000;
  const auto text = fmt::format("{}.{}", t, body);
  auto out = fmt::format("t={},v1={}", t, hmac_hex(secret, text));
  if (!old_secret.empty())
    out += ",v1=" + hmac_hex(old_secret, text);
  return out;
}

} // namespace tiketi::webhook
