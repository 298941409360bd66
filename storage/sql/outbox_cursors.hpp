#pragma once

#include "storage/sql/database.hpp"

#include <string>
#include <vector>

namespace tiketi::sql {

/// Forgets where everybody but `consumers` stands in this outbox: whoever is no consumer any more
/// holds up no purge. One who comes back gets all that is left, and knows what it has applied.
/// Fails with `unavailable`.
result<void> keep_cursors(database& db, const std::vector<std::string>& consumers);

} // namespace tiketi::sql
