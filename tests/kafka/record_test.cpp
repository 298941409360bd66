#include "net/kafka/record.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::kafka {
namespace {

using nlohmann::json;

const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

domain_event sample() {
  domain_event e;
  e.id = *parse_uuid("3f2504e0-4f89-41d3-9a0c-0305e82c3301");
  e.sequence = 42;
  e.topic = "payment-events";
  e.key = "r-1";
  e.type = "PAYMENT_CONFIRMED";
  e.version = 2;
  e.occurred_at = from_millis(1'771'754'400'123);
  e.trace = trace;
  e.payload = R"({"type":"PAYMENT_CONFIRMED","amount":1000,"reason":null})";
  return e;
}

TEST(kafka_record_test, the_value_says_who_it_is_and_keeps_the_payload) {
  const auto r = to_record(sample());
  EXPECT_EQ(r.topic, "payment-events");
  EXPECT_EQ(r.key, "r-1");
  const auto body = json::parse(r.value);
  EXPECT_EQ(body, (json{{"messageId", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"},
                        {"version", 2},
                        {"occurredAt", "2026-02-22T10:00:00.123Z"},
                        {"traceId", "0af7651916cd43dd8448eb211c80319c"},
                        {"type", "PAYMENT_CONFIRMED"},
                        {"amount", 1000},
                        {"reason", nullptr}}));
  ASSERT_NE(r.header("traceparent"), nullptr);
  EXPECT_EQ(*r.header("traceparent"), trace);
}

TEST(kafka_record_test, an_event_comes_back_as_it_was) {
  const auto e = sample();
  const auto back = to_event(to_record(e));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, e.id);
  EXPECT_EQ(back->sequence, e.sequence);
  EXPECT_EQ(back->topic, e.topic);
  EXPECT_EQ(back->key, e.key);
  EXPECT_EQ(back->type, e.type);
  EXPECT_EQ(back->version, e.version);
  EXPECT_EQ(back->occurred_at, e.occurred_at);
  EXPECT_EQ(back->trace, e.trace);
  EXPECT_EQ(json::parse(back->payload)["amount"], 1000);
}

TEST(kafka_record_test, payloads_of_every_shape_stay_json) {
  auto e = sample();
  for (const auto* payload : {"{}", " { } ", "{ \"a\": 1 }", "{\"typeless\":true}",
                              "{\"a\":1,\"type\":\"PAYMENT_CONFIRMED\"}"}) {
    e.payload = payload;
    const auto body = json::parse(to_record(e).value, nullptr, false);
    ASSERT_TRUE(body.is_object()) << payload << " became " << to_record(e).value;
    EXPECT_EQ(body["type"], "PAYMENT_CONFIRMED");
    EXPECT_EQ(body["messageId"], to_string(e.id));
  }
  e.trace = "nonsense";
  EXPECT_TRUE(json::parse(to_record(e).value)["traceId"].is_null());
  EXPECT_EQ(to_record(e).header("traceparent"), nullptr);
}

TEST(kafka_record_test, what_has_no_headers_is_read_from_its_value) {
  auto r = to_record(sample());
  r.headers.clear();
  const auto e = to_event(r);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->id, sample().id);
  EXPECT_EQ(e->type, "PAYMENT_CONFIRMED");
  EXPECT_EQ(e->version, 2u);
  EXPECT_EQ(e->occurred_at, sample().occurred_at);
}

TEST(kafka_record_test, what_does_not_say_who_it_is_cannot_be_read) {
  for (const auto* value : {"", "no json", "[]", "{}", R"({"type":"X"})",
                            R"({"messageId":"3f2504e0-4f89-41d3-9a0c-0305e82c3301"})",
                            R"({"messageId":"00000000-0000-0000-0000-000000000000","type":"X"})",
                            R"({"messageId":7,"type":"X"})"}) {
    record r;
    r.value = value;
    const auto e = to_event(r);
    ASSERT_FALSE(e) << value;
    EXPECT_EQ(e.error().code, errc::invalid_request);
  }
}

TEST(kafka_record_test, a_dead_letter_says_why_and_finds_its_way_back) {
  auto r = to_record(sample());
  r.partition = 2;
  r.offset = 17;
  const auto dead = dead_letter(r, "stats", std::string(5000, 'x'), 8, from_millis(0));
  EXPECT_EQ(dead.topic, "payment-events.dlq");
  EXPECT_EQ(dead.key, r.key);
  EXPECT_EQ(dead.value, r.value);
  EXPECT_EQ(*dead.header("dlq-consumer"), "stats");
  EXPECT_EQ(*dead.header("dlq-partition"), "2");
  EXPECT_EQ(*dead.header("dlq-offset"), "17");
  EXPECT_EQ(*dead.header("dlq-attempts"), "8");
  EXPECT_EQ(dead.header("dlq-reason")->size(), 1000u);

  const auto again = replayed(dead);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->topic, "payment-events");
  EXPECT_EQ(again->value, r.value);
  EXPECT_EQ(again->header("dlq-reason"), nullptr);
  EXPECT_TRUE(is_for(*again, "stats"));
  EXPECT_FALSE(is_for(*again, "ticket"));
  EXPECT_TRUE(is_for(r, "ticket"));
  EXPECT_EQ(to_event(*again)->id, sample().id);

  const auto twice = dead_letter(*again, "stats", "still", 8, from_millis(0));
  EXPECT_EQ(*twice.header("dlq-reason"), "still");
  EXPECT_EQ(twice.header("replay-for"), nullptr);
  EXPECT_FALSE(replayed(r)) << "it is no dead letter";
}

} // namespace
} // namespace tiketi::kafka
