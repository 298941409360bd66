#include "actors/event/best_seats.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace tiketi::ticket {
namespace {

/// A hall with what is free in it.
struct hall {
  std::vector<hall_seat> seats;
  std::vector<bool> free;

  seat_finder finder() const {
    seat_finder out(seats);
    for (std::size_t i = 0; i < seats.size(); ++i)
      out.set_free(i, free[i]);
    return out;
  }

  /// A row of section A from a picture: `.` free, `a` free and accessible, `x` taken, a blank is no
  /// seat.
  hall& add(std::string_view picture, std::int32_t row, std::int64_t price = 100,
            std::string_view section = "A") {
    for (std::size_t i = 0; i < picture.size(); ++i) {
      if (picture[i] == ' ')
        continue;
      seats.push_back({section, row, static_cast<std::int32_t>(i) + 1, price, picture[i] == 'a'});
      free.push_back(picture[i] != 'x');
    }
    return *this;
  }

  /// `A-1-3,4`; empty: nothing fits.
  std::string best(const seat_wish& wish) const { return name(finder().find(wish)); }

  std::string name(const std::vector<std::size_t>& found) const {
    std::string out;
    for (const auto i : found)
      out += (out.empty() ? std::string(seats[i].section) + "-" + std::to_string(seats[i].row) + "-"
                          : std::string(","))
             + std::to_string(seats[i].number);
    return out;
  }
};

// -- what "best" means, rule by rule ------------------------------------------------------------

TEST(best_seats_test, the_middle_of_the_first_row) {
  hall h;
  h.add(".........", 2).add(".........", 1);
  EXPECT_EQ(h.best({.count = 1}), "A-1-5");
  EXPECT_EQ(h.best({.count = 3}), "A-1-4,5,6");
  EXPECT_EQ(h.best({.count = 2}), "A-1-4,5") << "the lower number where both are as central";
  EXPECT_EQ(h.best({.count = 9}), "A-1-1,2,3,4,5,6,7,8,9");
  EXPECT_EQ(h.best({.count = 10}), "");
  EXPECT_EQ(h.best({.count = 0}), "");
  EXPECT_EQ(h.best({.count = -1}), "");
}

TEST(best_seats_test, no_single_seat_is_left_where_there_is_a_choice) {
  EXPECT_EQ(hall{}.add("xx....xx", 1).best({.count = 2}), "A-1-3,4");
  EXPECT_EQ(hall{}.add("x...x", 1).best({.count = 2}), "A-1-2,3") << "there is no choice";
  EXPECT_EQ(hall{}.add("x...x", 1).add("..xxx", 2).best({.count = 2}), "A-2-1,2")
      << "a row further back, at the edge, rather than a single seat";
  EXPECT_EQ(hall{}.add("x...x", 1).add("x...x", 2, 200).best({.count = 2}), "A-2-2,3");
  EXPECT_EQ(hall{}.add("x.x..x", 1).best({.count = 1}), "A-1-2") << "one that is single already";
  EXPECT_EQ(hall{}.add(".....", 1).best({.count = 3}), "A-1-1,2,3") << "none, before two";
  EXPECT_EQ(hall{}.add("...", 1).best({.count = 1}), "A-1-1") << "one is left either way";
}

TEST(best_seats_test, accessible_seats_are_for_those_who_need_them) {
  hall h;
  h.add("aa..aa", 1).add("......", 2);
  EXPECT_EQ(h.best({.count = 2}), "A-1-3,4");
  EXPECT_EQ(h.best({.count = 3}), "A-2-1,2,3");
  EXPECT_EQ(h.best({.count = 2, .accessible = true}), "A-1-1,2");
  EXPECT_EQ(h.best({.count = 3, .accessible = true}), "");
  EXPECT_EQ(hall{}.add("aaaa", 1).best({.count = 2}), "A-1-1,2") << "better than none";
}

TEST(best_seats_test, dearer_is_better_up_to_the_limit) {
  hall h;
  h.add("....", 1, 100, "B").add("....", 9, 300, "C").add("....", 5, 200, "A");
  EXPECT_EQ(h.best({.count = 2}), "C-9-1,2");
  EXPECT_EQ(h.best({.count = 2, .price_max = 299}), "A-5-1,2");
  EXPECT_EQ(h.best({.count = 2, .price_max = 100}), "B-1-1,2");
  EXPECT_EQ(h.best({.count = 2, .price_max = 99}), "");
  EXPECT_EQ(h.best({.count = 2, .section = "A"}), "A-5-1,2");
  EXPECT_EQ(h.best({.count = 2, .section = "A", .price_max = 100}), "");
  EXPECT_EQ(h.best({.count = 2, .section = "D"}), "");
  EXPECT_TRUE(h.finder().has_section("C"));
  EXPECT_FALSE(h.finder().has_section("D"));
}

TEST(best_seats_test, an_aisle_is_a_gap) {
  EXPECT_EQ(hall{}.add(".. ..", 1).best({.count = 3}), "");
  EXPECT_EQ(hall{}.add(".. ...", 1).best({.count = 3}), "A-1-4,5,6");
  EXPECT_EQ(hall{}.add("..x..", 1).best({.count = 3}), "");
  // Rows of two sections are not one row.
  EXPECT_EQ(hall{}.add("..", 1, 100, "A").add("..", 1, 100, "B").best({.count = 3}), "");
  EXPECT_EQ(seat_finder(std::vector<hall_seat>{}).find({.count = 1}), std::vector<std::size_t>{});
}

// -- against the plain reading of the rules -----------------------------------------------------

/// Every block of a hall, judged one by one from the seats alone.
std::vector<std::size_t> brute_force(const hall& h, const seat_wish& wish) {
  std::map<std::tuple<std::string_view, int, int>, std::size_t> at;
  for (std::size_t i = 0; i < h.seats.size(); ++i)
    at[{h.seats[i].section, h.seats[i].row, h.seats[i].number}] = i;
  const auto is_free = [&](const hall_seat& s, int number, const std::set<std::size_t>& but) {
    const auto found = at.find({s.section, s.row, number});
    return found != at.end() && h.free[found->second] && !but.contains(found->second);
  };
  std::vector<std::size_t> best;
  std::tuple<int, int, std::int64_t, int, int, std::string_view, int> best_rank;
  for (const auto& [place, start] : at) {
    const auto& [section, row, number] = place;
    std::vector<std::size_t> block;
    for (int i = 0; i < wish.count; ++i)
      if (const auto found = at.find({section, row, number + i}); found != at.end())
        block.push_back(found->second);
    if (static_cast<int>(block.size()) != wish.count)
      continue;
    bool fit = wish.section.empty() || wish.section == section;
    std::int64_t price = 0;
    int accessible = 0;
    for (const auto i : block) {
      const auto& s = h.seats[i];
      fit = fit && h.free[i] && s.price <= wish.price_max && (s.accessible || !wish.accessible);
      price += s.price;
      accessible += s.accessible && !wish.accessible;
    }
    if (!fit)
      continue;
    // Single seats after this block that were none before, anywhere in the hall.
    const std::set<std::size_t> taken(block.begin(), block.end());
    int singles = 0;
    int lowest = number;
    int highest = number;
    for (std::size_t i = 0; i < h.seats.size(); ++i) {
      const auto& s = h.seats[i];
      if (s.section == section && s.row == row) {
        lowest = std::min(lowest, s.number);
        highest = std::max(highest, s.number);
      }
      if (!h.free[i] || taken.contains(i))
        continue;
      const bool alone = !is_free(s, s.number - 1, taken) && !is_free(s, s.number + 1, taken);
      const bool was_alone = !is_free(s, s.number - 1, {}) && !is_free(s, s.number + 1, {});
      singles += alone && !was_alone;
    }
    const int off = std::abs(2 * number + wish.count - 1 - (lowest + highest));
    const auto rank = std::make_tuple(singles, accessible, -price, row, off, section, number);
    if (best.empty() || rank < best_rank) {
      best = block;
      best_rank = rank;
    }
  }
  return best;
}

TEST(best_seats_test, agrees_with_brute_force_on_small_halls) {
  const char* given = std::getenv("TIKETI_TEST_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "seed " << seed << '\n';
  std::mt19937_64 chance(seed);
  const auto pick = [&](int from, int to) {
    return static_cast<int>(chance() % static_cast<std::uint64_t>(to - from + 1)) + from;
  };
  constexpr std::array<std::string_view, 3> sections{"A", "B", "C"};
  int found = 0;
  int none = 0;
  for (int round = 0; round < 600; ++round) {
    hall h;
    const int dense = pick(1, 9);
    const bool mixed_prices = pick(0, 3) == 0;
    for (const auto section : sections) {
      const int price = pick(1, 3) * 100;
      const int rows = pick(0, 3);
      const int first = pick(1, 3);
      for (int r = first; r < first + rows; ++r) {
        const int width = pick(1, 9);
        for (int n = 1; n <= width; ++n) {
          if (pick(0, 9) == 0)
            continue; // an aisle, or a pillar
          h.seats.push_back(
              {section, r, n, mixed_prices ? pick(1, 3) * 100 : price, pick(0, 4) == 0});
          h.free.push_back(pick(0, 9) < dense);
        }
      }
    }
    // The order they come in must not matter.
    std::shuffle(h.seats.begin(), h.seats.end(), chance);
    auto finder = h.finder();
    for (int question = 0; question < 6; ++question) {
      seat_wish wish;
      wish.count = pick(1, 4);
      if (pick(0, 3) == 0)
        wish.section = sections[static_cast<std::size_t>(pick(0, 2))];
      if (pick(0, 2) == 0)
        wish.price_max = pick(1, 3) * 100;
      wish.accessible = pick(0, 3) == 0;
      const auto expected = brute_force(h, wish);
      const auto answer = finder.find(wish);
      ASSERT_EQ(h.name(answer), h.name(expected)) << "seed " << seed << " round " << round;
      (answer.empty() ? none : found) += 1;
      if (answer.empty())
        continue;
      std::vector<hall_seat> chosen;
      for (const auto i : answer)
        chosen.push_back(h.seats[i]);
      ASSERT_TRUE(fits(wish, chosen));
      // Sold, and sometimes somebody gives one back.
      for (const auto i : answer) {
        h.free[i] = false;
        finder.set_free(i, false);
      }
      const auto back = static_cast<std::size_t>(pick(0, static_cast<int>(h.seats.size()) - 1));
      h.free[back] = true;
      finder.set_free(back, true);
    }
  }
  EXPECT_GT(found, 1'000);
  EXPECT_GT(none, 100);
}

TEST(best_seats_test, what_could_have_been_the_answer) {
  const std::vector<hall_seat> three{
      {"A", 1, 5, 100, true}, {"A", 1, 3, 90, true}, {"A", 1, 4, 100, true}};
  EXPECT_TRUE(fits({.count = 3}, three));
  EXPECT_TRUE(fits({.count = 3, .section = "A", .price_max = 100, .accessible = true}, three));
  EXPECT_FALSE(fits({.count = 2}, three));
  EXPECT_FALSE(fits({.count = 3, .section = "B"}, three));
  EXPECT_FALSE(fits({.count = 3, .price_max = 99}, three));
  auto other = three;
  other[0].accessible = false;
  EXPECT_TRUE(fits({.count = 3}, other));
  EXPECT_FALSE(fits({.count = 3, .accessible = true}, other));
  other = three;
  other[2].number = 6;
  EXPECT_FALSE(fits({.count = 3}, other));
  other = three;
  other[1].row = 2;
  EXPECT_FALSE(fits({.count = 3}, other));
  EXPECT_FALSE(fits({.count = 0}, {}));
}

// -- cost ---------------------------------------------------------------------------------------

/// 400 rows.
hall big_hall(std::size_t width) {
  static constexpr std::array<std::string_view, 4> sections{"A", "B", "C", "D"};
  hall h;
  for (int r = 0; r < 400; ++r)
    h.add(std::string(width, '.'), r / 4 + 1, 100, sections[static_cast<std::size_t>(r) % 4]);
  return h;
}

TEST(best_seats_test, a_big_hall_is_not_read_for_every_question) {
  const auto h = big_hall(50);
  auto finder = h.finder();
  ASSERT_FALSE(finder.find({.count = 4}).empty());
  EXPECT_LE(finder.looked_at(), 4U * 50U) << "the first rows only";
  // All but the last row is sold.
  for (std::size_t i = 0; i + 50 < h.seats.size(); ++i)
    finder.set_free(i, false);
  const auto before = finder.looked_at();
  const auto found = finder.find({.count = 4});
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(h.seats[found[0]].section, "D");
  EXPECT_EQ(finder.looked_at() - before, 50U) << "sold rows cost nothing";
}

TEST(best_seats_test, the_worst_case_reads_each_seat_once) {
  auto h = big_hall(51);
  // Three free seats between taken ones everywhere: each choice of two leaves a single one.
  for (std::size_t i = 0; i < h.seats.size(); ++i)
    h.free[i] = h.seats[i].number % 4 != 0;
  auto finder = h.finder();
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(finder.find({.count = 2}).size(), 2U);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(finder.looked_at(), 20'400U);
  std::cout << "20,400 seats in "
            << std::chrono::duration_cast<std::chrono::microseconds>(took).count() << " us\n";
}

} // namespace
} // namespace tiketi::ticket
