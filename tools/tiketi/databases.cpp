#include "tools/tiketi/databases.hpp"

#include "storage/sql/cluster_store.hpp"

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tiketi {

namespace {

bool on_server(const config::settings& values) {
  return values.database_kind == "postgresql";
}

/// `data`: null with a server.
sql::database_options options_of(const data_directory* data, std::string_view role,
                                 const config::settings& values) {
  sql::database_options options;
  options.durable =
      values.data_durability == "full" ? sql::durability::full : sql::durability::normal;
  if (!on_server(values)) {
    options.target = data->file(std::string{role} + ".db").string();
    return options;
  }
  options.kind = sql::dialect::postgresql;
  options.target = values.database_name_prefix + std::string{role};
  auto& server = options.server;
  server.host = values.database_host;
  server.port = static_cast<std::uint16_t>(values.database_port);
  server.user = values.database_user_prefix + std::string{role};
  server.password = config::database_password_of(values, role);
  server.tls = values.database_tls;
  server.application = "tiketi/" + std::string{role};
  server.connect_timeout = values.database_connect_timeout;
  server.statement_timeout = values.database_statement_timeout;
  // A node that stands still in a transaction holds up the others, and must not commit when it is
  // somebody else's turn; what remains of the margin is for the commit itself.
  if (values.cluster_enabled)
    server.idle_in_transaction_timeout = values.cluster_margin * 4 / 5;
  server.lock_timeout = values.database_lock_timeout;
  server.network_timeout = values.database_network_timeout;
  return options;
}

sql::database open(const sql::database_options& options) {
  auto opened = sql::database::open(options);
  if (!opened)
    throw std::runtime_error(fmt::format("database '{}' cannot be opened: {}",
                                         sql::place_of(options), opened.error().text));
  return std::move(*opened);
}

void check_names(const config::settings& values) {
  std::string errors;
  config::check_database(values, errors);
  if (!errors.empty())
    throw config::settings_error(errors);
}

} // namespace

sql::database open_database(const data_directory& data, std::string_view role,
                            const config::settings& values) {
  return open(options_of(&data, role, values));
}

sql::database open_reading(const data_directory& data, std::string_view role,
                           const config::settings& values) {
  auto options = options_of(&data, role, values);
  options.server.idle_in_transaction_timeout = sql::server_options{}.idle_in_transaction_timeout;
  return open(options);
}

sql::database open_server_database(std::string_view role, const config::settings& values) {
  if (!on_server(values))
    throw config::settings_error("this needs database.kind = 'postgresql'\n");
  check_names(values);
  return open(options_of(nullptr, role, values));
}

sql::database open_fenced(const data_directory& data, std::string_view role,
                          const config::settings& values, const uuid& process,
                          std::function<bool()> may_write) {
  auto options = options_of(&data, role, values);
  if (may_write) {
    options.may_write = std::move(may_write);
    options.server.application = sql::fenced_session(role, process);
  }
  return open(options);
}

std::optional<sql::database> claim_databases(const data_directory& data,
                                             const config::settings& values,
                                             std::chrono::milliseconds patience) {
  if (!on_server(values))
    return std::nullopt;
  check_names(values);
  auto db = open(options_of(&data, "ticket", values));
  // The sessions of a process that was killed end as soon as the server notices.
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    int got = 0;
    db.session() << (values.cluster_enabled
                         ? "SELECT CAST(pg_try_advisory_lock_shared(7461648) AS INTEGER)"
                         : "SELECT CAST(pg_try_advisory_lock(7461648) AS INTEGER)"),
        soci::into(got);
    if (got != 0)
      return db;
    if (std::chrono::steady_clock::now() >= deadline)
      throw std::runtime_error(
          fmt::format("another tiketi uses the databases '{}...' at {}:{}; {}",
                      values.database_name_prefix, values.database_host, values.database_port,
                      values.cluster_enabled ? "it is no part of a cluster: stop it first"
                                             : "stop it first, or form a cluster"));
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
}

void create_all(const config::settings& values) {
  if (!on_server(values))
    throw config::settings_error("--create needs database.kind = 'postgresql'; the files of "
                                 "SQLite are made by themselves\n");
  check_names(values);
  sql::database_options options;
  options.kind = sql::dialect::postgresql;
  options.target = values.database_admin_database;
  auto& server = options.server;
  server.host = values.database_host;
  server.port = static_cast<std::uint16_t>(values.database_port);
  server.user = values.database_admin_user;
  server.password = values.database_admin_password;
  server.tls = values.database_tls;
  server.application = "tiketi/migrate";
  server.connect_timeout = values.database_connect_timeout;
  server.network_timeout = values.database_network_timeout;
  server.statement_timeout = std::chrono::minutes{5}; // a new database is a copy
  auto db = open(options);
  for (const auto role : database_roles) {
    const auto user = values.database_user_prefix + std::string{role};
    const auto name = values.database_name_prefix + std::string{role};
    try {
      long long known = 0;
      db.session() << "SELECT count(*) FROM pg_roles WHERE rolname = :user", soci::use(user),
          soci::into(known);
      if (known == 0)
        db.session() << "CREATE ROLE " << user
                     << " NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION";
      db.session() << "ALTER ROLE " << user << " LOGIN PASSWORD '"
                   << sql::password_verifier(db, user, config::database_password_of(values, role))
                   << "'";
      db.session() << "SELECT count(*) FROM pg_database WHERE datname = :name", soci::use(name),
          soci::into(known);
      if (known == 0) {
        // Only a superuser may give away what he does not belong to.
        db.session() << "GRANT " << user << " TO CURRENT_USER";
        // Texts are compared byte by byte, as the program does and as SQLite does.
        db.session() << "CREATE DATABASE " << name << " OWNER " << user
                     << " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'";
      }
      db.session() << "REVOKE ALL ON DATABASE " << name << " FROM PUBLIC";
    } catch (const std::exception& e) {
      throw std::runtime_error(fmt::format("database '{}' and its user '{}' cannot be made: {}",
                                           name, user, sql::cause_of(e)));
    }
  }
  // See `sql::fenced_session`. It works without, too.
  try {
    db.session() << "GRANT pg_signal_backend, pg_read_all_stats TO " << values.database_user_prefix
                 << "cluster";
  } catch (const std::exception& e) {
    spdlog::warn("the sessions of nodes that are missed will not be ended: {}", sql::cause_of(e));
  }
}

std::size_t migrate_all(const data_directory& data, const config::settings& values) {
  if (on_server(values))
    check_names(values);
  std::size_t steps = 0;
  for (const auto role : database_roles) {
    auto options = options_of(&data, role, values);
    // A step may have to rewrite a table.
    options.server.statement_timeout = std::chrono::hours{1};
    // The nodes of a cluster start together: one of them migrates, the others wait for it.
    options.server.lock_timeout = std::chrono::hours{1};
    auto db = open(options);
    const auto applied = sql::migrate(db, sql::migrations_of(role));
    if (!applied)
      throw std::runtime_error(
          fmt::format("database '{}': {}", sql::place_of(options), applied.error().text));
    steps += *applied;
  }
  return steps;
}

std::optional<std::int64_t> database_bytes(const data_directory& data,
                                           const config::settings& values) {
  std::int64_t out = 0;
  for (const auto role : database_roles) {
    if (on_server(values)) {
      auto db = sql::database::open(options_of(&data, role, values));
      if (!db)
        return std::nullopt;
      try {
        long long size = 0;
        db->session() << "SELECT pg_database_size(current_database())", soci::into(size);
        out += size;
      } catch (const std::exception&) {
        return std::nullopt;
      }
      continue;
    }
    for (const std::string_view suffix : {".db", ".db-wal"}) {
      std::error_code missing;
      const auto size =
          std::filesystem::file_size(data.file(std::string{role} + std::string{suffix}), missing);
      if (!missing)
        out += static_cast<std::int64_t>(size);
    }
  }
  return out;
}

} // namespace tiketi
