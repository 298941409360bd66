#include "actors/event/seat_map.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::ticket {
namespace {

std::vector<seat_row> hall(int rows, int per_row) {
  std::vector<seat_row> out;
  for (int r = 1; r <= rows; ++r)
    for (int n = 1; n <= per_row; ++n) {
      seat_row s;
      s.id.value.bytes[0] = static_cast<std::uint8_t>(r);
      s.id.value.bytes[1] = static_cast<std::uint8_t>(n);
      s.section = "A \"front\"";
      s.row = r;
      s.number = n;
      s.label = "A-" + std::to_string(r) + "-" + std::to_string(n);
      s.price = 150'000;
      out.push_back(s);
    }
  return out;
}

event_row event() {
  event_row e;
  e.title = "Night \"of\" 별 \\ stars";
  e.layout_config = R"({"sections":[{"name":"A","rows":1}]})";
  return e;
}

void expect_statuses(const std::string& body, const std::vector<seat_status>& expected) {
  const auto json = nlohmann::json::parse(body);
  ASSERT_EQ(json["seats"].size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ(json["seats"][i]["status"], to_string(expected[i])) << i;
}

TEST(seat_map, has_the_fields_of_the_contract) {
  auto seats = hall(1, 2);
  seats[1].status = seat_status::reserved;
  seat_map map(event(), seats, 1);
  const auto json = nlohmann::ordered_json::parse(*map.publish().body);
  EXPECT_EQ(json["event"]["title"], event().title);
  EXPECT_EQ(json["event"]["id"], to_string(event().id));
  EXPECT_EQ(json["layout"]["sections"][0]["name"], "A");
  std::vector<std::string> fields;
  for (const auto& [key, value] : json["seats"][0].items())
    fields.push_back(key);
  EXPECT_EQ(fields, (std::vector<std::string>{"id", "section", "row_number", "seat_number",
                                              "seat_label", "price", "status"}));
  EXPECT_EQ(json["seats"][0]["status"], "available");
  EXPECT_EQ(json["seats"][1]["status"], "reserved");
  EXPECT_EQ(json["seats"][1]["seat_number"], 2);
  EXPECT_EQ(json["seats"][1]["price"], 150'000);
  EXPECT_EQ(json["seats"][1]["section"], "A \"front\"");
}

TEST(seat_map, standing_and_broken_layouts_are_null) {
  auto e = event();
  e.layout_config.clear();
  EXPECT_TRUE(nlohmann::json::parse(*seat_map(e, {}, 1).publish().body)["layout"].is_null());
  e.layout_config = "{oops";
  e.title = "\xff broken";
  const auto json = nlohmann::json::parse(*seat_map(e, {}, 1).publish().body);
  EXPECT_TRUE(json["layout"].is_null());
  EXPECT_TRUE(json["seats"].empty());
}

TEST(seat_map, a_reader_keeps_what_it_was_given) {
  seat_map map(event(), hall(2, 2), 1);
  const auto first = map.publish();
  const std::string copy = *first.body;
  map.set(3, seat_status::locked);
  const auto second = map.publish();
  EXPECT_EQ(*first.body, copy);
  EXPECT_NE(first.etag, second.etag);
  EXPECT_EQ(second.body->size(), copy.size());
  using enum seat_status;
  expect_statuses(*second.body, {available, available, available, locked});
}

TEST(seat_map, unchanged_is_the_same_object) {
  seat_map map(event(), hall(2, 2), 1);
  const auto first = map.publish();
  map.set(0, seat_status::available);
  map.set(99, seat_status::locked);
  const auto second = map.publish();
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(first.etag, second.etag);
}

TEST(seat_map, tags_differ_between_activations) {
  EXPECT_NE(seat_map(event(), hall(1, 1), 1).publish().etag,
            seat_map(event(), hall(1, 1), 2).publish().etag);
}

TEST(seat_map, without_readers_nothing_is_copied_again) {
  seat_map map(event(), hall(100, 200), 1);
  (void)map.publish();
  for (int i = 0; i < 5'000; ++i) {
    map.set(static_cast<std::size_t>(i), seat_status::locked);
    (void)map.publish();
  }
  EXPECT_EQ(map.copies(), 1U);
}

TEST(seat_map, random_changes_and_slow_readers) {
  std::mt19937 rng(3);
  auto seats = hall(4, 10);
  seat_map map(event(), seats, 1);
  std::vector<seat_status> model(seats.size(), seat_status::available);
  std::vector<std::pair<seat_map_view, std::vector<seat_status>>> readers;
  std::set<std::string> tags;
  for (int step = 0; step < 1'000; ++step) {
    for (auto n = rng() % 20; n-- > 0;) {
      const auto i = rng() % model.size();
      model[i] = static_cast<seat_status>(rng() % 3);
      map.set(i, model[i]);
    }
    if (rng() % 4 != 0)
      continue;
    readers.emplace_back(map.publish(), model);
    tags.insert(readers.back().first.etag);
    while (readers.size() > rng() % 6) {
      const auto i = readers.begin() + static_cast<std::ptrdiff_t>(rng() % readers.size());
      expect_statuses(*i->first.body, i->second);
      readers.erase(i);
    }
  }
  expect_statuses(*map.publish().body, model);
  EXPECT_GT(tags.size(), 100U);
}

TEST(seat_map, bodies_may_be_dropped_by_other_threads) {
  seat_map map(event(), hall(10, 10), 1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    map.set(static_cast<std::size_t>(i), seat_status::reserved);
    threads.emplace_back([view = map.publish(), i] {
      const auto json = nlohmann::json::parse(*view.body);
      EXPECT_EQ(json["seats"][static_cast<std::size_t>(i)]["status"], "reserved");
      EXPECT_EQ(json["seats"][static_cast<std::size_t>(i) + 1]["status"], "available");
    });
  }
  for (auto& t : threads)
    t.join();
}

TEST(seat_map, says_what_changed_since_a_version) {
  seat_map map(event(), hall(10, 20), 7);
  std::mt19937 chance(11);
  std::vector<std::pair<std::string, std::vector<seat_status>>> seen;
  std::vector<seat_status> now(200, seat_status::available);
  for (int step = 0; step < 12'000; ++step) {
    if (step % 40 == 0)
      seen.emplace_back(map.version(), now);
    const auto seat = chance() % 200;
    now[seat] = static_cast<seat_status>(chance() % 3);
    map.set(seat, now[seat]);
  }
  EXPECT_EQ('"' + map.version() + '"', map.publish().etag);
  std::size_t known = 0;
  for (auto& [version, statuses] : seen) {
    const auto changed = map.changed_since(version);
    if (!changed)
      continue;
    ++known;
    EXPECT_TRUE(std::is_sorted(changed->begin(), changed->end()));
    for (const auto i : *changed)
      statuses[i] = map.status(i);
    EXPECT_EQ(statuses, now) << version;
  }
  EXPECT_GE(known, 20U) << "some of the past is kept";
  EXPECT_LT(known, seen.size()) << "and not all of it";
  EXPECT_EQ(map.changed_since(map.version())->size(), 0U);
  const seat_map other(event(), hall(10, 20), 8);
  EXPECT_FALSE(other.changed_since(map.version()));
  for (const char* bad : {"", "-", "0000000000000007", "0000000000000007-", "0000000000000007-x",
                          "0000000000000007--1", "0000000000000007-99999999",
                          "0000000000000007-99999999999999999999999", "7-0"})
    EXPECT_FALSE(map.changed_since(bad)) << bad;
}

} // namespace
} // namespace tiketi::ticket
