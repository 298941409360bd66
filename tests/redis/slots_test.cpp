#include "net/redis/slots.hpp"

#include <gtest/gtest.h>

namespace tiketi::net {
namespace {

using redis::reply;

reply number(std::int64_t n) {
  reply out;
  out.what = reply::kind::integer;
  out.integer = n;
  return out;
}

reply text(std::string t) {
  reply out;
  out.what = reply::kind::text;
  out.text = std::move(t);
  return out;
}

reply list(std::vector<reply> items) {
  reply out;
  out.what = reply::kind::list;
  out.items = std::move(items);
  return out;
}

reply range(std::int64_t first, std::int64_t last, reply host, std::int64_t port) {
  return list({number(first), number(last), list({std::move(host), number(port), text("id")}),
               list({text("replica"), number(1), text("id")})});
}

std::vector<slot_range> ranges(const std::vector<reply>& items) {
  auto out = parse_slots(list(items), "seed");
  EXPECT_TRUE(out.has_value());
  return out.value_or(std::vector<slot_range>{});
}

TEST(redis_slots_test, the_checksum_is_that_of_the_published_vectors) {
  EXPECT_EQ(crc16("123456789"), 0x31C3);
  EXPECT_EQ(crc16(""), 0);
  EXPECT_EQ(crc16(std::string(1, '\0')), 0);
  EXPECT_EQ(crc16("\xff"), 0x1EF0); // high bytes are not negative
}

TEST(redis_slots_test, keys_are_where_redis_has_them) {
  // Of CLUSTER KEYSLOT.
  EXPECT_EQ(key_slot("123456789"), 12'739);
  EXPECT_EQ(key_slot("foo"), 12'182);
  EXPECT_EQ(key_slot("bar"), 5'061);
  EXPECT_EQ(key_slot(""), 0);
  // Of the specification: what is between the first brace and the first one that closes it.
  EXPECT_EQ(key_slot("{user1000}.following"), key_slot("user1000"));
  EXPECT_EQ(key_slot("{user1000}.followers"), key_slot("user1000"));
  EXPECT_EQ(key_slot("foo{}{bar}"), crc16("foo{}{bar}") % 16'384);
  EXPECT_EQ(key_slot("foo{{bar}}zap"), key_slot("{bar"));
  EXPECT_EQ(key_slot("foo{bar}{zap}"), key_slot("bar"));
  EXPECT_EQ(key_slot("foo{bar"), crc16("foo{bar") % 16'384);
  EXPECT_EQ(key_slot("foo}bar{"), crc16("foo}bar{") % 16'384);
}

TEST(redis_slots_test, a_call_goes_by_its_first_key) {
  redis::call c;
  EXPECT_EQ(call_slot(c), std::nullopt);
  c.words = {"PING"};
  EXPECT_EQ(call_slot(c), std::nullopt);
  c.words = {"GET", "bar"};
  EXPECT_EQ(call_slot(c), 5'061);
  const auto script = redis::make_script("s", "return 1");
  c.run = &script;
  EXPECT_EQ(call_slot(c), std::nullopt); // no keys: both are arguments
  c.keys = 1;
  c.words = {"bar", "foo"};
  EXPECT_EQ(call_slot(c), 5'061);
}

TEST(redis_slots_test, redirections_are_understood) {
  const auto moved = parse_redirection("MOVED 3999 127.0.0.1:6381", "asked");
  ASSERT_TRUE(moved.has_value());
  EXPECT_FALSE(moved->ask);
  EXPECT_EQ(moved->to, (redis_address{"127.0.0.1", 6'381}));
  const auto ask = parse_redirection("ASK 0 redis-2.internal:1", "asked");
  ASSERT_TRUE(ask.has_value());
  EXPECT_TRUE(ask->ask);
  EXPECT_EQ(ask->to, (redis_address{"redis-2.internal", 1}));
  EXPECT_EQ(parse_redirection("MOVED 1 :7000", "asked")->to, (redis_address{"asked", 7'000}));
  EXPECT_EQ(parse_redirection("MOVED 1 fe80::1:7000", "asked")->to,
            (redis_address{"fe80::1", 7'000}));
}

TEST(redis_slots_test, nonsense_is_no_redirection) {
  for (const std::string_view nonsense : {"",
                                          "MOVED",
                                          "MOVED ",
                                          "MOVED 1",
                                          "MOVED 1 ",
                                          "MOVED 1 host",
                                          "MOVED 1 host:",
                                          "MOVED 1 host:0",
                                          "MOVED 1 host:65536",
                                          "MOVED 1 host:-1",
                                          "MOVED 1 host:80x",
                                          "MOVED 16384 host:80",
                                          "MOVED -1 host:80",
                                          "MOVED x host:80",
                                          "MOVED 1 ?:80",
                                          "MOVED 1 a b:80",
                                          "MOVED 1 a\n:80",
                                          "moved 1 host:80",
                                          "ASKING 1 host:80",
                                          "ERR MOVED"})
    EXPECT_FALSE(parse_redirection(nonsense, "asked").has_value()) << nonsense;
  EXPECT_FALSE(parse_redirection("MOVED 1 " + std::string(300, 'a') + ":80", "asked").has_value());
}

TEST(redis_slots_test, the_answer_to_cluster_slots_is_understood) {
  const auto out = ranges({range(0, 5, text("a"), 1), range(6, 6, text(""), 2),
                           range(7, 8, reply{}, 3), range(9, 16'383, text("?"), 4)});
  ASSERT_EQ(out.size(), 3u); // nobody can say where the last one is
  EXPECT_EQ(out[0].master, (redis_address{"a", 1}));
  EXPECT_EQ(out[0].last, 5);
  EXPECT_EQ(out[1].master, (redis_address{"seed", 2}));
  EXPECT_EQ(out[2].master, (redis_address{"seed", 3}));
}

TEST(redis_slots_test, other_answers_are_no_table) {
  const auto fails = [](reply r) { return !parse_slots(r, "seed").has_value(); };
  EXPECT_TRUE(fails({}));
  EXPECT_TRUE(fails(text("OK")));
  EXPECT_TRUE(fails(list({text("x")})));
  EXPECT_TRUE(fails(list({list({number(0), number(1)})})));
  EXPECT_TRUE(fails(list({range(5, 4, text("a"), 1)})));
  EXPECT_TRUE(fails(list({range(-1, 4, text("a"), 1)})));
  EXPECT_TRUE(fails(list({range(0, 16'384, text("a"), 1)})));
  EXPECT_TRUE(fails(list({range(0, 1, text("a"), 65'536)})));
  EXPECT_TRUE(fails(list({range(0, 1, text("a b"), 1)})));
  EXPECT_TRUE(fails(list({range(0, 1, number(1), 1)})));
  EXPECT_TRUE(fails(list({list({number(0), number(1), text("a")})})));
  EXPECT_TRUE(fails(list({list({number(0), number(1), list({text("a")})})})));
  std::vector<reply> many;
  for (int i = 0; i < 1'001; ++i)
    many.push_back(range(i, i, text("a"), 1 + i));
  EXPECT_TRUE(fails(list(many)));
  many.pop_back();
  EXPECT_FALSE(fails(list(many)));
}

TEST(redis_slots_test, a_table_knows_who_serves_what) {
  slot_table t;
  EXPECT_EQ(t.owner(0), std::nullopt);
  EXPECT_EQ(t.unserved(), redis_slots);
  t.learn(ranges({range(0, 9, text("a"), 1), range(10, 16'383, text("b"), 1)}));
  EXPECT_EQ(t.unserved(), 0u);
  EXPECT_EQ(t.owner(9), 0u);
  EXPECT_EQ(t.owner(10), 1u);
  EXPECT_EQ(t.owner(16'383), 1u);
  EXPECT_EQ(t.owner(16'384), std::nullopt);
  EXPECT_EQ(t.slots_of(), (std::vector<std::size_t>{10, 16'374}));
}

TEST(redis_slots_test, a_master_without_slots_leaves_and_indexes_stay_true) {
  slot_table t;
  t.learn(ranges(
      {range(0, 9, text("a"), 1), range(10, 99, text("b"), 1), range(100, 16'383, text("c"), 1)}));
  t.learn(ranges(
      {range(0, 9, text("d"), 1), range(10, 99, text("b"), 1), range(100, 16'383, text("c"), 1)}));
  EXPECT_EQ(t.masters(), (std::vector<redis_address>{{"b", 1}, {"c", 1}, {"d", 1}}));
  EXPECT_EQ(t.owner(0), 2u);
  EXPECT_EQ(t.owner(10), 0u);
  EXPECT_EQ(t.owner(100), 1u);
}

TEST(redis_slots_test, a_node_that_forgot_makes_nobody_forget) {
  slot_table t;
  t.learn(ranges({range(0, 9, text("a"), 1), range(10, 16'383, text("b"), 1)}));
  t.learn({});
  EXPECT_EQ(t.owner(9), 0u);
  EXPECT_EQ(t.owner(10), 1u);
  EXPECT_EQ(t.unserved(), redis_slots);
  t.learn(ranges({range(5, 9, text("b"), 1)}));
  EXPECT_EQ(t.owner(4), 0u);
  EXPECT_EQ(t.owner(5), 1u);
  EXPECT_EQ(t.unserved(), redis_slots - 5);
}

} // namespace
} // namespace tiketi::net
