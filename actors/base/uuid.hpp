#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tiketi {

class environment;

/// 128-bit identifier, RFC 4122 byte order.
struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const uuid&, const uuid&) = default;

  bool is_nil() const noexcept { return *this == uuid{}; }
};

/// Reads the canonical 36-character form, upper or lower case; anything else gives nothing.
std::optional<uuid> parse_uuid(std::string_view text);

/// Canonical form, lower case.
std::string to_string(const uuid& id);

/// Random (version 4).
uuid make_uuid(environment& env);

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, uuid& x) {
  return f(x.bytes);
}

/// A uuid that cannot be mistaken for one of another kind.
template <class Tag>
struct basic_id {
  uuid value;

  friend auto operator<=>(const basic_id&, const basic_id&) = default;

  bool is_nil() const noexcept { return value.is_nil(); }
};

template <class Tag>
std::string to_string(const basic_id<Tag>& id) {
  return to_string(id.value);
}

/// `parse_id<seat_id>(text)`: as `parse_uuid`.
template <class Id>
std::optional<Id> parse_id(std::string_view text) {
  if (auto value = parse_uuid(text))
    return Id{*value};
  return std::nullopt;
}

template <class Inspector, class Tag>
typename Inspector::result_type inspect(Inspector& f, basic_id<Tag>& x) {
  return f(x.value.bytes);
}

} // namespace tiketi

template <>
struct std::hash<tiketi::uuid> {
  std::size_t operator()(const tiketi::uuid& x) const noexcept {
    // Ids may come from a client, so the halves are mixed (splitmix64) instead of cut out.
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::memcpy(&a, x.bytes.data(), 8);
    std::memcpy(&b, x.bytes.data() + 8, 8);
    std::uint64_t h = a ^ (b * 0x9e3779b97f4a7c15ULL);
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<std::size_t>(h ^ (h >> 31));
  }
};

template <class Tag>
struct std::hash<tiketi::basic_id<Tag>> {
  std::size_t operator()(const tiketi::basic_id<Tag>& x) const noexcept {
    return std::hash<tiketi::uuid>{}(x.value);
  }
};
