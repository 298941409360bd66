#pragma once

#include "actors/base/ids.hpp"

#include <caf/meta/type_name.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::queue {

/// Query of the entry gate: has this user an active slot for this event? Answered by `admission`.
struct check_admission {
  event_id event;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, check_admission& x) {
  return f(caf::meta::type_name("check_admission"), x.event, x.user);
}

struct admission {
  bool active = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admission& x) {
  return f(caf::meta::type_name("admission"), x.active);
}

/// Notice: this user's booking of this event is confirmed, so the slot may go to the next one.
struct booking_done {
  event_id event;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, booking_done& x) {
  return f(caf::meta::type_name("booking_done"), x.event, x.user);
}

/// The queue role as the entry gate sees it.
using gate_view = caf::typed_actor<caf::replies_to<check_admission>::with<admission>,
                                   caf::reacts_to<booking_done>>;

} // namespace tiketi::queue
