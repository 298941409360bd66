#pragma once

#include "storage/outbox.hpp"
#include "storage/sql/community_store.hpp"
#include "tests/storage/temporary_folder.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tiketi::test {

/// The community role's database in a file of its own.
struct community_database {
  temporary_folder folder;
  std::shared_ptr<community::community_writes> writes;
  std::shared_ptr<community::community_queries> queries;

  community_database() {
    auto db = open();
    sql::migrate(db, sql::migrations_of("community")).value();
    writes = sql::make_community_writes(std::move(db));
    queries = sql::make_community_queries(open());
  }

  sql::database open() const {
    sql::database_options options;
    options.target = folder.file("community.db");
    options.durable = sql::durability::normal;
    return sql::database::open(options).value();
  }

  /// What the outbox holds, oldest first.
  std::vector<domain_event> events() const {
    return sql::make_outbox_store(open())->read(0, 1000).value();
  }
};

} // namespace tiketi::test
