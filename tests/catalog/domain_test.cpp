#include "actors/catalog/answer_cache.hpp"
#include "actors/catalog/demo_data.hpp"
#include "actors/catalog/event_changed.hpp"
#include "actors/catalog/layout.hpp"
#include "actors/catalog/name_id.hpp"
#include "actors/catalog/search.hpp"
#include "actors/catalog/status.hpp"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::catalog {
namespace {

constexpr time_point at(std::int64_t ms) {
  return from_millis(ms);
}

// -- status ------------------------------------------------------------------------------------

/// Every order of the four times, with every one of them present or absent.
TEST(event_status_test, is_one_of_four_by_rule_at_every_moment) {
  std::size_t cases = 0;
  for (std::int64_t date = 1; date <= 5; ++date)
    for (std::int64_t start = 0; start <= 5; ++start)
      for (std::int64_t end = 0; end <= 5; ++end)
        for (const bool cancelled : {false, true})
          for (std::int64_t now = 0; now <= 6; ++now) {
            sale_times times{at(date), {}, {}, cancelled};
            if (start > 0)
              times.sale_start = at(start);
            if (end > 0)
              times.sale_end = at(end);
            // The rule in its plainest form, one state after the other.
            event_status expected = event_status::on_sale;
            if (start > 0 && now < start)
              expected = event_status::upcoming;
            if ((end > 0 && now >= end) || now >= date)
              expected = event_status::ended;
            if (cancelled)
              expected = event_status::cancelled;
            ASSERT_EQ(status_at(times, at(now)), expected)
                << date << ' ' << start << ' ' << end << ' ' << cancelled << ' ' << now;
            // The next change is the first later moment with another status.
            std::optional<time_point> change;
            for (auto later = now + 1; later <= 7 && !change; ++later)
              if (status_at(times, at(later)) != expected)
                change = at(later);
            ASSERT_EQ(next_change(times, at(now)), change)
                << date << ' ' << start << ' ' << end << ' ' << cancelled << ' ' << now;
            ++cases;
          }
  EXPECT_EQ(cases, 5u * 6 * 6 * 2 * 7);
}

TEST(event_status_test, words_go_both_ways) {
  for (const auto status : {event_status::upcoming, event_status::on_sale, event_status::ended,
                            event_status::cancelled})
    EXPECT_EQ(parse_status(to_string_view(status)), status);
  EXPECT_FALSE(parse_status("sold_out"));
  EXPECT_FALSE(parse_status(""));
  EXPECT_FALSE(parse_status("ON_SALE"));
}

TEST(pre_sale_schedule_test, tiers_start_hours_apart) {
  const auto s = schedule_from(at(0));
  EXPECT_EQ(to_millis(s.diamond), 0);
  EXPECT_EQ(to_millis(s.gold), 3'600'000);
  EXPECT_EQ(to_millis(s.silver), 24 * 3'600'000);
  EXPECT_EQ(to_millis(s.bronze), 48 * 3'600'000);
}

// -- search ------------------------------------------------------------------------------------

TEST(fold_test, lowers_letters_of_several_scripts_and_keeps_the_rest) {
  EXPECT_EQ(fold("  NeoN\t\tOrchard \n"), "neon orchard");
  EXPECT_EQ(fold("Mira SOLÈNE"), "mira solène");
  EXPECT_EQ(fold("ŻÓŁĆ ÿŸ"), "żółć ÿÿ");
  EXPECT_EQ(fold("ΑΒΓ ДЁЖ"), "αβγ дёж");
  EXPECT_EQ(fold("ＡＢＣ　１２"), "abc 12");
  EXPECT_EQ(fold("은하수역 콘서트"), "은하수역 콘서트");
  EXPECT_EQ(fold("2×3 ÷"), "2×3 ÷");
  EXPECT_EQ(fold("🎸 ROCK"), "🎸 rock");
  EXPECT_EQ(fold(""), "");
  EXPECT_EQ(fold(std::string("a\0b\x01 c", 6)), "a b c");
}

TEST(fold_test, gives_valid_utf8_whatever_comes_in) {
  const std::string bad[] = {
      "\xff",         "a\xc3",    "\xc0\x80",    "\xed\xa0\x80", "\xf4\x90\x80\x80",
      "\xe0\x80\x80", "\x80\x80", "\xf0\x9f\x8e"};
  for (const auto& text : bad) {
    const auto out = fold(text);
    EXPECT_NO_THROW((void)nlohmann::json(out).dump()) << out.size();
    EXPECT_EQ(fold(out), out);
  }
}

TEST(fold_test, is_idempotent_over_all_code_points_of_the_lower_planes) {
  for (char32_t c = 1; c < 0x3000; ++c) {
    std::string text;
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xc0 | c >> 6);
      text += static_cast<char>(0x80 | (c & 0x3f));
    } else {
      text += static_cast<char>(0xe0 | c >> 12);
      text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
      text += static_cast<char>(0x80 | (c & 0x3f));
    }
    const auto once = fold(text);
    ASSERT_EQ(fold(once), once) << static_cast<std::uint32_t>(c);
  }
}

