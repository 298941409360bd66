#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tiketi::remote {

/// True for 4 (IPv4) or 16 (IPv6) bytes in network order that belong to one machine on the public
/// internet. Private, loopback, link-local, shared, documentation, multicast and reserved ranges do
/// not; nor do IPv6 addresses in which such an IPv4 address is embedded (mapped, NAT64, 6to4).
bool is_public_address(std::span<const std::uint8_t> bytes) noexcept;

enum class address_kind : std::uint8_t { none, inside, open };

/// Of the usual text of an IPv4 or IPv6 address; `none` for any other text.
address_kind kind_of_address(std::string_view text);

} // namespace tiketi::remote
