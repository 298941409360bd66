#pragma once

#include "actors/base/result.hpp"

#include <string>
#include <string_view>

namespace tiketi::catalog {

/// Images by the digest of their content: what is stored is never changed. Blocks; one thread at a
/// time.
class image_store {
public:
  virtual ~image_store() = default;

  /// Durable when it returns. The name is the SHA-256 of the bytes and `extension`; the same bytes
  /// again are the same image. Fails with unavailable (also when there is no room).
  virtual result<std::string> put(std::string_view bytes, std::string_view extension) = 0;

  /// `name`: as `put` gave it, checked by the caller. Fails with not_found, unavailable.
  virtual result<std::string> get(const std::string& name) = 0;
};

} // namespace tiketi::catalog
