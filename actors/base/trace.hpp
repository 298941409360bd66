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

/// `text` where it is a traceparent; else nothing.
std::string traceparent_or_empty(std::string text) noexcept;

/// Is the work of this `traceparent` recorded? False for what is none.
bool is_sampled(std::string_view traceparent) noexcept;

/// The id of the span in a valid `traceparent`, 16 hex digits.
std::string_view span_id_of(std::string_view traceparent) noexcept;

/// Decides by the trace's id alone, so that all nodes decide the same: true for about `share`
/// (0 to 1) of all traces.
bool belongs_to_sample(std::string_view traceparent, double share) noexcept;

/// ` trace_id=<32 hex digits>` for the end of a log line about the request; empty where
/// `traceparent` is none. The JSON log makes it a field of its own.
std::string log_mark_of(std::string_view traceparent);

/// Marks a valid `traceparent` as sampled.
void set_sampled(std::string& traceparent) noexcept;

/// For work that `parent` leads to: the same trace and sampling under a new id. A new trace where
/// `parent` is none.
std::string child_traceparent(std::string_view parent, environment& env);

} // namespace tiketi
