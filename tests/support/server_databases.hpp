#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tiketi::test {

/// TIKETI_TEST_BACKEND=postgresql: the program under test keeps its data on a real server.
bool on_postgresql();

/// What the program needs to find its databases on the server of this test process.
class server_databases {
public:
  explicit server_databases(std::string prefix) : prefix_(std::move(prefix)) {}

  /// Environment variables of the program.
  std::map<std::string, std::string> environment() const;

  std::string name_of(const std::string& role) const { return prefix_ + role; }

  std::vector<std::vector<std::string>> rows(const std::string& role,
                                             const std::string& query) const;

private:
  std::string prefix_;
};

/// The databases that belong to a data directory: one set for each directory, made with the first
/// call by `tiketi migrate --create`, or copied from those that were. They stay until the process
/// ends.
const server_databases& databases_of(const std::filesystem::path& data);

} // namespace tiketi::test
