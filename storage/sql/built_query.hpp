#pragma once

#include "storage/sql/database.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace tiketi::sql {

/// A statement that is put together from text and bound values, in order. For statements that are
/// too varied or too rare to be kept prepared. Runs once. Functions throw SOCI's exceptions.
///
///     built_query q{db};
///     q << "SELECT title FROM news WHERE id = ";
///     q.value(id).into(title);
///     if (q.run()) ...
class built_query {
public:
  explicit built_query(database& db) : statement_(db.session()) {}

  built_query& operator<<(std::string_view text) {
    text_ += text;
    return *this;
  }

  built_query& value(std::int64_t number) {
    numbers_.push_back(number);
    statement_.exchange(soci::use(numbers_.back()));
    return placeholder();
  }

  built_query& value(std::string text) {
    texts_.push_back(std::move(text));
    statement_.exchange(soci::use(texts_.back()));
    return placeholder();
  }

  built_query& value(time_point t) { return value(to_millis(t)); }

  built_query& value(const std::optional<std::string>& text) {
    texts_.push_back(text.value_or(""));
    indicators_.push_back(text ? soci::i_ok : soci::i_null);
    statement_.exchange(soci::use(texts_.back(), indicators_.back()));
    return placeholder();
  }

  /// A nil id is NULL.
  template <class Tag>
  built_query& value(const basic_id<Tag>& id) {
    return value(id.is_nil() ? std::optional<std::string>{} : to_string(id));
  }

  /// The next column of the result.
  template <class T>
  built_query& into(T& column) {
    statement_.exchange(soci::into(column));
    return *this;
  }

  template <class T>
  built_query& into(T& column, soci::indicator& present) {
    statement_.exchange(soci::into(column, present));
    return *this;
  }

  /// Runs a query; true when there is a (first) row.
  bool run() {
    bind();
    return statement_.execute(true);
  }

  bool next() { return statement_.fetch(); }

  /// Runs a statement that writes; returns the number of rows it touched.
  std::size_t write() {
    bind();
    return sql::run(statement_);
  }

private:
  void bind() {
    statement_.alloc();
    statement_.prepare(text_);
    statement_.define_and_bind();
  }

  built_query& placeholder() {
    text_ += fmt::format(":p{}", count_++);
    return *this;
  }

  std::string text_;
  std::size_t count_ = 0;
  // SOCI keeps references until the statement has run; these do not move.
  std::deque<long long> numbers_;
  std::deque<std::string> texts_;
  std::deque<soci::indicator> indicators_;
  soci::statement statement_;
};

} // namespace tiketi::sql
