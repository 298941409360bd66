#pragma once

#include "actors/base/ids.hpp"

#include <cstdint>
#include <vector>

#include <caf/meta/type_name.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::vwr {

// What can be said to the numbered waiting rooms (tier 1), one per event.

/// Query. Answered by `room_counters`; not_found where nobody ever activated one.
struct show_room {
  event_id event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, show_room& x) {
  return f(caf::meta::type_name("show_room"), x.event);
}

struct room_counters {
  bool active = false;
  std::uint64_t issued = 0;  ///< last number given out
  std::uint64_t serving = 0; ///< numbers up to this one are served
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, room_counters& x) {
  return f(caf::meta::type_name("room_counters"), x.active, x.issued, x.serving);
}

/// Command: one more person. Answered by `number_taken` once it is durable; not_found where no
/// numbers are given out.
struct take_number {
  event_id event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, take_number& x) {
  return f(caf::meta::type_name("take_number"), x.event);
}

struct number_taken {
  std::uint64_t generation = 0;
  std::uint64_t number = 0;
  std::uint64_t serving = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, number_taken& x) {
  return f(caf::meta::type_name("number_taken"), x.generation, x.number, x.serving);
}

/// Query: is it this number's turn? Answered by `number_state`; not_found for a number that was
/// never given out or is void.
struct check_number {
  event_id event;
  std::uint64_t generation = 0; ///< modulo `generations`
  std::uint64_t number = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, check_number& x) {
  return f(caf::meta::type_name("check_number"), x.event, x.generation, x.number);
}

struct number_state {
  bool switched_off = false; ///< the room is: nobody waits
  bool served = false;
  std::uint64_t ahead = 0;
  std::uint64_t issued = 0;
  std::uint64_t serving = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, number_state& x) {
  return f(caf::meta::type_name("number_state"), x.switched_off, x.served, x.ahead, x.issued,
           x.serving);
}

/// Command of an operator: give out numbers, going on where the room was. `reset`: start at zero
/// instead, and void all numbers given out; conflict while the room is active. not_found: no such
/// event; conflict, sale_closed: it is cancelled or over. Answered by `room_counters`, durable.
struct activate_room {
  event_id event;
  bool reset = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, activate_room& x) {
  return f(caf::meta::type_name("activate_room"), x.event, x.reset);
}

/// Command of an operator: nobody has to wait any more. Answered by `room_counters`, durable;
/// not_found where there is no room.
struct deactivate_room {
  event_id event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, deactivate_room& x) {
  return f(caf::meta::type_name("deactivate_room"), x.event);
}

/// Command of an operator: serve up to `batch` more numbers now. Answered by `room_advanced`,
/// durable; not_found where there is no room, in_doubt when an earlier owner may have done it.
struct advance_room {
  event_id event;
  std::uint64_t batch = 0;
  bool repeated = false; ///< `cluster::services`: an earlier owner may have served them
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, advance_room& x) {
  return f(caf::meta::type_name("advance_room"), x.event, x.batch, x.repeated);
}

struct room_advanced {
  std::uint64_t serving = 0;
  std::uint64_t advanced = 0; ///< 0: every number given out is served
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, room_advanced& x) {
  return f(caf::meta::type_name("room_advanced"), x.serving, x.advanced);
}

/// Query: which events have an active room? Answered by `active_rooms`.
struct list_active {};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, list_active&) {
  return f(caf::meta::type_name("list_active"));
}

struct active_rooms {
  std::vector<event_id> events; ///< in no order
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, active_rooms& x) {
  return f(caf::meta::type_name("active_rooms"), x.events);
}

/// All rooms as the front sees them.
using rooms = caf::typed_actor<caf::replies_to<show_room>::with<room_counters>,
                               caf::replies_to<take_number>::with<number_taken>,
                               caf::replies_to<check_number>::with<number_state>,
                               caf::replies_to<activate_room>::with<room_counters>,
                               caf::replies_to<deactivate_room>::with<room_counters>,
                               caf::replies_to<advance_room>::with<room_advanced>,
                               caf::replies_to<list_active>::with<active_rooms>>;

} // namespace tiketi::vwr
