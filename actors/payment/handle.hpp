#pragma once

#include "actors/bus/messages.hpp"
#include "actors/bus/type_ids.hpp"
#include "actors/payment/messages.hpp"
#include "actors/payment/type_ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::payment {

/// The payment role: finds the actor of a subject's payments on this node and forwards. A superset
/// of `tickets_view`, and the consumer "payment" of what the ticket role tells.
using region_actor = caf::typed_actor<caf::replies_to<get_standing>::with<payment_standing>,
                                      caf::replies_to<prepare_payment>::with<payment_done>,
                                      caf::replies_to<confirm_payment>::with<payment_done>,
                                      caf::replies_to<process_payment>::with<payment_done>,
                                      caf::replies_to<cancel_payment>::with<payment_done>,
                                      caf::replies_to<deliver>::with<applied>>;

// Reads of committed state. They never leave the process.

struct load_payments { ///< the live one first, then the latest
  payment_subject subject;
};
struct find_order {
  std::string order_id;
};
struct find_key_or_id {
  std::string key_or_id;
};
struct list_payments { ///< newest first
  user_id user;
  std::int64_t limit = 10;
  std::int64_t offset = 0;
};
struct list_unfinished { ///< by id
  payment_id after;
  std::size_t limit = 100;
};
struct payment_list {
  std::vector<payment_view> payments;
  std::int64_t total = 0;
};

} // namespace tiketi::payment

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::load_payments)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::find_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::find_key_or_id)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::list_payments)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::list_unfinished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::payment::payment_list)

namespace tiketi::payment {

/// Blocks, so detached; finds answer with one payment or none.
using reader_actor = caf::typed_actor<caf::replies_to<load_payments>::with<payment_list>,
                                      caf::replies_to<find_order>::with<payment_list>,
                                      caf::replies_to<find_key_or_id>::with<payment_list>,
                                      caf::replies_to<list_payments>::with<payment_list>,
                                      caf::replies_to<list_unfinished>::with<payment_list>>;

} // namespace tiketi::payment
