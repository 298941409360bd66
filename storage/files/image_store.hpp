#pragma once

#include "actors/base/environment.hpp"
#include "storage/image_store.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace tiketi::files {

struct image_store_options {
  std::uint64_t total_bytes_max = 2ULL * 1024 * 1024 * 1024; ///< of all images
};

/// Images as files of one folder, which is made where it does not exist. A file appears under its
/// name whole or not at all; what an earlier run left half written is removed. Fails with
/// unavailable and a text for a person. `env` outlives the store.
result<std::shared_ptr<catalog::image_store>> open_image_store(const std::filesystem::path& folder,
                                                               image_store_options options,
                                                               environment& env);

} // namespace tiketi::files