TEST(like_pattern_test, takes_wildcards_and_the_escape_literally) {
  EXPECT_EQ(like_pattern("100%"), "%100\\%%");
  EXPECT_EQ(like_pattern("a_b"), "%a\\_b%");
  EXPECT_EQ(like_pattern("c:\\d"), "%c:\\\\d%");
}

TEST(expand_query_test, exchanges_words_in_both_directions) {
  const std::vector<keyword_mapping> map{{"은하수역", "Milky Way Station", "artist"},
                                         {"콘서트", "Concert", "general"}};
  EXPECT_EQ(expand_query("은하수역 콘서트", map),
            (std::vector<std::string>{"은하수역 콘서트", "milky way station 콘서트",
                                      "은하수역 concert"}));
  EXPECT_EQ(expand_query("milky way station", map),
            (std::vector<std::string>{"milky way station", "은하수역"}));
  EXPECT_EQ(expand_query("jazz", map), std::vector<std::string>{"jazz"});
}

TEST(expand_query_test, latin_words_only_as_a_whole_korean_ones_anywhere) {
  const std::vector<keyword_mapping> map{{"아이유", "IU", "artist"}};
  EXPECT_EQ(expand_query("aquarium", map).size(), 1u);
  EXPECT_EQ(expand_query("iu tour", map), (std::vector<std::string>{"iu tour", "아이유 tour"}));
  EXPECT_EQ(expand_query("radius iu", map),
            (std::vector<std::string>{"radius iu", "radius 아이유"}));
  EXPECT_EQ(expand_query("아이유콘서트", map),
            (std::vector<std::string>{"아이유콘서트", "iu콘서트"}));
}

TEST(expand_query_test, is_bounded) {
  std::vector<keyword_mapping> map;
  for (int i = 0; i < 100; ++i)
    map.push_back({"돔", "dome" + std::to_string(i), "venue"});
  EXPECT_EQ(expand_query("돔", map).size(), query_variants_max);
}

// -- layouts -----------------------------------------------------------------------------------

TEST(layout_test, reads_what_the_contract_says) {
  const auto plan = parse_layout(
      R"({"sections":[{"name":"VIP","rows":3,"seatsPerRow":10,"price":150000},
                      {"name":"R","rows":5,"seatsPerRow":15,"price":100000,"startRow":4}]})");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->total_seats, 105);
  EXPECT_EQ(plan->sections[0].start_row, 1);
  EXPECT_EQ(plan->sections[1].start_row, 4);
  const auto again = parse_layout(to_json(plan->sections));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->total_seats, 105);
}

TEST(layout_test, accessible_seats_are_ranges_of_a_row) {
  const auto plan = parse_layout(
      R"({"sections":[{"name":"A","rows":3,"seatsPerRow":10,"price":1,"startRow":4,
                       "accessible":[{"row":6,"from":9,"to":10},{"row":4,"from":1,"to":2},
                                     {"row":4,"from":5,"to":5}]},
                      {"name":"B","rows":3,"seatsPerRow":10,"price":1,"accessible":null}]})");
  ASSERT_TRUE(plan);
  for (const auto& p : {*plan, *parse_layout(to_json(plan->sections))}) {
    const accessible_index index(p);
    std::vector<std::pair<int, int>> found;
    for (int row = 1; row <= 7; ++row)
      for (int n = 1; n <= 10; ++n) {
        EXPECT_FALSE(index.contains("B", row, n));
        if (index.contains("A", row, n))
          found.emplace_back(row, n);
      }
    EXPECT_EQ(found, (std::vector<std::pair<int, int>>{{4, 1}, {4, 2}, {4, 5}, {6, 9}, {6, 10}}));
  }
}

