#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tiketi::test {

/// What the program needs to find its databases on the server of this test process.
class server_databases {
public:
  /// `number`: different for each set of the process.
  server_databases(std::string prefix, std::size_t number)
      : prefix_(std::move(prefix)), number_(number) {}

  std::size_t number() const noexcept { return number_; }

  /// Environment variables of the program.
  std::map<std::string, std::string> environment() const;

  std::string name_of(const std::string& role) const { return prefix_ + role; }

  std::vector<std::vector<std::string>> rows(const std::string& role,
                                             const std::string& query) const;

private:
  std::string prefix_;
  std::size_t number_;
};

/// The databases that belong to a data directory: one set for each directory, made with the first
/// call by `tiketi migrate --create`, or copied from those that were. They stay until the process
/// ends.
const server_databases& databases_of(const std::filesystem::path& data);

} // namespace tiketi::test
