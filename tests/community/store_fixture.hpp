#pragma once

#include "storage/outbox.hpp"
#include "storage/sql/community_store.hpp"
#include "tests/support/test_database.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tiketi::test {

/// The community role's database in a file of its own.
struct community_database {
  test_database stored{"community"};
  std::shared_ptr<community::community_writes> writes;
  std::shared_ptr<community::community_queries> queries;

  community_database() {
    writes = sql::make_community_writes(open());
    queries = sql::make_community_queries(open());
  }

  sql::database open() { return stored.open(); }

  /// What the outbox holds, oldest first.
  std::vector<domain_event> events() {
    return sql::make_outbox_store(open())->read(0, 1000).value();
  }
};

} // namespace tiketi::test
