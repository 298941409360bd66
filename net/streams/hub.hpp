#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/time.hpp"
#include "net/http/event_stream.hpp"

#include <memory>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>

namespace tiketi::net {

/// What both kinds of hub have in common.
struct hub_options {
  /// From one look at what changed to the next: everything in between is one event.
  milliseconds interval{100};
  /// A silent stream gets a comment this often.
  milliseconds heartbeat{15'000};
  /// A stream ends after this long at most (and up to a tenth earlier, so that not all end at
  /// once), and its client comes back with its last event. Its login is checked again then.
  milliseconds duration_max{1'800'000};
  /// An owner that does not answer for this long is asked again.
  milliseconds patience{5'000};
};

/// Answer of a hub: the listener is served from now on.
struct listening {};

/// A hub's own clock.
struct hub_tick {};
struct hub_heartbeat {};

} // namespace tiketi::net

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::net::listening)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::net::hub_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::net::hub_heartbeat)
