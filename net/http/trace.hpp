#pragma once

#include "actors/base/environment.hpp"

#include <string>
#include <string_view>

namespace tiketi::net {

/// Is this a W3C `traceparent` of version 00: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not
/// all zero?
bool is_traceparent(std::string_view text) noexcept;

/// A new trace, not sampled.
std::string make_traceparent(environment& env);

} // namespace tiketi::net
