#pragma once

#include <string>
#include <string_view>

namespace tiketi::auth {

/// SHA-256 in lower-case hex: how a refresh token is stored.
std::string token_hash(std::string_view token);

} // namespace tiketi::auth
