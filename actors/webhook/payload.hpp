#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"
#include "actors/bus/messages.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tiketi::webhook {

/// Names of the events that a webhook can ask for, sorted.
const std::vector<std::string>& known_types();

bool is_known_type(std::string_view type);

/// What a webhook gets of an event.
struct message {
  event_id about;   ///< the event on sale; nil: the payload does not say
  std::string body; ///< `{"id","type","version","occurredAt","key","data"}`
};

/// Only fields that are listed for the type go out: never who a person is, not even by id, and no
/// text that a person wrote. So a field that a role adds later stays inside until it is listed.
/// Fails with invalid_request for an unknown type and for a payload that is no object.
result<message> message_of(const domain_event& event);

/// The body of a PING: `data` is `{"webhookId"}`.
std::string ping_body(const uuid& id, const std::string& webhook, time_point now);

} // namespace tiketi::webhook
