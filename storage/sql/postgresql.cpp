#include "storage/sql/postgresql.hpp"

#include <atomic>
#include <charconv>

#include <soci/postgresql/soci-postgresql.h>

namespace tiketi::sql {

namespace {

PGconn* connection_of(soci::session& session) {
  return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

server_rows checked(PGconn* connection, PGresult* raw) {
  server_rows rows{raw};
  const auto status = PQresultStatus(raw);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
    return rows;
  const char* state = raw == nullptr ? nullptr : PQresultErrorField(raw, PG_DIAG_SQLSTATE);
  throw soci::postgresql_soci_error(PQerrorMessage(connection), state == nullptr ? "     " : state);
}

} // namespace

void array_text::separate() {
  if (text_.size() > 1)
    text_ += ',';
}

void array_text::add(std::string_view text) {
  separate();
  text_ += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\')
      text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

void array_text::add(std::int64_t number) {
  separate();
  text_ += std::to_string(number);
}

std::string array_text::take() {
  auto out = std::move(text_);
  text_ = "{";
  out += '}';
  return out;
}

std::vector<std::string> take_all(std::vector<array_text>& columns) {
  std::vector<std::string> out;
  out.reserve(columns.size());
  for (auto& column : columns)
    out.push_back(column.take());
  return out;
}

server_rows::server_rows(pg_result* result) : result_(result, &PQclear) {}

std::size_t server_rows::size() const {
  return static_cast<std::size_t>(PQntuples(result_.get()));
}

std::string_view server_rows::text(std::size_t row, int column) const {
  const int r = static_cast<int>(row);
  return {PQgetvalue(result_.get(), r, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), r, column))};
}

std::int64_t server_rows::number(std::size_t row, int column) const {
  const auto word = text(row, column);
  std::int64_t out = 0;
  std::from_chars(word.data(), word.data() + word.size(), out);
  return out;
}

std::size_t server_rows::touched() const {
  const std::string_view word = PQcmdTuples(result_.get());
  std::size_t out = 0;
  std::from_chars(word.data(), word.data() + word.size(), out);
  return out;
}

server_statement::server_statement(soci::session& session, std::string text)
    : session_(session), text_(std::move(text)) {
  // A statement of the same text that was dropped in a failed transaction may still be there.
  static std::atomic<std::uint64_t> count{0};
  name_ = "many_" + std::to_string(++count);
}

server_statement::~server_statement() {
  if (!prepared_)
    return;
  // Fails where the connection or the transaction has failed, which does no harm.
  PQclear(PQexec(connection_of(session_), ("DEALLOCATE " + name_).c_str()));
}

server_rows server_statement::run(std::span<const std::string> parameters) {
  auto* connection = connection_of(session_);
  if (!prepared_) {
    checked(connection, PQprepare(connection, name_.c_str(), text_.c_str(), 0, nullptr));
    prepared_ = true;
  }
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& p : parameters)
    values.push_back(p.c_str());
  return checked(connection,
                 PQexecPrepared(connection, name_.c_str(), static_cast<int>(values.size()),
                                values.data(), nullptr, nullptr, 0));
}

} // namespace tiketi::sql
