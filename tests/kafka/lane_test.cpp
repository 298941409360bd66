#include "net/kafka/lane.hpp"

#include <random>

#include <gtest/gtest.h>

namespace tiketi::kafka {
namespace {

using namespace std::chrono_literals;

constexpr time_point t0 = from_millis(1'771'754'400'000);

arrival event_at(std::int64_t offset, const std::string& key, std::int64_t sequence = 1000) {
  arrival a;
  a.raw.topic = "payment-events";
  a.raw.offset = offset;
  a.event.key = key;
  a.event.sequence = sequence;
  return a;
}

TEST(kafka_lane_test, the_offset_to_commit_never_passes_what_is_not_applied) {
  lane x{1, 10, {}};
  EXPECT_EQ(x.next_offset(), 10);
  x.add(event_at(10, "a"));
  x.add(event_at(11, "b"));
  x.add(event_at(13, "c")); // 12 was a transaction's marker
  EXPECT_EQ(x.take(t0, 1s).size(), 3u);
  x.applied(13);
  x.applied(11);
  EXPECT_EQ(x.next_offset(), 10);
  x.applied(10);
  EXPECT_EQ(x.next_offset(), 14);
}

TEST(kafka_lane_test, events_keep_the_sequence_of_their_outbox) {
  lane x{1, 0, {}};
  x.add(event_at(0, "a", 77));
  const auto d = x.take(t0, 1s);
  ASSERT_EQ(d.size(), 1u);
  EXPECT_EQ(d[0].offset, 0);
  EXPECT_EQ(d[0].event.sequence, 77);
}

TEST(kafka_lane_test, who_orders_itself_gets_a_whole_key_at_once) {
  lane x{1, 0, {}, true};
  x.add(event_at(0, "a", 70));
  x.add(event_at(1, "a", 71));
  const auto d = x.take(t0, 1s);
  ASSERT_EQ(d.size(), 2u);
  EXPECT_EQ(d[0].event.sequence, 70);
  EXPECT_EQ(d[1].event.sequence, 71);
  x.applied(1);
  EXPECT_EQ(x.next_offset(), 0);
  x.applied(0);
  EXPECT_EQ(x.next_offset(), 2);
}

TEST(kafka_lane_test, records_read_twice_count_once) {
  lane x{1, 5, {}};
  x.add(event_at(5, "a"));
  x.add(event_at(5, "a"));
  x.add(event_at(4, "a"));
  EXPECT_EQ(x.held(), 1u);
}

TEST(kafka_lane_test, what_is_for_others_is_passed_over) {
  lane x{1, 0, {}};
  auto other = event_at(0, "a");
  other.passed_over = true;
  x.add(std::move(other));
  EXPECT_EQ(x.next_offset(), 1);
  EXPECT_TRUE(x.take(t0, 1s).empty());
}

TEST(kafka_lane_test, a_closed_lane_starts_nothing_and_finishes_what_is_in_flight) {
  lane x{1, 0, {}};
  x.add(event_at(0, "a"));
  x.add(event_at(1, "a"));
  ASSERT_EQ(x.take(t0, 1s).size(), 1u);
  x.close();
  EXPECT_EQ(x.in_flight(), 1u);
  x.applied(0);
  EXPECT_TRUE(x.take(t0, 1s).empty());
  EXPECT_EQ(x.next_offset(), 1);
  EXPECT_EQ(x.in_flight(), 0u);
}

TEST(kafka_lane_test, an_unreadable_record_comes_whole) {
  record r;
  r.topic = "payment-events";
  r.partition = 1;
  r.offset = 3;
  r.key = "k";
  r.value = "no json";
  auto a = read_arrival(r, "stats", {});
  ASSERT_TRUE(a.error);
  lane x{1, 3, {}};
  x.add(std::move(a));
  const auto d = x.take(t0, 1s);
  ASSERT_EQ(d.size(), 1u);
  ASSERT_TRUE(d[0].unreadable);
  EXPECT_EQ(d[0].unreadable->value, "no json");
  EXPECT_EQ(d[0].unreadable->partition, 1);
  EXPECT_FALSE(d[0].why.empty());
}

TEST(kafka_lane_test, types_that_a_consumer_does_not_want_are_passed_over) {
  domain_event e;
  e.id = *parse_uuid("3f2504e0-4f89-41d3-9a0c-0305e82c3301");
  e.type = "B";
  e.occurred_at = t0;
  e.payload = "{}";
  EXPECT_FALSE(read_arrival(to_record(e), "x", {}).passed_over);
  EXPECT_FALSE(read_arrival(to_record(e), "x", {"A", "B"}).passed_over);
  EXPECT_TRUE(read_arrival(to_record(e), "x", {"A"}).passed_over);
}

/// Random calls against the simplest model: a list of what is applied.
TEST(kafka_lane_test, random_calls_keep_order_and_offset) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 chance{seed};
    consumer_options options;
    options.in_flight_max = 1 + chance() % 5;
    lane x{1, 0, options};
    std::map<std::int64_t, std::string> keys;
    std::map<std::int64_t, std::uint32_t> flying;
    std::set<std::int64_t> done;
    std::map<std::string, std::int64_t> last;
    std::int64_t next = 0;
    auto now = t0;
    const auto all = 60;
    for (int step = 0; step < 2000 && done.size() < all; ++step) {
      now += milliseconds{chance() % 20};
      switch (chance() % 4) {
      case 0:
        if (next < all) {
          keys[next] = std::string(1, static_cast<char>('a' + chance() % 4));
          x.add(event_at(next, keys[next]));
          ++next;
        }
        break;
      case 1:
        for (auto& d : x.take(now, 1h)) {
          EXPECT_TRUE(flying.emplace(d.offset, d.attempt).second);
          for (const auto& [offset, key] : keys)
            EXPECT_TRUE(offset >= d.offset || key != d.event.key || done.contains(offset))
                << "seed " << seed << ": " << d.offset << " overtakes " << offset;
        }
        EXPECT_LE(flying.size(), options.in_flight_max);
        break;
      default:
        if (flying.empty())
          break;
        const auto at =
            std::next(flying.begin(), static_cast<std::ptrdiff_t>(chance() % flying.size()));
        if (chance() % 3 == 0) {
          x.failed(at->first, at->second, now + milliseconds{chance() % 50});
        } else {
          x.applied(at->first);
          done.insert(at->first);
        }
        flying.erase(at);
      }
      std::int64_t expected = 0;
      while (done.contains(expected))
        ++expected;
      ASSERT_EQ(x.next_offset(), expected) << "seed " << seed;
    }
    EXPECT_EQ(done.size(), static_cast<std::size_t>(all)) << "seed " << seed;
  }
}

} // namespace
} // namespace tiketi::kafka
