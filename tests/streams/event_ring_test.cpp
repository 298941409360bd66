#include "net/streams/event_ring.hpp"
#include "net/streams/listener_limits.hpp"

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace tiketi::net {
namespace {

shared_text text(std::string s) {
  return std::make_shared<const std::string>(std::move(s));
}

/// What a listener with `version` gets; `-` where that is not known.
std::string after(const event_ring& ring, std::string_view version) {
  const auto found = ring.after(version);
  if (!found)
    return "-";
  std::string out;
  for (const auto& c : *found)
    out += *c;
  return out;
}

TEST(event_ring_test, gives_what_is_lacking) {
  event_ring ring{10, 1'000};
  EXPECT_EQ(ring.version(), "");
  EXPECT_EQ(after(ring, ""), "-");
  ring.restart("v0");
  EXPECT_EQ(after(ring, "v0"), "");
  ring.push("v1", text("1"));
  ring.push("v2", text("2"));
  ring.push("v5", text("5"));
  EXPECT_EQ(ring.version(), "v5");
  EXPECT_EQ(after(ring, "v0"), "125");
  EXPECT_EQ(after(ring, "v1"), "25");
  EXPECT_EQ(after(ring, "v2"), "5");
  EXPECT_EQ(after(ring, "v5"), "");
  EXPECT_EQ(after(ring, "v3"), "-") << "never told to anybody";
  EXPECT_EQ(after(ring, "v6"), "-");
  EXPECT_EQ(after(ring, ""), "-");
  ring.restart("w0");
  EXPECT_EQ(after(ring, "v5"), "-");
  EXPECT_EQ(after(ring, "w0"), "");
}

TEST(event_ring_test, has_bounds) {
  event_ring by_count{2, 1'000};
  by_count.restart("0");
  for (int i = 1; i <= 5; ++i)
    by_count.push(std::to_string(i), text(std::to_string(i)));
  EXPECT_EQ(by_count.size(), 2U);
  EXPECT_EQ(after(by_count, "3"), "45");
  EXPECT_EQ(after(by_count, "2"), "-");

  event_ring by_bytes{100, 10};
  by_bytes.restart("0");
  by_bytes.push("1", text("aaaa"));
  by_bytes.push("2", text("bbbb"));
  by_bytes.push("3", text("cc"));
  EXPECT_EQ(after(by_bytes, "0"), "aaaabbbbcc");
  by_bytes.push("4", text("d"));
  EXPECT_EQ(after(by_bytes, "0"), "-");
  EXPECT_EQ(after(by_bytes, "1"), "bbbbccd");
  by_bytes.push("5", text("eeeeeeeeeee"));
  EXPECT_EQ(by_bytes.size(), 0U);
  EXPECT_EQ(after(by_bytes, "4"), "-");
  EXPECT_EQ(after(by_bytes, "5"), "");
}

// -- limits -------------------------------------------------------------------------------------

TEST(listener_limits_test, node_event_and_address) {
  prometheus::Registry registry;
  const auto metrics = std::make_shared<stream_metrics>(registry, "seats");
  event_id one;
  one.value.bytes[0] = 1;
  event_id two;
  two.value.bytes[0] = 2;
  auto limits = std::make_unique<listener_limits>(listener_bounds{4, 3, 2});
  std::vector<std::shared_ptr<const void>> tickets;
  const auto enter = [&](const event_id& e, const char* address) {
    auto t = limits->enter(e, address, metrics);
    if (!t)
      return t.error().code;
    tickets.push_back(std::move(*t));
    return errc{};
  };
  EXPECT_EQ(enter(one, "10.0.0.1"), errc{});
  EXPECT_EQ(enter(one, "10.0.0.1"), errc{});
  EXPECT_EQ(enter(one, "10.0.0.1"), errc::rate_limited);
  EXPECT_EQ(enter(one, "10.0.0.2"), errc{});
  EXPECT_EQ(enter(one, "10.0.0.3"), errc::overloaded) << "the event is full";
  EXPECT_EQ(enter(two, "10.0.0.3"), errc{});
  EXPECT_EQ(enter(two, "10.0.0.4"), errc::overloaded) << "the node is full";
  EXPECT_EQ(limits->listeners(), 4U);
  EXPECT_EQ(metrics->listeners.Value(), 4);
  EXPECT_EQ(metrics->refused_address.Value(), 1);
  EXPECT_EQ(metrics->refused_event.Value(), 1);
  EXPECT_EQ(metrics->refused_node.Value(), 1);
  tickets.erase(tickets.begin());
  EXPECT_EQ(limits->listeners(), 3U);
  EXPECT_EQ(enter(one, "10.0.0.1"), errc{});
  // The last streams may end after everything else.
  limits.reset();
  tickets.clear();
  EXPECT_EQ(metrics->listeners.Value(), 0);
}

TEST(listener_limits_test, a_network_of_ipv6_is_one_client) {
  EXPECT_EQ(listener_address("2001:db8:1:2:3:4:5:6"), listener_address("2001:db8:1:2::9"));
  EXPECT_NE(listener_address("2001:db8:1:2::9"), listener_address("2001:db8:1:3::9"));
  EXPECT_NE(listener_address("::ffff:10.0.0.1"), listener_address("::ffff:10.0.0.2"));
  EXPECT_NE(listener_address("10.0.0.1"), listener_address("10.0.0.2"));
  EXPECT_EQ(listener_address("unknown"), "unknown");
}

} // namespace
} // namespace tiketi::net
