#pragma once

#include "actors/event/messages.hpp"

#include <cstdint>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::ticket {

// What a reservation says to a ticket type. Never leaves the node.

/// Command: set this many aside, provisionally. Answered at once by `stock_answer`.
struct take_stock {
  reservation_id reservation;
  std::int32_t quantity = 0;
};

struct stock_answer {
  bool granted = false;
};

/// Notice: the reservation is durable.
struct settle_stock {
  reservation_id reservation;
};

/// Notice: the reservation came to nothing.
struct put_back_stock {
  reservation_id reservation;
};

/// Notice: a durable reservation ended.
struct restock {
  std::int32_t quantity = 0;
};

/// Notice: the catalog changed the total.
struct resize_stock {
  std::int32_t total = 0;
};

using ticket_type_actor =
    caf::typed_actor<caf::replies_to<take_stock>::with<stock_answer>, caf::reacts_to<settle_stock>,
                     caf::reacts_to<put_back_stock>, caf::reacts_to<restock>,
                     caf::reacts_to<resize_stock>>;

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::take_stock)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::stock_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::settle_stock)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::put_back_stock)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::restock)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::resize_stock)
