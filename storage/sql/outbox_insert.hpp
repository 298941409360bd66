#pragma once

#include "storage/outbox.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace tiketi::sql {

/// PostgreSQL: what appends events to the outbox, as a part of a larger statement: `take_lock` in
/// its WITH clause, where it gets the name `appending`, and `insert` with this many parameters.
struct outbox_insert {
  static constexpr std::size_t parameters = 8;

  static std::string take_lock();
  /// The parameters are $first and those that follow it.
  static std::string insert(std::size_t first);
  /// One array per column.
  static std::vector<std::string> values(std::span<const domain_event> events);
};

} // namespace tiketi::sql
