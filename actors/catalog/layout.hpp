#pragma once

#include "actors/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::catalog {

/// A block of seats: rows `start_row` ... `start_row + rows - 1`, seats 1 ... `seats_per_row`.
struct layout_section {
  std::string name;
  std::int32_t rows = 0;
  std::int32_t seats_per_row = 0;
  std::int64_t price = 0; ///< won
  std::int32_t start_row = 1;
};

struct seat_plan {
  std::vector<layout_section> sections;
  std::int32_t total_seats = 0;
};

inline constexpr std::int32_t layout_seats_max = 100'000;
inline constexpr std::size_t layout_sections_max = 200;

/// Reads `{"sections":[{"name","rows","seatsPerRow","price","startRow"}]}`. Fails with
/// invalid_request and a text that names the section: missing or wrong fields, no seats, a seat
/// that would exist twice, more than the bounds above.
result<seat_plan> parse_layout(std::string_view json);

/// The other way round.
std::string to_json(const std::vector<layout_section>& sections);

} // namespace tiketi::catalog
