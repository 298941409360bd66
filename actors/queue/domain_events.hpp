#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "storage/queue_journal.hpp"

#include <optional>

namespace tiketi::queue {

inline constexpr const char* admission_topic = "admission-events";
inline constexpr const char* admitted_type = "queue.admitted";

/// What an admission tells others. The entry token is no part of it, because a secret does not
/// belong into a database: whoever needs one signs it.
struct admission_notice {
  event_id event;
  user_id user;
  time_point admitted_at;
  time_point expires_at; ///< of the slot, as it was given
  bool waited = false;   ///< in the line
};

/// `admission` of this user as a domain event; its key is the event's id.
domain_event admission_event(const event_id& event, const admit_user& admission, time_point now,
                             environment& env);

/// What such a domain event says; nothing where it is none.
std::optional<admission_notice> read_admission(const domain_event& event);

} // namespace tiketi::queue
