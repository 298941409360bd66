#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiketi::cluster {

/// The messages that nodes exchange. Raised when an older node could misunderstand them; nodes one
/// apart must understand each other.
inline constexpr std::uint32_t protocol_version = 1;

struct release {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;

  friend bool operator==(const release&, const release&) = default;
};

/// Reads `1.4.2` or `1.4`; what follows the second number does not matter. Nothing for anything
/// else.
std::optional<release> parse_release(std::string_view text);

struct software {
  std::string version; ///< of the program
  std::uint32_t protocol = protocol_version;
};

/// Why `mine` may not be in one cluster with `theirs` of node `peer`; nothing: it may. Allowed are
/// one minor release of the same major release, and one protocol version, apart.
std::optional<std::string> incompatible(const software& mine, std::string_view peer,
                                        const software& theirs);

} // namespace tiketi::cluster
