#pragma once

#include "actors/base/ids.hpp"

#include <cstdint>
#include <string>

#include <caf/meta/type_name.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::catalog {

/// Query of the queue role: what is this event, and may people queue for it? Answered by
/// `event_brief`; not_found for an unknown event.
struct get_brief {
  event_id event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_brief& x) {
  return f(caf::meta::type_name("get_brief"), x.event);
}

struct event_brief {
  event_id event;
  std::string title;
  std::string artist; ///< empty: none
  bool cancelled = false;
  time_point sale_start; ///< epoch 0: none
  time_point sale_end;   ///< epoch 0: none
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, event_brief& x) {
  return f(caf::meta::type_name("event_brief"), x.event, x.title, x.artist, x.cancelled,
           x.sale_start, x.sale_end);
}

/// The catalog role as the queue role sees it.
using briefs_view = caf::typed_actor<caf::replies_to<get_brief>::with<event_brief>>;

} // namespace tiketi::catalog
