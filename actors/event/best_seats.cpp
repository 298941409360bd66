#include "actors/event/best_seats.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <tuple>

namespace tiketi::ticket {

/// A candidate, with what it is compared by.
struct seat_finder::block {
  std::int32_t singles = std::numeric_limits<std::int32_t>::max();
  std::int32_t accessible = 0;
  std::int64_t price = 0;
  std::int32_t row = 0;
  std::int64_t off_centre = 0; ///< twice the distance, so that it is whole
  std::uint32_t section = 0;
  std::int32_t number = 0;
  std::size_t first = 0; ///< place

  bool is_better_than(const block& other) const {
    return std::tie(singles, accessible, other.price, row, off_centre, section, number)
           < std::tie(other.singles, other.accessible, price, other.row, other.off_centre,
                      other.section, other.number);
  }
};

seat_finder::seat_finder(const std::vector<hall_seat>& seats) {
  std::vector<std::size_t> order(seats.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto by_place = [&](std::size_t a, std::size_t b) {
    return std::tie(seats[a].section, seats[a].row, seats[a].number)
           < std::tie(seats[b].section, seats[b].row, seats[b].number);
  };
  if (!std::is_sorted(order.begin(), order.end(), by_place))
    std::sort(order.begin(), order.end(), by_place);

  places_.reserve(seats.size());
  std::string_view section;
  for (const auto i : order) {
    const auto& s = seats[i];
    if (rows_.empty() || s.section != section || s.row != rows_.back().number) {
      if (rows_.empty() || s.section != section)
        sections_.emplace(s.section, static_cast<std::uint32_t>(sections_.size()));
      section = s.section;
      row next;
      next.section = static_cast<std::uint32_t>(sections_.size() - 1);
      next.number = s.row;
      next.price_min = next.price_max = s.price;
      next.begin = next.end = places_.size();
      rows_.push_back(next);
    }
    auto& r = rows_.back();
    r.price_min = std::min(r.price_min, s.price);
    r.price_max = std::max(r.price_max, s.price);
    ++r.free;
    ++r.end;
    places_.push_back({s.number, true, s.accessible, s.price, i, 0});
  }
  std::sort(rows_.begin(), rows_.end(), [](const row& a, const row& b) {
    return std::tie(b.price_max, a.number, a.section) < std::tie(a.price_max, b.number, b.section);
  });
  place_of_.resize(seats.size());
  for (std::size_t r = 0; r < rows_.size(); ++r)
    for (auto p = rows_[r].begin; p < rows_[r].end; ++p) {
      places_[p].row = static_cast<std::uint32_t>(r);
      place_of_[places_[p].seat] = p;
    }
}

void seat_finder::set_free(std::size_t seat, bool free) {
  auto& p = places_[place_of_[seat]];
  if (p.free == free)
    return;
  p.free = free;
  rows_[p.row].free += free ? 1 : -1;
}

bool seat_finder::has_section(std::string_view name) const {
  return sections_.contains(std::string(name));
}

std::vector<std::size_t> seat_finder::find(const seat_wish& wish) const {
  if (wish.count < 1)
    return {};
  std::uint32_t section = 0;
  if (!wish.section.empty()) {
    const auto found = sections_.find(wish.section);
    if (found == sections_.end())
      return {};
    section = found->second;
  }
  block best;
  for (const auto& r : rows_) {
    // What is to come is no better than this in the first four points.
    const auto price = r.price_max * wish.count;
    if (best.singles == 0 && best.accessible == 0
        && (best.price > price || (best.price == price && best.row < r.number)))
      break;
    if (r.free < wish.count || r.price_min > wish.price_max
        || (!wish.section.empty() && r.section != section))
      continue;
    search(r, wish, best);
  }
  std::vector<std::size_t> out;
  if (best.singles != std::numeric_limits<std::int32_t>::max())
    for (std::int32_t i = 0; i < wish.count; ++i)
      out.push_back(places_[best.first + static_cast<std::size_t>(i)].seat);
  return out;
}

void seat_finder::search(const row& in, const seat_wish& wish, block& best) const {
  const auto n = static_cast<std::size_t>(wish.count);
  const auto ends = std::int64_t{places_[in.begin].number} + places_[in.end - 1].number;
  looked_at_ += in.end - in.begin;
  for (auto begin = in.begin; begin < in.end;) {
    if (!places_[begin].free) {
      ++begin;
      continue;
    }
    auto end = begin + 1;
    while (end < in.end && places_[end].free
           && std::int64_t{places_[end].number} == std::int64_t{places_[end - 1].number} + 1)
      ++end;
    // A window of n seats moves over the run of free seats; what it holds is counted, not summed
    // up again at every step.
    std::size_t unfit = 0;
    block now;
    now.row = in.number;
    now.section = in.section;
    const auto count = [&](const place& p, bool enters) {
      const bool fit = p.price <= wish.price_max && (p.accessible || !wish.accessible);
      unfit += fit ? 0 : enters ? 1 : static_cast<std::size_t>(-1);
      now.price += enters ? p.price : -p.price;
      if (p.accessible && !wish.accessible)
        now.accessible += enters ? 1 : -1;
    };
    for (auto last = begin; last < end; ++last) {
      count(places_[last], true);
      if (last - begin >= n)
        count(places_[last - n], false);
      if (last + 1 < begin + n || unfit > 0)
        continue;
      now.first = last + 1 - n;
      now.singles = (now.first - begin == 1 ? 1 : 0) + (end - last == 2 ? 1 : 0);
      now.number = places_[now.first].number;
      now.off_centre = std::abs(std::int64_t{now.number} + places_[last].number - ends);
      if (now.is_better_than(best))
        best = now;
    }
    begin = end;
  }
}

bool fits(const seat_wish& wish, std::vector<hall_seat> seats) {
  if (seats.empty() || seats.size() != static_cast<std::size_t>(std::max(wish.count, 0)))
    return false;
  std::sort(seats.begin(), seats.end(),
            [](const hall_seat& a, const hall_seat& b) { return a.number < b.number; });
  for (std::size_t i = 0; i < seats.size(); ++i) {
    const auto& s = seats[i];
    if (s.section != seats[0].section || s.row != seats[0].row
        || s.number - seats[0].number != static_cast<std::int32_t>(i) || s.price > wish.price_max
        || (wish.accessible && !s.accessible)
        || (!wish.section.empty() && s.section != wish.section))
      return false;
  }
  return true;
}

} // namespace tiketi::ticket
