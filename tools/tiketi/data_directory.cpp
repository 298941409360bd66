#include "tools/tiketi/data_directory.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace tiketi {

namespace {

std::string owner_of(int lock) {
  char text[32] = {};
  const auto size = ::pread(lock, text, sizeof text - 1, 0);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "unknown";
}

} // namespace

data_directory::data_directory(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error)
    throw std::runtime_error(
        fmt::format("the data directory '{}' cannot be made: {}", path_.string(), error.message()));
  const auto name = (path_ / "tiketi.lock").string();
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0)
    throw std::runtime_error(fmt::format("the data directory '{}' is not writable: {}",
                                         path_.string(), std::strerror(errno)));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const auto owner = owner_of(lock_);
    ::close(lock_);
    throw std::runtime_error(
        fmt::format("the data directory '{}' is in use by another tiketi (process {}); stop that "
                    "one or choose another directory with --data",
                    path_.string(), owner));
  }
  const auto pid = std::to_string(::getpid());
  if (::ftruncate(lock_, 0) != 0
      || ::pwrite(lock_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const auto* reason = std::strerror(errno);
    ::close(lock_);
    throw std::runtime_error(fmt::format("the lock file '{}' cannot be written: {}", name, reason));
  }
}

data_directory::~data_directory() {
  ::close(lock_);
}

} // namespace tiketi
