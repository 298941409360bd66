#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <soci/soci.h>

struct pg_conn;
struct pg_result;

namespace tiketi::sql {

/// Text form of a PostgreSQL array, for one parameter that carries a column of many rows.
class array_text {
public:
  void add(std::string_view text);
  void add(std::int64_t number);
  std::string take();
  bool empty() const noexcept { return text_.size() == 1; }

private:
  void separate();

  std::string text_ = "{";
};

/// The arrays as the parameters of one statement; they are empty afterwards.
std::vector<std::string> take_all(std::vector<array_text>& columns);

/// The rows of an answer. NULL reads as an empty text and as 0.
class server_rows {
public:
  explicit server_rows(pg_result* result);

  std::size_t size() const;
  std::string_view text(std::size_t row, int column) const;
  std::int64_t number(std::size_t row, int column) const;
  /// Rows that a statement which writes has touched.
  std::size_t touched() const;

private:
  std::shared_ptr<pg_result> result_;
};

/// A statement of PostgreSQL's own words ($1, $2), prepared when it is first run on a connection.
/// SOCI would send one request per row; this sends one for all rows, in arrays. Made by
/// `database::prepared`. Throws SOCI's exceptions.
class server_statement {
public:
  server_statement(soci::session& session, std::string text);
  ~server_statement();
  server_statement(const server_statement&) = delete;
  server_statement& operator=(const server_statement&) = delete;

  server_rows run(std::span<const std::string> parameters);

  template <class... Text>
  server_rows run_with(const Text&... parameters) {
    const std::string all[] = {parameters...};
    return run(all);
  }

private:
  soci::session& session_;
  std::string text_;
  std::string name_;
  bool prepared_ = false;
};

} // namespace tiketi::sql
