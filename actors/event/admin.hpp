#pragma once

#include "actors/event/handle.hpp"
#include "storage/ticket_admin_store.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

// What administrators ask the ticket role. Never leaves the process.

struct get_totals {
  time_point day_start;
};

struct get_all_reservations {
  std::optional<std::string> status;
  std::int32_t page = 1;
  std::int32_t limit = 20;
};

/// Fails with not_found.
struct get_admin_reservation {
  reservation_id reservation;
};

struct get_stock {
  event_id event;
};

/// Has this message of the catalog taken effect?
struct get_applied {
  uuid message;
};

struct applied_answer {
  bool applied = false;
};

using admin_reader =
    caf::typed_actor<caf::replies_to<get_totals>::with<reservation_totals>,
                     caf::replies_to<get_all_reservations>::with<admin_page>,
                     caf::replies_to<get_admin_reservation>::with<admin_reservation>,
                     caf::replies_to<get_stock>::with<event_stock>,
                     caf::replies_to<get_applied>::with<applied_answer>>;

/// What an administrator may tell the sale. The role's region implements it.
using admin_view = caf::typed_actor<caf::replies_to<end_reservation>::with<reservation_view>>;

/// One connection of its own, so that long lists never make a sale wait. Questions over
/// `waiting_max` fail with overloaded.
admin_reader start_admin_reader(caf::actor_system& sys,
                                std::shared_ptr<ticket_admin_queries> queries, bool detached = true,
                                std::size_t waiting_max = 1'000);

// -- rules
// -----------------------------------------------------------------------------------------

/// What an administrator's wish for another status comes to.
enum class status_step : std::uint8_t {
  nothing, ///< it is so already
  end,     ///< `end_reservation`
};

/// The rules of `PATCH /api/admin/reservations/{id}/status`: an administrator may end a reservation
/// (`cancelled`, or `refunded` where money was taken), which gives seats and money back as an
/// owner's cancellation does. Nobody confirms what was not paid. Empty words are not set.
/// invalid_request for other words or none; conflict where the state machine has no such step.
result<status_step> decide_status(const reservation_view& now, const std::string& status,
                                  const std::string& payment_status);

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::get_totals)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::reservation_totals)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::get_all_reservations)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::admin_page)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::get_admin_reservation)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::admin_reservation)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::get_stock)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::event_stock)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::get_applied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::applied_answer)
