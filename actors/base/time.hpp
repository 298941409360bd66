#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiketi {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Wall-clock time, UTC. Databases and events carry it as milliseconds since 1970.
using time_point = std::chrono::sys_time<std::chrono::milliseconds>;

constexpr std::int64_t to_millis(time_point t) noexcept {
  return t.time_since_epoch().count();
}

constexpr time_point from_millis(std::int64_t ms) noexcept {
  return time_point{std::chrono::milliseconds{ms}};
}

/// `2026-02-22T10:00:00.000Z`
std::string to_iso(time_point t);

/// Reads ISO-8601 with `Z` or a numeric offset and up to nine decimals.
std::optional<time_point> parse_iso(std::string_view text);

} // namespace tiketi
