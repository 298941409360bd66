#pragma once

#include "storage/memory/webhook_store.hpp"
#include "storage/sql/webhook_store.hpp"
#include "tests/support/test_database.hpp"

#include <memory>
#include <string>

namespace tiketi::test {

/// One of the stores, with what a restart leaves of it.
class any_webhook_store {
public:
  virtual ~any_webhook_store() = default;

  /// As after a crash: new connections to what was committed.
  virtual void restart() = 0;

  std::shared_ptr<webhook::webhook_writes> writes;
  std::unique_ptr<webhook::webhook_queries> queries;
};

class sql_webhook_database final : public any_webhook_store {
public:
  sql_webhook_database() { restart(); }

  void restart() override {
    writes.reset();
    queries.reset();
    writes = sql::make_webhook_writes(open());
    queries = sql::make_webhook_queries(open());
  }

  sql::database open() { return stored.open(); }

private:
  test_database stored{"webhook"};
};

class memory_webhook_database final : public any_webhook_store {
public:
  memory_webhook_database() { restart(); }

  void restart() override {
    writes = store;
    queries = store->queries();
  }

  std::shared_ptr<memory::webhook_store> store = std::make_shared<memory::webhook_store>();
};

inline std::unique_ptr<any_webhook_store> make_webhook_store(const std::string& kind) {
  if (kind == "sql")
    return std::make_unique<sql_webhook_database>();
  return std::make_unique<memory_webhook_database>();
}

} // namespace tiketi::test
