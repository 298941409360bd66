#pragma once

#include "storage/news_store.hpp"
#include "storage/sql/database.hpp"

#include <memory>

namespace tiketi::sql {

/// Inside the caller's transaction: what it changes concerns all nodes. With an event in the ticket
/// role's database, without one in the catalog's. Throws SOCI's exceptions.
void add_news(database& db);
void add_news(database& db, const std::string& event);

/// `of_events`: the ticket role's database, which knows what was changed.
std::unique_ptr<news_store> make_news_store(database db, bool of_events);

} // namespace tiketi::sql