TEST(layout_test, refuses_everything_else_with_a_reason) {
  const char* bad[] = {
      "", "[]", "{", "{}", R"({"sections":[]})", R"({"sections":{}})", R"({"sections":[1]})",
      R"({"sections":[{"rows":1,"seatsPerRow":1,"price":1}]})",
      R"({"sections":[{"name":"","rows":1,"seatsPerRow":1,"price":1}]})",
      R"({"sections":[{"name":"A","rows":0,"seatsPerRow":1,"price":1}]})",
      R"({"sections":[{"name":"A","rows":-1,"seatsPerRow":1,"price":1}]})",
      R"({"sections":[{"name":"A","rows":1.5,"seatsPerRow":1,"price":1}]})",
      R"({"sections":[{"name":"A","rows":"1","seatsPerRow":1,"price":1}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":18446744073709551615,"price":1}]})",
      R"({"sections":[{"name":"A","rows":1000,"seatsPerRow":101,"price":1}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":1,"price":-1}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":1}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":1,"price":1,"startRow":0}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":9,"price":1,"accessible":true}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":9,"price":1,"accessible":[1]}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":9,"price":1,
                       "accessible":[{"row":2,"from":1,"to":1}]}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":9,"price":1,
                       "accessible":[{"row":1,"from":3,"to":2}]}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":9,"price":1,
                       "accessible":[{"row":1,"from":9,"to":10}]}]})",
      R"({"sections":[{"name":"A","rows":1,"seatsPerRow":9,"price":1,
                       "accessible":[{"row":1,"from":1}]}]})",
      // The rows 3 of both are the same seats.
      R"({"sections":[{"name":"A","rows":3,"seatsPerRow":1,"price":1},
                      {"name":"A","rows":2,"seatsPerRow":1,"price":1,"startRow":3}]})"};
  for (const auto* text : bad) {
    const auto plan = parse_layout(text);
    ASSERT_FALSE(plan) << text;
    EXPECT_EQ(plan.error().code, errc::invalid_request);
    EXPECT_FALSE(plan.error().text.empty());
  }
}

// -- cache -------------------------------------------------------------------------------------

TEST(answer_cache_test, keeps_for_its_time_and_not_longer) {
  answer_cache<int> cache{4};
  cache.put("a", 1, at(10), at(20));
  ASSERT_TRUE(cache.find("a", at(10)));
  EXPECT_EQ(*cache.find("a", at(19)), 1);
  EXPECT_FALSE(cache.find("a", at(20)));
  EXPECT_EQ(cache.size(), 0u);
  cache.put("b", 1, at(10), at(10));
  EXPECT_FALSE(cache.find("b", at(10))) << "no time at all";
  cache.put("c", 1, at(10), at(20));
  EXPECT_FALSE(cache.find("c", at(9))) << "the clock went back";
}

TEST(answer_cache_test, drops_what_was_not_used_for_longest) {
  answer_cache<int> cache{2};
  cache.put("a", 1, at(0), at(9));
  cache.put("b", 2, at(0), at(9));
  EXPECT_TRUE(cache.find("a", at(1)));
  cache.put("c", 3, at(1), at(9));
  EXPECT_FALSE(cache.find("b", at(1)));
  EXPECT_TRUE(cache.find("a", at(1)));
  cache.put("a", 4, at(1), at(9));
  EXPECT_EQ(*cache.find("a", at(1)), 4);
  EXPECT_EQ(cache.size(), 2u);
  answer_cache<int> none{0};
  none.put("a", 1, at(0), at(9));
  EXPECT_FALSE(none.find("a", at(0)));
}

// -- ids, payload ------------------------------------------------------------------------------

