#pragma once

#include "actors/base/result.hpp"
#include "storage/sql/database.hpp"

#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace tiketi::sql {

/// A connection for reading that heals: after a failed query the next one reconnects first. Callers
/// learn only `unavailable`; the log has the cause.
class query_guard {
public:
  query_guard(database db, const char* name) : db_(std::move(db)), name_(name) {}

  database& db() noexcept { return db_; }

  template <class T, class F>
  result<T> run(F query) {
    if (broken_) {
      if (!db_.reconnect())
        return failure{errc::unavailable};
      broken_ = false;
    }
    try {
      return query();
    } catch (const std::exception& e) {
      spdlog::error("{}: {}", name_, cause_of(e));
      db_.forget_prepared();
      broken_ = true;
      return failure{errc::unavailable};
    }
  }

private:
  database db_;
  const char* name_;
  bool broken_ = false;
};

/// Ids are stored as texts; empty (or NULL, read with coalesce) stands for nil.
template <class Id>
std::string id_text(const Id& id) {
  return id.is_nil() ? std::string{} : to_string(id);
}

template <class Id>
Id text_id(const std::string& text) {
  return parse_id<Id>(text).value_or(Id{});
}

} // namespace tiketi::sql
