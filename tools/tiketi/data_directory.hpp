#pragma once

#include <filesystem>
#include <string_view>

namespace tiketi {

/// The folder of the database files, made when absent and locked against a second process for as
/// long as this object lives. The lock is the kernel's: it ends with the process, however that
/// ends.
class data_directory {
public:
  /// Throws std::runtime_error with a sentence for a person.
  explicit data_directory(std::filesystem::path path);
  ~data_directory();
  data_directory(const data_directory&) = delete;
  data_directory& operator=(const data_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path file(std::string_view name) const { return path_ / name; }

private:
  std::filesystem::path path_;
  int lock_ = -1;
};

} // namespace tiketi