TEST(name_id_test, is_version_5_of_rfc_4122) {
  // The well-known example: the DNS name space and `www.example.com`.
  const auto dns = parse_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_EQ(to_string(name_based_uuid(*dns, "www.example.com")),
            "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(event_changed_test, survives_the_way_through_json) {
  event_changed from;
  from.event.id = event_id{name_based_uuid({}, "event")};
  from.event.title = "밤 \"quoted\"";
  from.event.venue = "Hall";
  from.event.event_date = at(1'771'754'400'123);
  from.event.sale_start = at(1'771'000'000'000);
  from.event.cancelled = true;
  from.event.artist = artist_id{name_based_uuid({}, "artist")};
  from.event.artist_name = "Artist";
  from.layout = layout_row{layout_id{name_based_uuid({}, "layout")}, "hall", "text", 2,
                           to_json({{"A", 1, 2, 500, 1}})};
  from.types.push_back({ticket_type_id{name_based_uuid({}, "type")}, "Standing", {}, 1000, 7});
  const auto to = parse_event_changed(to_json(from));
  ASSERT_TRUE(to) << to.error().text;
  EXPECT_EQ(to->event.id, from.event.id);
  EXPECT_EQ(to->event.title, from.event.title);
  EXPECT_EQ(to->event.address, std::nullopt);
  EXPECT_EQ(to->event.event_date, from.event.event_date);
  EXPECT_EQ(to->event.sale_start, from.event.sale_start);
  EXPECT_EQ(to->event.sale_end, std::nullopt);
  EXPECT_TRUE(to->event.cancelled);
  EXPECT_EQ(to->event.artist, from.event.artist);
  EXPECT_EQ(to->event.artist_name, from.event.artist_name);
  ASSERT_TRUE(to->layout);
  EXPECT_EQ(to->event.layout, from.layout->id);
  EXPECT_EQ(parse_layout(to->layout->config)->total_seats, 2);
  ASSERT_EQ(to->types.size(), 1u);
  EXPECT_EQ(to->types[0].price, 1000);
  EXPECT_EQ(to->types[0].total, 7);
}

TEST(event_changed_test, every_missing_or_wrong_field_is_named) {
  event_changed from;
  from.event.id = event_id{name_based_uuid({}, "event")};
  from.event.title = "t";
  from.event.venue = "v";
  const auto good = nlohmann::json::parse(to_json(from));
  for (const std::string key : {"id", "title", "venue", "eventDate", "cancelled"}) {
    auto bad = good;
    bad["event"].erase(key);
    auto parsed = parse_event_changed(bad.dump());
    ASSERT_FALSE(parsed) << key;
    EXPECT_NE(parsed.error().text.find(key), std::string::npos) << parsed.error().text;
    bad["event"][key] = nlohmann::json::array();
    EXPECT_FALSE(parse_event_changed(bad.dump())) << key;
  }
  for (const auto* text : {"", "null", "[]", "{}", "{\"event\":1,\"ticketTypes\":[]}"})
    EXPECT_FALSE(parse_event_changed(text)) << text;
}

// -- demo data ---------------------------------------------------------------------------------

TEST(demo_data_test, has_what_a_visitor_needs) {
  const auto now = at(1'771'754'400'000);
  const auto data = make_demo_data(now);
  std::size_t on_sale = 0;
  std::size_t standing = 0;
  std::size_t upcoming = 0;
  std::size_t ended = 0;
  std::set<std::int32_t> halls;
  for (const auto& put : data.events) {
    const auto status = status_at(put.event.times(), now);
    upcoming += status == event_status::upcoming;
    ended += status == event_status::ended;
    EXPECT_EQ(put.event.layout.is_nil(), !put.types.empty()) << put.event.title;
    if (status != event_status::on_sale)
      continue;
    ++on_sale;
    standing += put.event.layout.is_nil();
    EXPECT_LE(*put.event.sale_start, now - std::chrono::hours{9});
    EXPECT_GE(*put.event.sale_end, now + std::chrono::days{7});
    for (const auto& layout : data.layouts)
      if (layout.layout.id == put.event.layout)
        halls.insert(parse_layout(layout.layout.config)->total_seats);
  }
  EXPECT_GE(on_sale, 12u);
  EXPECT_GE(standing, 3u);
  EXPECT_GE(upcoming, 3u);
  EXPECT_EQ(ended, 1u);
  EXPECT_EQ(halls, (std::set<std::int32_t>{500, 1250, 4900, 20'000}));
}

/// Browser tests of the web client look for other texts with these letters.
TEST(demo_data_test, avoids_the_letters_that_browser_tests_look_for) {
  const auto data = make_demo_data(at(1'771'754'400'000));
  auto check = [](const std::optional<std::string>& text) {
    if (!text)
      return;
    EXPECT_EQ(fold(*text).find("urr"), std::string::npos) << *text;
    EXPECT_EQ(text->find("공지사항"), std::string::npos) << *text;
  };
  for (const auto& [a] : data.artists) {
    check(a.name);
    check(a.description);
  }
  for (const auto& [l] : data.layouts) {
    check(l.name);
    check(l.description);
  }
  for (const auto& put : data.events) {
    check(put.event.title);
    check(put.event.description);
    check(put.event.venue);
    check(put.event.address);
    for (const auto& type : put.types) {
      check(type.name);
      check(type.description);
    }
  }
}

TEST(demo_data_test, ids_are_the_same_at_every_start_and_unique) {
  const auto a = make_demo_data(at(1'771'754'400'000));
  const auto b = make_demo_data(at(1'791'754'400'000));
  ASSERT_EQ(a.events.size(), b.events.size());
  std::set<event_id> ids;
  for (std::size_t i = 0; i < a.events.size(); ++i) {
    EXPECT_EQ(a.events[i].event.id, b.events[i].event.id);
    ids.insert(a.events[i].event.id);
  }
  EXPECT_EQ(ids.size(), a.events.size());
}

} // namespace
} // namespace tiketi::catalog
