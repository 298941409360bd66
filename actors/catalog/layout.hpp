#pragma once

#include "actors/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::catalog {

/// Seats `first` ... `last` of one row, for people in wheelchairs.
struct accessible_seats {
  std::int32_t row = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;
};

/// A block of seats: rows `start_row` ... `start_row + rows - 1`, seats 1 ... `seats_per_row`.
struct layout_section {
  std::string name;
  std::int32_t rows = 0;
  std::int32_t seats_per_row = 0;
  std::int64_t price = 0; ///< won
  std::int32_t start_row = 1;
  std::vector<accessible_seats> accessible{};
};

struct seat_plan {
  std::vector<layout_section> sections;
  std::int32_t total_seats = 0;
};

inline constexpr std::int32_t layout_seats_max = 100'000;
inline constexpr std::size_t layout_sections_max = 200;

inline constexpr std::size_t accessible_ranges_max = 1'000; ///< of one section

/// Reads `{"sections":[{"name","rows","seatsPerRow","price","startRow","accessible"}]}`;
/// `accessible` may be missing and is a list of `{"row","from","to"}`. Fails with invalid_request
/// and a text that names the section: missing or wrong fields, no seats, a seat that would exist
/// twice, accessible seats that do not exist, more than the bounds above.
result<seat_plan> parse_layout(std::string_view json);

/// The other way round.
std::string to_json(const std::vector<layout_section>& sections);

/// Which seats of a plan are accessible. The plan must outlive it.
class accessible_index {
public:
  explicit accessible_index(const seat_plan& plan);

  bool contains(std::string_view section, std::int32_t row, std::int32_t number) const;

private:
  struct entry {
    std::string_view section;
    accessible_seats seats;
  };

  std::vector<entry> entries_; ///< by section and row
};

} // namespace tiketi::catalog
