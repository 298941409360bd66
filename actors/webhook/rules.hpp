#pragma once

#include "storage/webhook_store.hpp"

#include <string_view>

// What every store does to a webhook, so that no two can differ.

namespace tiketi::webhook {

/// Whether it would get this event, were it active.
bool wants(const webhook_view& hook, std::string_view type, const event_id& about);

/// What an event does to a webhook that wants it. True: it gets a delivery.
bool accept(webhook_view& hook, const webhook_limits& limits, time_point now);

/// Applies what is present in the change.
void apply(webhook_view& hook, const change_webhook& change, time_point now);

void rotate(webhook_row& hook, const replace_secret& change, time_point now);

/// The counts and the state after an attempt that counted.
void apply(webhook_view& hook, const verdict& outcome, time_point now);

} // namespace tiketi::webhook
