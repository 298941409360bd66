#include "net/http/event_stream.hpp"
#include "tests/streams/listener.hpp"

#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace tiketi::net {
namespace {

using test::sse_reader;

shared_text text(std::string s) {
  return std::make_shared<const std::string>(std::move(s));
}

std::string taken(stream_source& source, bool more = true) {
  std::vector<shared_text> chunks;
  EXPECT_EQ(source.take(chunks), more);
  std::string out;
  for (const auto& c : chunks)
    out += *c;
  return out;
}

TEST(event_stream_test, passes_on_in_order_and_wakes_once) {
  auto s = make_event_stream({});
  int woken = 0;
  EXPECT_EQ(s.sink->push(text("a")), push_result::taken);
  s.source->attach([&] { ++woken; });
  EXPECT_EQ(woken, 1) << "something was there already";
  EXPECT_EQ(s.sink->push(text("b")), push_result::taken);
  EXPECT_EQ(woken, 1) << "it knows, and has not looked yet";
  EXPECT_EQ(taken(*s.source), "ab");
  EXPECT_EQ(taken(*s.source), "");
  s.sink->push(text("c"));
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(taken(*s.source), "c");
}

TEST(event_stream_test, a_listener_over_the_bound_is_given_up) {
  for (const bool by_bytes : {true, false}) {
    auto ticket = std::make_shared<int>(0);
    auto s = make_event_stream(by_bytes ? stream_bounds{100, 10} : stream_bounds{2, 100}, ticket);
    int woken = 0;
    s.source->attach([&] { ++woken; });
    EXPECT_EQ(s.sink->push(text("12345")), push_result::taken);
    EXPECT_EQ(s.sink->push(text("67890")), push_result::taken);
    EXPECT_EQ(ticket.use_count(), 2);
    EXPECT_FALSE(s.source->given_up());
    EXPECT_EQ(s.sink->push(text("x")), push_result::too_slow);
    EXPECT_EQ(woken, 2) << "also while it is busy";
    EXPECT_TRUE(s.source->given_up());
    EXPECT_EQ(ticket.use_count(), 1) << "its place is free at once";
    EXPECT_EQ(s.sink->push(text("x")), push_result::gone);
    EXPECT_FALSE(s.sink->is_open());
    EXPECT_EQ(taken(*s.source, false), "");
  }
}

TEST(event_stream_test, what_was_taken_does_not_count) {
  auto s = make_event_stream({2, 100});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(s.sink->push(text("a")), push_result::taken);
    EXPECT_EQ(s.sink->push(text("b")), push_result::taken);
    EXPECT_EQ(taken(*s.source), "ab");
  }
}

TEST(event_stream_test, a_snapshot_replaces_what_waits_and_has_no_bound) {
  auto s = make_event_stream({2, 10});
  s.sink->push(text("old"));
  EXPECT_EQ(s.sink->restart({text("a long"), text(" snapshot")}), push_result::taken);
  EXPECT_EQ(s.sink->push(text("1")), push_result::taken);
  EXPECT_EQ(s.sink->push(text("2")), push_result::taken);
  EXPECT_EQ(taken(*s.source), "a long snapshot12");
}

TEST(event_stream_test, the_end_comes_after_what_waits) {
  auto s = make_event_stream({});
  int woken = 0;
  s.source->attach([&] { ++woken; });
  s.sink->push(text("last"));
  s.sink->finish();
  EXPECT_FALSE(s.sink->is_open());
  EXPECT_EQ(s.sink->push(text("later")), push_result::gone);
  EXPECT_EQ(taken(*s.source, false), "last");
  // A producer that is gone ends its streams.
  auto other = make_event_stream({});
  other.source->attach([&] { woken += 10; });
  other.sink.reset();
  EXPECT_EQ(woken, 11);
  EXPECT_EQ(taken(*other.source, false), "");
  // Also before anybody listens.
  auto third = make_event_stream({});
  third.sink.reset();
  third.source->attach([&] { woken += 100; });
  EXPECT_EQ(woken, 111);
}

TEST(event_stream_test, a_client_that_left_frees_its_place) {
  auto ticket = std::make_shared<int>(0);
  auto s = make_event_stream({}, ticket);
  auto held = std::make_shared<int>(0);
  s.source->attach([held] {});
  s.sink->push(text("a"));
  s.source.reset();
  EXPECT_EQ(ticket.use_count(), 1);
  EXPECT_EQ(held.use_count(), 1) << "the sink must not keep the connection";
  EXPECT_FALSE(s.sink->is_open());
  EXPECT_EQ(s.sink->push(text("b")), push_result::gone);
  EXPECT_EQ(s.sink->restart({}), push_result::gone);
}

TEST(event_stream_test, two_threads) {
  auto s = make_event_stream({1'000'000, 100'000'000});
  std::atomic<int> woken{0};
  s.source->attach([&] { ++woken; });
  std::thread producer{[&] {
    for (int i = 0; i < 20'000; ++i)
      s.sink->push(text("x"));
    s.sink->finish();
  }};
  std::size_t seen = 0;
  std::vector<shared_text> chunks;
  bool more = true;
  while (more) {
    more = s.source->take(chunks);
    seen += chunks.size();
  }
  producer.join();
  EXPECT_EQ(seen, 20'000U);
  EXPECT_GE(woken.load(), 1);
}

// -- the format ---------------------------------------------------------------------------------

TEST(sse_format_test, is_read_back_as_it_was) {
  sse_reader reader;
  reader.feed(sse_retry(1'500));
  reader.feed(sse_event("seats", "v-1", R"({"a":1})"));
  reader.feed(*sse_heartbeat());
  reader.feed(sse_event("", "", "two\nlines"));
  reader.feed(sse_event("e", "bad\nid: 7", "a\r\nb\rc\n"));
  reader.feed(sse_event("e", "", ""));
  EXPECT_EQ(reader.retry, "1500");
  EXPECT_EQ(reader.comments, 1U);
  EXPECT_EQ(reader.messages, (std::vector<test::sse_message>{{"v-1", "seats", R"({"a":1})"},
                                                             {"", "", "two\nlines"},
                                                             {"", "e", "a\nb\nc\n"},
                                                             {"", "e", ""}}));
}

TEST(sse_format_test, shared_bytes_are_not_copied) {
  const auto data = text(R"({"large":true})");
  auto chunks = sse_event("snapshot", "v", data);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(chunks[1], data);
  sse_reader reader;
  for (const auto& c : chunks)
    reader.feed(*c);
  // Line breaks need a copy; the meaning stays.
  for (const auto& c : sse_event("snapshot", "w", text("{\n}")))
    reader.feed(*c);
  EXPECT_EQ(reader.messages,
            (std::vector<test::sse_message>{{"v", "snapshot", *data}, {"w", "snapshot", "{\n}"}}));
}

} // namespace
} // namespace tiketi::net
