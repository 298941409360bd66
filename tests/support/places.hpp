#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace tiketi::test {

/// A directory of its own under the system's temporary one, removed with everything in it.
class temp_dir {
public:
  temp_dir();
  ~temp_dir();
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

/// A TCP port of the loopback interface that nobody listens on now.
std::uint16_t free_port();

/// The end of a log, for a failure message.
std::string end_of_file(const std::filesystem::path& file, std::size_t bytes = 4000);

} // namespace tiketi::test
