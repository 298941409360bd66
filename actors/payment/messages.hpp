#pragma once

#include "actors/base/ids.hpp"

#include <cstdint>
#include <string>

#include <caf/meta/type_name.hpp>
#include <caf/typed_actor.hpp>

namespace tiketi::payment {

/// Query of the ticket role before it lets a reservation expire, and when one is pending for too
/// long. Answered by `payment_standing`. From the moment the answer is `none` the payment role
/// starts no capture for this reservation that it could not refund.
struct get_standing {
  reservation_id reservation;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_standing& x) {
  return f(caf::meta::type_name("get_standing"), x.reservation);
}

enum class standing : std::uint8_t {
  none,      ///< nothing captured, nothing under way
  capturing, ///< a capture is under way: ask again
  captured,  ///< the rest of the answer says with what
};

struct payment_standing {
  standing state = standing::none;
  uuid message; ///< id of the PAYMENT_CONFIRMED event
  payment_id payment;
  user_id user;
  std::int64_t amount = 0;
  std::string method;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, payment_standing& x) {
  return f(caf::meta::type_name("payment_standing"), x.state, x.message, x.payment, x.user,
           x.amount, x.method);
}

/// The payment role as the ticket role sees it.
using tickets_view = caf::typed_actor<caf::replies_to<get_standing>::with<payment_standing>>;

} // namespace tiketi::payment
