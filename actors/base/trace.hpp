#pragma once

#include "actors/base/environment.hpp"

#include <string>
#include <string_view>

// W3C trace context: which request led to what, also across systems.

namespace tiketi {

/// Is this a `traceparent` of version 00: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not all
/// zero?
bool is_traceparent(std::string_view text) noexcept;

/// A new trace, not sampled.
std::string make_traceparent(environment& env);

/// For a call that `parent` leads to: the same trace under a new id of the caller. A new trace
/// where `parent` is none.
std::string child_traceparent(std::string_view parent, environment& env);

} // namespace tiketi
