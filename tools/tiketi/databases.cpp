#include "tools/tiketi/databases.hpp"

#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace tiketi {

sql::database open_database(const data_directory& data, std::string_view role,
                            const config::settings& values) {
  sql::database_options options;
  options.target = data.file(std::string{role} + ".db").string();
  options.durable =
      values.data_durability == "full" ? sql::durability::full : sql::durability::normal;
  auto opened = sql::database::open(options);
  if (!opened)
    throw std::runtime_error(
        fmt::format("database '{}' cannot be opened: {}", options.target, opened.error().text));
  return std::move(*opened);
}

std::size_t migrate_all(const data_directory& data, const config::settings& values) {
  std::size_t steps = 0;
  for (const auto role : database_roles) {
    auto db = open_database(data, role, values);
    const auto applied = sql::migrate(db, sql::migrations_of(role));
    if (!applied)
      throw std::runtime_error(fmt::format("database '{}': {}",
                                           data.file(std::string{role} + ".db").string(),
                                           applied.error().text));
    steps += *applied;
  }
  return steps;
}

} // namespace tiketi
