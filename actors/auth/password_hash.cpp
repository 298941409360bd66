#include "actors/auth/password_hash.hpp"

#include <array>
#include <cstring>

#include <argon2.h>
#include <fmt/format.h>

namespace tiketi::auth {

namespace {

constexpr std::size_t salt_bytes = 16;
constexpr std::size_t hash_bytes = 32;

failure argon2_failure(int code) {
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR)
    return errc::overloaded;
  return failure{errc::internal, argon2_error_message(code)};
}

} // namespace

result<std::string> hash_password(std::string_view password, const argon2_options& options,
                                  environment& env) {
  std::array<std::uint64_t, salt_bytes / sizeof(std::uint64_t)> salt{};
  for (auto& word : salt)
    word = env.random();
  std::string out(argon2_encodedlen(options.passes, options.memory_kib, options.lanes, salt_bytes,
                                    hash_bytes, Argon2_id),
                  '\0');
  const int code = argon2id_hash_encoded(options.passes, options.memory_kib, options.lanes,
                                         password.data(), password.size(), salt.data(), salt_bytes,
                                         hash_bytes, out.data(), out.size());
  if (code != ARGON2_OK)
    return argon2_failure(code);
  out.resize(std::strlen(out.c_str()));
  return out;
}

result<bool> verify_password(std::string_view phc, std::string_view password) {
  const std::string text{phc};
  const int code = argon2id_verify(text.c_str(), password.data(), password.size());
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR)
    return argon2_failure(code);
  return code == ARGON2_OK;
}

std::string dummy_hash(const argon2_options& options) {
  // 16 and 32 zero bytes as unpadded Base64: to hit it, a password would have to hash to zeros.
  return fmt::format("$argon2id$v=19$m={},t={},p={}${}${}", options.memory_kib, options.passes,
                     options.lanes, std::string(22, 'A'), std::string(43, 'A'));
}

} // namespace tiketi::auth
