#pragma once

#include "storage/auth_store.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::auth {

/// Queries of the store, answered by `found_account`.
struct find_by_id {
  user_id id;
};

struct find_by_email {
  std::string email; ///< normalised
};

struct find_by_google {
  std::string google_id;
};

struct found_account {
  std::optional<account> row;
};

/// Query, answered by `found_accounts`.
struct find_by_ids {
  std::vector<user_id> ids;
};

struct found_accounts {
  std::vector<account> rows;
};

} // namespace tiketi::auth

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::find_by_id)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::find_by_email)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::find_by_google)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::found_account)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::find_by_ids)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::auth::found_accounts)

namespace tiketi::auth {

using auth_reader = caf::typed_actor<caf::replies_to<find_by_id>::with<found_account>,
                                     caf::replies_to<find_by_email>::with<found_account>,
                                     caf::replies_to<find_by_google>::with<found_account>,
                                     caf::replies_to<find_by_ids>::with<found_accounts>>;

/// Run it `caf::detached`: queries block. More than `waiting_max` messages waiting: overloaded.
auth_reader::behavior_type reader(auth_reader::pointer self, std::shared_ptr<auth_queries> queries,
                                  std::size_t waiting_max);

} // namespace tiketi::auth
