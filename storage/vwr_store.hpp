#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"
#include "actors/store/group_commit.hpp"
#include "actors/vwr/numbered_room.hpp"

#include <vector>

// What the numbered waiting rooms need from a database: one row per event.

namespace tiketi::vwr {

/// Replaces the row of `version - 1`, or is the first one (`version` 1). Rejected where the store
/// holds another version: somebody else owns the room, and no number goes out twice.
struct save_room {
  event_id event;
  room_row row;
};

struct room_saved {
  commit_status status = commit_status::failed;
};

/// Implementations reconnect by themselves: while the database is away every command is `failed`
/// (not started) or `unknown` (lost in the commit).
using room_writes = commit_target<save_room, room_saved>;

struct load_room {
  event_id event;
};

struct stored_room {
  event_id event;
  bool found = false;
  room_row row;
};

struct list_rooms {};

struct room_list {
  std::vector<stored_room> rooms;
};

/// One connection for reading; one thread at a time. Sees every committed write.
class room_queries {
public:
  virtual ~room_queries() = default;

  virtual result<stored_room> load(const load_room& query) = 0;
  virtual result<room_list> all() = 0;
};

} // namespace tiketi::vwr

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::save_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::room_saved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::load_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::stored_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::list_rooms)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tiketi::vwr::room_list)

namespace tiketi::vwr {

using room_writer = writer_actor<save_room, room_saved>;

/// Blocks, so run it detached.
using room_reader = caf::typed_actor<caf::replies_to<load_room>::with<stored_room>,
                                     caf::replies_to<list_rooms>::with<room_list>>;

} // namespace tiketi::vwr
