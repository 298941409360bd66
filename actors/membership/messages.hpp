#pragma once

#include "actors/event/messages.hpp"
#include "actors/membership/ids.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/type_name.hpp>

// What other roles and the front may say about memberships.

namespace tiketi::membership {

/// Of one artist's members. Bronze: no active membership.
enum class tier : std::uint8_t { bronze, silver, gold, diamond };

enum class membership_status : std::uint8_t { pending, active, expired };

inline std::string to_string(tier t) {
  constexpr const char* words[] = {"BRONZE", "SILVER", "GOLD", "DIAMOND"};
  return words[static_cast<std::size_t>(t)];
}

inline std::string to_string(membership_status s) {
  constexpr const char* words[] = {"pending", "active", "expired"};
  return words[static_cast<std::size_t>(s)];
}

/// One membership, as it is stored.
struct membership_row {
  membership_id id;
  user_id user;
  artist_id artist;
  membership_status status = membership_status::pending;
  std::int64_t points = 0;
  std::int64_t price = 0; ///< won, as it was offered
  payment_id paid_by;     ///< nil: never paid
  time_point joined_at;   ///< first activation; before that, the subscription
  time_point expires_at;
  time_point created_at;
  time_point updated_at;
  std::uint32_t version = 0; ///< 1 when created, one more with each change

  friend bool operator==(const membership_row&, const membership_row&) = default;
};

/// What the ticket role knows of an artist, fed by `catalog-events`.
struct artist_card {
  artist_id id;
  std::string name;
  std::string image_url; ///< empty: none
  std::int64_t membership_price = 0;
};

/// One line of a membership's account of points.
struct point_entry {
  uuid id;
  std::string action; ///< MEMBERSHIP_JOIN, TICKET_PURCHASE, COMMUNITY_POST ...
  std::int64_t points = 0;
  std::string description;
  uuid reference; ///< what it was given for: counts once per action
  time_point at;
};

struct membership_view {
  membership_row row;
  artist_card artist;
};

// -- of users ----------------------------------------------------------------------------------

/// Command: become a member; it has to be paid. Answered by `membership_view`.
/// Fails with not_found (artist), conflict (an active member).
struct subscribe {
  user_id user;
  artist_id artist;
};

/// Query: by join date, newest first. Answered by `membership_list`.
struct list_memberships {
  user_id user;
};

struct membership_list {
  std::vector<membership_view> memberships;
};

/// Query: the user's membership of one artist. Answered by `membership_detail`.
struct get_membership {
  user_id user;
  artist_id artist;
};

struct membership_detail {
  std::vector<membership_view> found; ///< one or none
  std::vector<point_entry> history;   ///< newest first, 50 at most
  std::vector<artist_card> artist;    ///< one; none: unknown
};

/// Query: one membership, whoever has it. Answered by `membership_view`. Fails with not_found.
struct find_membership {
  membership_id membership;
};

// -- of other parts of the role ------------------------------------------------------------------

/// Query: what the user may do as a member now. Answered by `member_tier`.
struct get_tier {
  user_id user;
  artist_id artist;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_tier& x) {
  return f(caf::meta::type_name("get_tier"), x.user, x.artist);
}

struct member_tier {
  tier value = tier::bronze;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, member_tier& x) {
  return f(caf::meta::type_name("member_tier"), x.value);
}

/// Command: points for something the user did; the same action and reference count once.
/// Answered by `awarded`. Fails with invalid_request.
struct award {
  user_id user;
  artist_id artist; ///< nil: every active membership of the user
  std::string action;
  std::int64_t points = 0;
  std::string description;
  uuid reference;
};

struct awarded {
  std::int32_t memberships = 0; ///< that got the points now
};

// -- of the payment role -------------------------------------------------------------------------

/// Query: may this user pay for this membership now? Answered by `ticket::payable`.
/// Fails with not_found, forbidden, not_pending.
struct check_membership {
  membership_id membership;
  user_id user;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, check_membership& x) {
  return f(caf::meta::type_name("check_membership"), x.membership, x.user);
}

/// Command: money for this membership has been captured. As `ticket::apply_payment`.
struct apply_membership_payment {
  uuid message; ///< id of the PAYMENT_CONFIRMED event
  membership_id membership;
  payment_id payment;
  user_id user;
  std::int64_t amount = 0;
  std::string method;
  std::string trace = {}; ///< `traceparent` of what led to it; may be empty
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, apply_membership_payment& x) {
  return f(caf::meta::type_name("apply_membership_payment"), x.message, x.membership, x.payment,
           x.user, x.amount, x.method, x.trace);
}

} // namespace tiketi::membership

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::subscribe)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::membership_view)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::list_memberships)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::membership_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::get_membership)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::membership_detail)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::find_membership)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::award)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::membership::awarded)
