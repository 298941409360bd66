#pragma once

#include "actors/base/ids.hpp"
#include "actors/base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

// How the nodes of a cluster learn of what another one has changed in a database that all of them
// keep something of in memory. Each change that concerns them raises the database's version, in its
// own transaction and in the order of the commits; every node asks for it again and again, and
// notes down up to where it has taken the changes in.

namespace tiketi {

/// What was changed after some version.
struct news {
  std::int64_t version = 0;     ///< up to here
  std::vector<event_id> events; ///< those that were changed; of the ticket role's database only
};

/// One connection; one thread at a time. Fails with `unavailable`, reconnects by itself.
class news_store {
public:
  virtual ~news_store() = default;

  /// 0: nothing was ever changed.
  virtual result<std::int64_t> version() = 0;

  virtual result<news> since(std::int64_t after) = 0;

  /// `node` has taken in everything up to `version`, and is there.
  virtual result<void> take_in(const std::string& node, std::int64_t version) = 0;

  /// `node` ends: nobody waits for it any more.
  virtual result<void> leave(const std::string& node) = 0;

  /// Up to where all nodes have taken the news in that were there within the last `alive`, by the
  /// database's clock; without any of them the present version.
  virtual result<std::int64_t> known_to_all(milliseconds alive) = 0;
};

} // namespace tiketi
