#pragma once

#include "actors/base/ids.hpp"
#include "actors/cluster/query.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <caf/meta/type_name.hpp>

namespace tiketi::ticket {

/// Query of another node that keeps a copy of an event's seat map: what has changed after `since`?
/// Answered by `seat_map_update`. Fails with not_found.
struct follow_seat_map {
  event_id event;
  std::string since;      ///< version without quotes; empty: nothing is there yet
  std::uint64_t have = 0; ///< bytes of the frame of `since` that are there; 0: all of them
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, follow_seat_map& x) {
  return f(caf::meta::type_name("follow_seat_map"), x.event, x.since, x.have);
}

/// Either what changed since a version, or a part of the whole body (its "frame"), in which
/// statuses may be newer than `version`: what changed after it is asked for next.
struct seat_map_update {
  std::string version; ///< of what is there with this update
  std::uint64_t seats_at = 0;
  bool whole = false;
  std::uint64_t begin = 0; ///< of `part` in the frame; 0: what was there is of no use
  std::uint64_t size = 0;  ///< of the frame
  std::string part;
  std::vector<std::uint32_t> changes; ///< seats in the order they changed, each as often as it did
  std::vector<std::uint8_t> statuses; ///< of these, as they are now
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, seat_map_update& x) {
  return f(caf::meta::type_name("seat_map_update"), x.version, x.seats_at, x.whole, x.begin, x.size,
           x.part, x.changes, x.statuses);
}

} // namespace tiketi::ticket

template <>
struct tiketi::cluster::is_query<tiketi::ticket::follow_seat_map> : std::true_type {};
