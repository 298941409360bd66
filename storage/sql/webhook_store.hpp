#pragma once

#include "storage/sql/database.hpp"
#include "storage/webhook_store.hpp"

#include <memory>

namespace tiketi::sql {

/// Both need the migrations of `webhook`.
std::shared_ptr<webhook::webhook_writes> make_webhook_writes(database db);
std::unique_ptr<webhook::webhook_queries> make_webhook_queries(database db);

} // namespace tiketi::sql
