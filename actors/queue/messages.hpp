#pragma once

#include "actors/base/ids.hpp"
#include "actors/cluster/query.hpp"

#include <cstdint>
#include <string>

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

// -- what users say ----------------------------------------------------------------------------

/// Command: stand in line, or enter at once; a repeat only looks. Answered by `queue_place` once it
/// is durable. not_found, conflict (cancelled), sale_closed: this event has no queue now.
struct enter_queue {
  event_id event;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, enter_queue& x) {
  return f(caf::meta::type_name("enter_queue"), x.event, x.user);
}

/// Where is this user? Keeps place or slot alive; never joins. Answered by `queue_place`.
struct poll_queue {
  event_id event;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, poll_queue& x) {
  return f(caf::meta::type_name("poll_queue"), x.event, x.user);
}

/// Command: give up place or slot, after a grace period in which coming back keeps it.
/// Answered by `queue_left` once it is durable.
struct leave_queue {
  event_id event;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, leave_queue& x) {
  return f(caf::meta::type_name("leave_queue"), x.event, x.user);
}

struct queue_left {
  bool was_here = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, queue_left& x) {
  return f(caf::meta::type_name("queue_left"), x.was_here);
}

/// Where one user stands. `expires_at` is the end of an active slot as it is now, epoch 0 for
/// others. `title` and `artist` are answers to `enter_queue` only; empty artist: none.
struct queue_place {
  std::uint8_t place = 0; ///< queue::place
  std::uint32_t threshold = 0;
  std::uint64_t position = 0; ///< 1-based; 0: not waiting
  std::uint64_t queue_size = 0;
  std::uint64_t current_users = 0; ///< active before what this command itself changed
  std::int64_t estimated_wait = 0; ///< seconds
  std::int64_t next_poll = 3;      ///< seconds
  time_point expires_at;
  std::string title;
  std::string artist;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, queue_place& x) {
  return f(caf::meta::type_name("queue_place"), x.place, x.threshold, x.position, x.queue_size,
           x.current_users, x.estimated_wait, x.next_poll, x.expires_at, x.title, x.artist);
}

// -- what operators say ------------------------------------------------------------------------

/// Query. Answered by `queue_counters`.
struct count_queue {
  event_id event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, count_queue& x) {
  return f(caf::meta::type_name("count_queue"), x.event);
}

/// Command: how many may be active at once, 1 to 1,000,000. Those who are active stay when it
/// shrinks. Answered by `queue_counters` once it is durable; not_found for an unknown event.
struct set_threshold {
  event_id event;
  std::uint32_t threshold = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_threshold& x) {
  return f(caf::meta::type_name("set_threshold"), x.event, x.threshold);
}

/// Command: removes everybody, waiting and active; the threshold stays. Answered by
/// `queue_counters` once it is durable.
struct clear_queue {
  event_id event;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, clear_queue& x) {
  return f(caf::meta::type_name("clear_queue"), x.event);
}

struct queue_counters {
  std::uint64_t queue_size = 0;
  std::uint64_t current_users = 0;
  std::uint32_t threshold = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, queue_counters& x) {
  return f(caf::meta::type_name("queue_counters"), x.queue_size, x.current_users, x.threshold);
}

/// The queue role as the front sees it. A superset of `gate_view`.
using queues =
    caf::typed_actor<caf::replies_to<check_admission>::with<admission>,
                     caf::reacts_to<booking_done>, caf::replies_to<enter_queue>::with<queue_place>,
                     caf::replies_to<poll_queue>::with<queue_place>,
                     caf::replies_to<leave_queue>::with<queue_left>,
                     caf::replies_to<count_queue>::with<queue_counters>,
                     caf::replies_to<set_threshold>::with<queue_counters>,
                     caf::replies_to<clear_queue>::with<queue_counters>>;

} // namespace tiketi::queue

template <>
struct tiketi::cluster::is_query<tiketi::queue::check_admission> : std::true_type {};
template <>
struct tiketi::cluster::is_query<tiketi::queue::poll_queue> : std::true_type {};
template <>
struct tiketi::cluster::is_query<tiketi::queue::count_queue> : std::true_type {};
