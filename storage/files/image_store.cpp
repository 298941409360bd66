#include "storage/files/image_store.hpp"

#include "actors/base/uuid.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/sha.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tiketi::files {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view unfinished = ".unfinished-";
constexpr std::chrono::minutes abandoned_after{10};
constexpr std::uint64_t image_bytes_max = 64ULL * 1024 * 1024;

/// A file descriptor that is closed at the end.
class descriptor {
public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  bool is_open() const noexcept { return fd_ >= 0; }
  int get() const noexcept { return fd_; }

private:
  int fd_;
};

std::string digest_of(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string out;
  for (const auto byte : digest)
    out += fmt::format("{:02x}", byte);
  return out;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

failure broken(std::string_view what) {
  // The text is for the log: a client must not see where files are.
  spdlog::error("images: {}: {}", what, std::strerror(errno));
  return {errc::unavailable, "Image storage is not available"};
}

class folder_image_store final : public catalog::image_store {
public:
  folder_image_store(int folder, std::uint64_t used, image_store_options options, environment& env)
      : folder_(folder), used_(used), options_(options), env_(env) {}

  result<std::string> put(std::string_view bytes, std::string_view extension) override {
    const auto name = digest_of(bytes) + std::string{extension};
    struct stat known {};
    if (::fstatat(folder_.get(), name.c_str(), &known, AT_SYMLINK_NOFOLLOW) == 0
        && S_ISREG(known.st_mode) && static_cast<std::uint64_t>(known.st_size) == bytes.size())
      return name;
    if (bytes.size() > options_.total_bytes_max - std::min(used_, options_.total_bytes_max))
      return failure{errc::unavailable, "Image storage is full"};
    const auto draft = std::string{unfinished} + to_string(make_uuid(env_));
    {
      const descriptor file{::openat(folder_.get(), draft.c_str(),
                                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
      if (!file.is_open())
        return broken("a file cannot be made");
      if (!write_all(file.get(), bytes) || ::fsync(file.get()) != 0) {
        auto why = broken("a file cannot be written");
        ::unlinkat(folder_.get(), draft.c_str(), 0);
        return why;
      }
    }
    if (::renameat(folder_.get(), draft.c_str(), folder_.get(), name.c_str()) != 0) {
      auto why = broken("a file cannot be named");
      ::unlinkat(folder_.get(), draft.c_str(), 0);
      return why;
    }
    // The name is durable only with the folder.
    if (::fsync(folder_.get()) != 0)
      return broken("the folder cannot be written");
    used_ += bytes.size();
    return name;
  }

  result<std::string> get(const std::string& name) override {
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
      return failure{errc::not_found, "Image not found"};
    const descriptor file{
        ::openat(folder_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
    if (!file.is_open())
      return errno == ENOENT || errno == ELOOP ? failure{errc::not_found, "Image not found"}
                                               : broken("a file cannot be opened");
    struct stat found {};
    if (::fstat(file.get(), &found) != 0)
      return broken("a file cannot be looked at");
    if (!S_ISREG(found.st_mode) || static_cast<std::uint64_t>(found.st_size) > image_bytes_max)
      return failure{errc::not_found, "Image not found"};
    std::string out(static_cast<std::size_t>(found.st_size), '\0');
    std::size_t done = 0;
    while (done < out.size()) {
      const auto n = ::read(file.get(), out.data() + done, out.size() - done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return broken("a file cannot be read");
      done += static_cast<std::size_t>(n);
    }
    return out;
  }

private:
  descriptor folder_;
  std::uint64_t used_;
  image_store_options options_;
  environment& env_;
};

} // namespace

result<std::shared_ptr<catalog::image_store>>
open_image_store(const fs::path& folder, image_store_options options, environment& env) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec)
    return failure{errc::unavailable,
                   fmt::format("folder '{}' cannot be made: {}", folder.string(), ec.message())};
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return failure{errc::unavailable, fmt::format("folder '{}' cannot be opened: {}",
                                                  folder.string(), std::strerror(errno))};
  std::uint64_t used = 0;
  for (fs::directory_iterator at{folder, ec}, end; !ec && at != end; at.increment(ec)) {
    const auto name = at->path().filename().string();
    std::error_code ignored;
    if (name.starts_with(unfinished)) {
      // A young one may be another node's, which is just writing it.
      const auto written = fs::last_write_time(at->path(), ignored);
      if (!ignored && fs::file_time_type::clock::now() - written > abandoned_after)
        fs::remove(at->path(), ignored);
    } else if (at->is_regular_file(ignored))
      used += at->file_size(ignored);
  }
  if (ec) {
    ::close(fd);
    return failure{errc::unavailable,
                   fmt::format("folder '{}' cannot be read: {}", folder.string(), ec.message())};
  }
  return std::shared_ptr<catalog::image_store>{
      std::make_shared<folder_image_store>(fd, used, options, env)};
}

} // namespace tiketi::files
