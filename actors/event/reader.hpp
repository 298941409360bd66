#pragma once

#include "actors/event/handle.hpp"
#include "storage/ticket_store.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tiketi::ticket {

// What only the role itself asks. Never leaves the process.

/// Answered by `loaded_event`. Fails with not_found.
struct load_event {
  event_id event;
};

/// For one receiver, who may take it apart.
struct loaded_event {
  std::shared_ptr<event_snapshot> snapshot;
};

struct list_events {};

struct event_list {
  std::vector<event_id> all;
  std::vector<event_id> with_pending;
};

/// Live reservations of a cancelled event; see `ticket_queries::live_of_cancelled`.
struct find_live {
  event_id event;
  std::int32_t limit = 1;
};

struct found_live {
  std::vector<reservation_id> reservations;
};

struct find_by_id {
  reservation_id reservation;
};

struct find_by_key {
  user_id user;
  std::string key;
};

struct found_reservation {
  std::optional<reservation_view> reservation;
};

/// `reader_actor` and what the actors of a sale need to start and to remember.
using store_reader = reader_actor::extend<caf::replies_to<load_event>::with<loaded_event>,
                                          caf::replies_to<list_events>::with<event_list>,
                                          caf::replies_to<find_live>::with<found_live>,
                                          caf::replies_to<find_by_id>::with<found_reservation>,
                                          caf::replies_to<find_by_key>::with<found_reservation>>;

struct reader_state {
  reader_state() = default;

  std::shared_ptr<ticket_queries> queries;
};

/// One connection. Spawn it `caf::detached`, because a query blocks.
store_reader::behavior_type reader(store_reader::stateful_pointer<reader_state> self,
                                   std::shared_ptr<ticket_queries> queries);

struct reader_pool_state {
  reader_pool_state() = default;

  std::vector<store_reader> readers;
  std::size_t next = 0;
};

/// Passes each question to the next of some readers.
store_reader::behavior_type reader_pool(store_reader::stateful_pointer<reader_pool_state> self,
                                        std::vector<store_reader> readers);

} // namespace tiketi::ticket

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::load_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::loaded_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::list_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::event_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::find_live)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::found_live)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::find_by_id)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::find_by_key)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::ticket::found_reservation)
