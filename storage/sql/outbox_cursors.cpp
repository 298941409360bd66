#include "storage/sql/outbox_cursors.hpp"

#include <algorithm>
#include <exception>

namespace tiketi::sql {

result<void> keep_cursors(database& db, const std::vector<std::string>& consumers) {
  try {
    transaction tx{db};
    std::vector<std::string> gone;
    std::string consumer;
    soci::statement all =
        (db.session().prepare << "SELECT consumer FROM outbox_cursors", soci::into(consumer));
    for (all.execute(); all.fetch();)
      if (std::find(consumers.begin(), consumers.end(), consumer) == consumers.end())
        gone.push_back(consumer);
    for (const auto& name : gone)
      db.session() << "DELETE FROM outbox_cursors WHERE consumer = :c", soci::use(name);
    tx.commit();
    return {};
  } catch (const std::exception& e) {
    db.forget_prepared();
    return failure{errc::unavailable, "outbox: " + cause_of(e)};
  }
}

} // namespace tiketi::sql
