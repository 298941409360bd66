#include "actors/remote/address.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <arpa/inet.h>

namespace tiketi::remote {

namespace {

struct range4 {
  std::array<std::uint8_t, 4> base;
  int bits;
};

// IANA IPv4 special-purpose address registry, with multicast and class E.
constexpr range4 closed4[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

bool begins_with(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> base,
                 int bits) {
  for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
    const auto mask = static_cast<std::uint8_t>(bits >= 8 ? 0xff : 0xff << (8 - bits));
    if ((bytes[i] & mask) != (base[i] & mask))
      return false;
  }
  return true;
}

bool is_public4(std::span<const std::uint8_t> bytes) {
  return std::none_of(std::begin(closed4), std::end(closed4),
                      [&](const range4& r) { return begins_with(bytes, r.base, r.bits); });
}

bool is_public6(std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<std::uint8_t, 12> nat64{0, 0x64, 0xff, 0x9b};
  constexpr std::array<std::uint8_t, 2> six_to_four{0x20, 0x02};
  constexpr std::array<std::uint8_t, 1> global{0x20};
  constexpr std::array<std::uint8_t, 3> protocols{0x20, 0x01, 0x00}; // Teredo and others, /23
  constexpr std::array<std::uint8_t, 4> documentation{0x20, 0x01, 0x0d, 0xb8};
  constexpr std::array<std::uint8_t, 3> documentation_too{0x3f, 0xff, 0x00}; // 3fff::/20
  if (begins_with(bytes, mapped, 96) || begins_with(bytes, nat64, 96))
    return is_public4(bytes.subspan(12));
  if (begins_with(bytes, six_to_four, 16))
    return is_public4(bytes.subspan(2, 4));
  return begins_with(bytes, global, 3) && !begins_with(bytes, protocols, 23)
         && !begins_with(bytes, documentation, 32) && !begins_with(bytes, documentation_too, 20);
}

} // namespace

bool is_public_address(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() == 4)
    return is_public4(bytes);
  return bytes.size() == 16 && is_public6(bytes);
}

address_kind kind_of_address(std::string_view text) {
  const std::string ended{text};
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;
  if (::inet_pton(AF_INET, ended.c_str(), bytes.data()) == 1)
    size = 4;
  else if (::inet_pton(AF_INET6, ended.c_str(), bytes.data()) == 1)
    size = 16;
  if (size == 0)
    return address_kind::none;
  return is_public_address(std::span<const std::uint8_t>{bytes}.first(size)) ? address_kind::open
                                                                             : address_kind::inside;
}

} // namespace tiketi::remote
