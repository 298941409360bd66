#pragma once

#include "actors/event/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tiketi::ticket {

/// A seat as the choice sees it.
struct hall_seat {
  std::string_view section; ///< only read by the constructor of `seat_finder`
  std::int32_t row = 0;
  std::int32_t number = 0;
  std::int64_t price = 0; ///< won
  bool accessible = false;
};

/// Finds the best n adjacent free seats of a hall. Adjacent: the same section and row, consecutive
/// numbers. No clock, no I/O.
///
/// A block fits a wish when each of its seats is free, is in the wished section, costs at most the
/// wished price, and is accessible if that is wished. Of all that fit the best is, in this order,
///
///   1. the one that leaves the fewest single seats: a free seat whose neighbours on both sides are
///      taken, missing or in the block, and that had a free neighbour before;
///   2. the one that takes the fewest accessible seats, unless those are wished;
///   3. the most expensive one: prices are what the organiser says about quality;
///   4. the row with the lowest number: nearest to the stage;
///   5. the one closest to the middle of its row, whose ends are its lowest and highest number;
///   6. the section that comes first by name, then the lowest seat number.
///
/// Two different blocks never compare equal, so the answer is always the same one.
class seat_finder {
public:
  seat_finder() = default;

  /// All seats are free at first. `seats` in any order; no two with the same section, row, number.
  explicit seat_finder(const std::vector<hall_seat>& seats);

  /// `seat` as in the vector given to the constructor.
  void set_free(std::size_t seat, bool free);

  bool is_empty() const noexcept { return places_.empty(); }
  bool has_section(std::string_view name) const;

  /// Seats in ascending number; empty: no block fits. Looks at rows from the best to the worst and
  /// stops where no later row can have a better block; rows without enough free seats cost nothing.
  std::vector<std::size_t> find(const seat_wish& wish) const;

  /// Places looked at by all calls of `find`, for tests and benchmarks.
  std::uint64_t looked_at() const noexcept { return looked_at_; }

private:
  struct place {
    std::int32_t number = 0;
    bool free = true;
    bool accessible = false;
    std::int64_t price = 0;
    std::size_t seat = 0;
    std::uint32_t row = 0; ///< in `rows_`
  };
  struct row {
    std::uint32_t section = 0; ///< by name
    std::int32_t number = 0;
    std::int64_t price_min = 0;
    std::int64_t price_max = 0;
    std::int32_t free = 0;
    std::size_t begin = 0; ///< in `places_`
    std::size_t end = 0;
  };
  struct block;

  void search(const row& in, const seat_wish& wish, block& best) const;

  std::vector<place> places_;         ///< of each row together, by number
  std::vector<row> rows_;             ///< most expensive first, then by row number, then by section
  std::vector<std::size_t> place_of_; ///< of each seat
  std::unordered_map<std::string, std::uint32_t> sections_;
  mutable std::uint64_t looked_at_ = 0;
};

/// True when the seats could be the answer to this wish: as many, in one row side by side, and
/// within section, price and accessibility. What is free does not matter.
bool fits(const seat_wish& wish, std::vector<hall_seat> seats);

} // namespace tiketi::ticket
