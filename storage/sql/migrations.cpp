#include "storage/sql/database.hpp"

#include <array>
#include <exception>
#include <map>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace tiketi::sql {

namespace {

struct stored_step {
  std::string name;
  std::string checksum;
};

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 is not available");
  std::string out;
  for (unsigned i = 0; i < size; ++i)
    out += fmt::format("{:02x}", digest[i]);
  return out;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// The statements of a step, in the words of the dialect, without comment lines.
std::vector<std::string> statements_of(const std::string& sql, dialect kind) {
  auto text = sql;
  const bool sqlite = kind == dialect::sqlite;
  replace_all(text, "{{identity}}",
              sqlite ? "INTEGER PRIMARY KEY AUTOINCREMENT"
                     : "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY");
  replace_all(text, "{{clustered}}", sqlite ? "WITHOUT ROWID" : "");
  constexpr std::string_view server_only = "{{postgresql}} ";
  std::vector<std::string> out;
  std::string statement;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const auto end = std::min(text.find('\n', begin), text.size());
    auto line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r'))
      line.remove_suffix(1);
    const auto first = line.find_first_not_of(' ');
    if (first == std::string_view::npos || line.substr(first, 2) == "--")
      continue;
    statement += line;
    if (line.back() == ';') {
      statement.pop_back();
      const bool elsewhere = statement.starts_with(server_only);
      if (elsewhere)
        statement.erase(0, server_only.size());
      if (!elsewhere || !sqlite)
        out.push_back(std::move(statement));
      statement.clear();
    } else {
      statement += '\n';
    }
  }
  if (!statement.empty())
    throw std::runtime_error("the last statement has no `;` at its end");
  return out;
}

bool has_table(database& db) {
  int count = 0;
  if (db.kind() == dialect::sqlite)
    db.session() << "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND "
                    "name = 'schema_migrations'",
        soci::into(count);
  else
    db.session() << "SELECT count(*) FROM information_schema.tables WHERE "
                    "table_schema = current_schema() AND table_name = 'schema_migrations'",
        soci::into(count);
  return count > 0;
}

std::map<std::int32_t, stored_step> load_applied(database& db) {
  std::map<std::int32_t, stored_step> out;
  if (!has_table(db))
    return out;
  int version = 0;
  stored_step step;
  soci::statement st = (db.session().prepare << "SELECT version, name, checksum FROM "
                                                "schema_migrations ORDER BY version",
                        soci::into(version), soci::into(step.name), soci::into(step.checksum));
  for (st.execute(); st.fetch();)
    out.emplace(version, step);
  return out;
}

/// Complains, for a person, when the stored schema is not a beginning of `steps`.
result<void> compare(const std::map<std::int32_t, stored_step>& applied,
                     std::span<const migration> steps) {
  const auto newest = steps.empty() ? std::int32_t{-1} : steps.back().version;
  for (const auto& [version, stored] : applied) {
    if (version > newest)
      return failure{errc::conflict,
                     fmt::format("the database has schema version {} ({}), but this program knows "
                                 "only {}: start a newer program, or restore a backup",
                                 version, stored.name, newest)};
    const auto known =
        std::find_if(steps.begin(), steps.end(),
                     [wanted = version](const migration& m) { return m.version == wanted; });
    if (known == steps.end())
      return failure{errc::conflict,
                     fmt::format("the database has schema version {} ({}), which this program does "
                                 "not know: it belongs to another role or another program",
                                 version, stored.name)};
    if (sha256(known->sql) != stored.checksum)
      return failure{errc::conflict,
                     fmt::format("migration {} ({}) differs from the one this database was made "
                                 "with: a released migration must never be edited",
                                 version, stored.name)};
  }
  for (const auto& step : steps)
    if (!applied.contains(step.version) && !applied.empty()
        && applied.rbegin()->first > step.version)
      return failure{errc::conflict,
                     fmt::format("migration {} ({}) is missing below schema version {}: migrations "
                                 "only go forward",
                                 step.version, step.name, applied.rbegin()->first)};
  return {};
}

void apply(database& db, const migration& step) {
  for (const auto& statement : statements_of(step.sql, db.kind()))
    db.session() << statement;
  const auto checksum = sha256(step.sql);
  const int version = step.version;
  db.session() << "INSERT INTO schema_migrations(version, name, checksum) VALUES (:v, :n, :c)",
      soci::use(version), soci::use(step.name), soci::use(checksum);
}

} // namespace

result<bool> is_current(database& db, std::span<const migration> steps) {
  try {
    const auto applied = load_applied(db);
    if (auto same = compare(applied, steps); !same)
      return same.error();
    return applied.size() == steps.size();
  } catch (const std::exception& e) {
    return failure{errc::unavailable, fmt::format("cannot read the schema version: {}", e.what())};
  }
}

result<std::size_t> migrate(database& db, std::span<const migration> steps) {
  auto current = is_current(db, steps);
  if (!current)
    return current.error();
  if (*current)
    return std::size_t{0};
  std::size_t count = 0;
  for (const auto& step : steps) {
    try {
      transaction tx(db);
      // Everything is read again inside: another process may be migrating at the same time.
      if (db.kind() == dialect::postgresql) {
        int ignored = 0;
        db.session() << "SELECT 1 FROM (SELECT pg_advisory_xact_lock(7461646)) AS l",
            soci::into(ignored);
      }
      db.session() << "CREATE TABLE IF NOT EXISTS schema_migrations(version INTEGER PRIMARY KEY, "
                      "name TEXT NOT NULL, checksum TEXT NOT NULL, "
                      "applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)";
      const auto applied = load_applied(db);
      if (auto same = compare(applied, steps); !same)
        return same.error();
      if (applied.contains(step.version))
        continue;
      apply(db, step);
      tx.commit();
      ++count;
    } catch (const std::exception& e) {
      db.forget_prepared();
      return failure{errc::unavailable, fmt::format("migration {} ({}) failed and was undone: {}",
                                                    step.version, step.name, e.what())};
    }
  }
  return count;
}

} // namespace tiketi::sql
