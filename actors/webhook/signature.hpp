#pragma once

#include "actors/base/time.hpp"

#include <string>
#include <string_view>

namespace tiketi {
class environment;
}

namespace tiketi::webhook {

/// `whsec_` and 32 random bytes in hex. The text as it is, all of it, is the key.
std::string make_secret(environment& env);

/// HMAC-SHA256, in lower-case hex.
std::string hmac_hex(std::string_view key, std::string_view text);

/// The value of Tiketi-Signature: `t=<unix seconds>,v1=<hmac of "<t>.<body>">`, with a second `v1`
/// by the old secret where there is one.
std::string signature_of(std::string_view secret, std::string_view old_secret, time_point at,
                         std::string_view body);

} // namespace tiketi::webhook
