#include "actors/token/verified_cache.hpp"

#include <openssl/sha.h>

namespace tiketi {

token_digest digest_of(std::string_view token) {
  token_digest out;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), out.data());
  return out;
}

} // namespace tiketi
