#include "actors/base/environment.hpp"
#include "actors/remote/address.hpp"
#include "actors/webhook/address.hpp"
#include "actors/webhook/payload.hpp"
#include "actors/webhook/rules.hpp"
#include "actors/webhook/signature.hpp"
#include "actors/webhook/verdict.hpp"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::webhook {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr time_point now = from_millis(1'771'754'400'123);

// -- signature ---------------------------------------------------------------------------------

TEST(signature_test, is_the_hmac_of_rfc_4231) {
  EXPECT_EQ(hmac_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_hex(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

TEST(signature_test, names_time_and_every_secret) {
  EXPECT_EQ(signature_of("a", "", now, "{}"), "t=1771754400,v1=" + hmac_hex("a", "1771754400.{}"));
  EXPECT_EQ(signature_of("a", "b", now, "{}"), "t=1771754400,v1=" + hmac_hex("a", "1771754400.{}")
                                                   + ",v1=" + hmac_hex("b", "1771754400.{}"));
}

TEST(signature_test, secrets_are_256_bits_and_differ) {
  const auto env = make_system_environment();
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto secret = make_secret(*env);
    ASSERT_EQ(secret.size(), 6u + 64u);
    EXPECT_TRUE(secret.starts_with("whsec_"));
    EXPECT_EQ(secret.find_first_not_of("0123456789abcdef", 6), std::string::npos);
    EXPECT_TRUE(seen.insert(secret).second);
  }
}

// -- addresses ---------------------------------------------------------------------------------

TEST(public_address_test, what_is_inside_a_network_is_told_apart) {
  using remote::address_kind;
  using remote::kind_of_address;
  for (const char* inside : {"0.0.0.0",
                             "10.0.0.1",
                             "10.255.255.255",
                             "100.64.0.1",
                             "100.127.255.255",
                             "127.0.0.1",
                             "127.255.255.255",
                             "169.254.169.254",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.0.0.8",
                             "192.0.2.1",
                             "192.88.99.1",
                             "192.168.0.1",
                             "198.18.0.1",
                             "198.19.255.255",
                             "198.51.100.7",
                             "203.0.113.9",
                             "224.0.0.1",
                             "239.1.1.1",
                             "240.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.1.2.3",
                             "::127.0.0.1",
                             "64:ff9b::7f00:1",
                             "64:ff9b::a00:1",
                             "64:ff9b:1::1",
                             "100::1",
                             "2001::1",
                             "2001:db8::1",
                             "2002:7f00:1::",
                             "2002:c0a8:101::1",
                             "3fff::1",
                             "fc00::1",
                             "fd12:3456::1",
                             "fe80::1",
                             "febf::1",
                             "fec0::1",
                             "ff02::1",
                             "4000::1"})
    EXPECT_EQ(kind_of_address(inside), address_kind::inside) << inside;
  for (const char* open :
       {"1.1.1.1",         "9.255.255.255",  "11.0.0.1",         "100.63.255.255",
        "100.128.0.1",     "126.1.1.1",      "128.0.0.1",        "169.253.1.1",
        "169.255.0.1",     "172.15.1.1",     "172.32.0.1",       "192.0.1.1",
        "192.167.1.1",     "192.169.0.1",    "198.17.1.1",       "198.20.0.1",
        "223.255.255.254", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:4860:4860::8888",
        "2002:808:808::1", "2600::1",        "2a00:1450::1",     "3ffe::1"})
    EXPECT_EQ(kind_of_address(open), address_kind::open) << open;
  for (const char* none : {"", "host", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::g", "0x7f.0.0.1",
                           "127.1", "fe80::1%eth0"})
    EXPECT_EQ(kind_of_address(none), address_kind::none) << none;
}

TEST(webhook_address_test, only_plain_https_to_the_outside) {
  const address_rules strict;
  for (const char* good :
       {"https://example.com", "https://example.com/", "https://example.com:8443/hook?a=b&c=%20",
        "https://hooks.a-b.example/x/y.z", "https://1.1.1.1/", "https://[2600::1]:444/x",
        "https://example.com?x", "https://localhost.example"})
    EXPECT_EQ(complaint_about(good, strict), "") << good;
  for (const char* bad : {"",
                          "example.com",
                          "http://example.com",
                          "ftp://example.com",
                          "https://",
                          "https:///x",
                          "https://user@example.com",
                          "https://user:pw@example.com/",
                          "https://example.com/#part",
                          "https://example.com/a b",
                          "https://exa mple.com",
                          "https://example.com\\@evil.com",
                          "https://example.com:0/",
                          "https://example.com:65536/",
                          "https://example.com:/",
                          "https://example.com:80x/",
                          "https://.example.com",
                          "https://a..b",
                          "https://-a.com",
                          "https://127.0.0.1/",
                          "https://127.1/",
                          "https://2130706433/",
                          "https://0x7f000001/",
                          "https://0x7f.1/",
                          "https://10.0.0.1",
                          "https://192.168.1.1:8080/x",
                          "https://169.254.169.254/latest/meta-data",
                          "https://[::1]/",
                          "https://[fd00::1]/",
                          "https://[::ffff:127.0.0.1]/",
                          "https://[::1",
                          "https://[x]/",
                          "https://[::1]x/",
                          "https://exämple.com/",
                          "https://example.com/\x7f",
                          "https://example.com/<x>",
                          "HTTPS://example.com"})
    EXPECT_NE(complaint_about(bad, strict), "") << bad;
  EXPECT_NE(complaint_about("https://example.com/" + std::string(2048, 'a'), strict), "");
  EXPECT_EQ(complaint_about("http://example.com", {.http = true}), "");
  EXPECT_NE(complaint_about("http://127.0.0.1", {.http = true}), "");
  EXPECT_EQ(complaint_about("http://127.0.0.1:99/x", {.http = true, .private_addresses = true}),
            "");
  EXPECT_EQ(complaint_about("https://[::1]/", {.private_addresses = true}), "");
}

// -- payload -----------------------------------------------------------------------------------

domain_event reservation_event() {
  domain_event e;
  e.id = *parse_uuid("11111111-2222-4333-8444-555555555555");
  e.topic = "reservation-events";
  e.key = "99999999-2222-4333-8444-555555555555";
  e.type = "RESERVATION_CONFIRMED";
  e.version = 3;
  e.occurred_at = now;
  e.payload = R"({"type":"RESERVATION_CONFIRMED","sagaId":null,
    "reservationId":"99999999-2222-4333-8444-555555555555","userId":"u","email":"a@b.c",
    "eventId":"77777777-2222-4333-8444-555555555555","totalAmount":150000,
    "paymentMethod":"card","paymentId":null,"reason":"my name is Ada","timestamp":"t",
    "seats":[{"seatId":"s","seatLabel":"A-1-1","price":150000}],"tickets":[],"new":1})";
  return e;
}

TEST(payload_test, carries_the_envelope_and_only_listed_fields) {
  const auto m = message_of(reservation_event());
  ASSERT_TRUE(m);
  EXPECT_EQ(to_string(m->about), "77777777-2222-4333-8444-555555555555");
  const auto body = json::parse(m->body);
  EXPECT_EQ(body, (json{{"id", "11111111-2222-4333-8444-555555555555"},
                        {"type", "RESERVATION_CONFIRMED"},
                        {"version", 3},
                        {"occurredAt", "2026-02-22T10:00:00.123Z"},
                        {"key", "99999999-2222-4333-8444-555555555555"},
                        {"data",
                         {{"reservationId", "99999999-2222-4333-8444-555555555555"},
                          {"eventId", "77777777-2222-4333-8444-555555555555"},
                          {"totalAmount", 150000},
                          {"paymentMethod", "card"},
                          {"paymentId", nullptr},
                          {"seats", {{{"seatId", "s"}, {"seatLabel", "A-1-1"}, {"price", 150000}}}},
                          {"tickets", json::array()},
                          {"timestamp", "t"}}}}));
  EXPECT_EQ(message_of(reservation_event())->body, m->body) << "the same bytes with each attempt";
}

TEST(payload_test, no_type_tells_who_somebody_is_or_what_they_wrote) {
  for (const auto& type : known_types()) {
    auto e = reservation_event();
    e.type = type;
    json secrets;
    for (const char* name :
         {"userId", "user", "buyerId", "sellerId", "email", "name", "phone", "address", "reason",
          "refundReason", "paymentKey", "userName", "customer", "comment", "description"})
      secrets[name] = "SECRET";
    e.payload = secrets.dump();
    const auto m = message_of(e);
    ASSERT_TRUE(m) << type;
    EXPECT_EQ(m->body.find("SECRET"), std::string::npos) << type << " " << m->body;
  }
}

TEST(payload_test, what_cannot_be_read_is_refused) {
  auto e = reservation_event();
  for (const char* payload : {"", "[]", "7", "{\"a\":"}) {
    e.payload = payload;
    EXPECT_EQ(message_of(e).error().code, errc::invalid_request);
  }
  e = reservation_event();
  e.type = "POINTS_EARNED";
  EXPECT_EQ(message_of(e).error().code, errc::invalid_request);
  EXPECT_FALSE(is_known_type("PING"));
  EXPECT_TRUE(std::is_sorted(known_types().begin(), known_types().end()));
}

TEST(payload_test, an_event_of_the_catalog_is_about_its_key) {
  auto e = reservation_event();
  e.type = "EVENT_CHANGED";
  e.key = "77777777-2222-4333-8444-555555555555";
  e.payload = R"({"event":{"id":"x"},"layout":{"config":{}},"ticketTypes":[]})";
  const auto m = message_of(e);
  EXPECT_EQ(to_string(m->about), e.key);
  EXPECT_EQ(json::parse(m->body)["data"],
            (json{{"event", {{"id", "x"}}}, {"ticketTypes", json::array()}}));
  e.type = "MEMBERSHIP_ACTIVATED";
  EXPECT_TRUE(message_of(e)->about.is_nil());
}

// -- verdict -----------------------------------------------------------------------------------

remote::http_answer answered(int status, remote::http_headers headers = {}) {
  remote::http_answer a;
  a.status = status;
  a.headers = std::move(headers);
  return a;
}

remote::http_answer failed(remote::http_failure why) {
  remote::http_answer a;
  a.error = why;
  a.text = "connect to 10.1.2.3 port 22: refused";
  return a;
}

const retry_rules rules{
    .attempts_max = 4, .wait_first = 1000ms, .wait_max = 3000ms, .age_max = 100s, .hold = 10'000ms};

TEST(verdict_test, only_2xx_is_success) {
  for (const int status : {200, 201, 202, 204, 299})
    EXPECT_EQ(judge_attempt(answered(status), 1, now, now, rules, 0).what, settlement::delivered);
  for (const int status : {100, 199, 300, 301, 302, 307, 400, 401, 404, 409, 429, 500, 501, 503})
    EXPECT_EQ(judge_attempt(answered(status), 1, now, now, rules, 0).what, settlement::retry)
        << status;
  EXPECT_EQ(judge_attempt(answered(410), 1, now, now, rules, 0).what, settlement::gone);
  using remote::http_failure;
  for (const auto f :
       {http_failure::refused, http_failure::untrusted, http_failure::timed_out, http_failure::lost,
        http_failure::too_large, http_failure::rejected, http_failure::forbidden}) {
    const auto v = judge_attempt(failed(f), 1, now, now, rules, 0);
    EXPECT_EQ(v.what, settlement::retry);
    EXPECT_EQ(v.status, 0);
    EXPECT_EQ(v.error, to_string_view(f)) << "nothing about machines inside";
  }
}

TEST(verdict_test, waits_double_up_to_a_bound_and_half_is_chance) {
  for (std::uint64_t random = 0; random < 2000; random += 7) {
    const auto wait = [&](std::uint32_t attempt) {
      return judge_attempt(answered(500), attempt, now, now, rules, random).retry_at - now;
    };
    EXPECT_GE(wait(1), 500ms);
    EXPECT_LE(wait(1), 1000ms);
    EXPECT_GE(wait(2), 1000ms);
    EXPECT_LE(wait(2), 2000ms);
    EXPECT_GE(wait(3), 1500ms);
    EXPECT_LE(wait(3), 3000ms);
  }
  const auto slow = judge_attempt(answered(429, {{"Retry-After", "30"}}), 1, now, now, rules, 0);
  EXPECT_EQ(slow.retry_at, now + 30s);
}

TEST(verdict_test, too_often_and_too_long_is_dead) {
  EXPECT_EQ(judge_attempt(answered(500), 3, now, now, rules, 0).what, settlement::retry);
  EXPECT_EQ(judge_attempt(answered(500), 4, now, now, rules, 0).what, settlement::dead);
  EXPECT_EQ(judge_attempt(answered(500), 1, now - 100s, now, rules, 0).what, settlement::dead);
  EXPECT_EQ(judge_attempt(answered(503, {{"Retry-After", "101"}}), 1, now, now, rules, 0).what,
            settlement::dead);
  EXPECT_EQ(judge_attempt(answered(200), 99, now - 1000s, now, rules, 0).what,
            settlement::delivered);
}

TEST(verdict_test, an_open_circuit_is_no_attempt) {
  for (std::uint64_t random = 0; random < 20'000; random += 997) {
    const auto v = judge_attempt(failed(remote::http_failure::circuit_open), 4, now - 1000s, now,
                                 rules, random);
    EXPECT_EQ(v.what, settlement::unsent);
    EXPECT_GE(v.retry_at, now + 5s);
    EXPECT_LE(v.retry_at, now + 10s);
  }
}

// -- rules -------------------------------------------------------------------------------------

TEST(webhook_rules_test, wants_its_types_and_its_event) {
  webhook_view w;
  w.types = {"A", "C"};
  const event_id one{*parse_uuid("11111111-2222-4333-8444-555555555555")};
  const event_id two{*parse_uuid("21111111-2222-4333-8444-555555555555")};
  EXPECT_TRUE(wants(w, "A", one));
  EXPECT_TRUE(wants(w, "C", {}));
  EXPECT_FALSE(wants(w, "B", one));
  w.event = one;
  EXPECT_TRUE(wants(w, "A", one));
  EXPECT_FALSE(wants(w, "A", two));
  EXPECT_FALSE(wants(w, "A", {})) << "what does not say which event it is about is for nobody";
}

TEST(webhook_rules_test, over_a_bound_it_is_suspended_and_counts_what_it_misses) {
  webhook_limits limits;
  limits.pending_max = 2;
  limits.dead_max = 1;
  webhook_view w;
  EXPECT_TRUE(accept(w, limits, now));
  EXPECT_TRUE(accept(w, limits, now));
  EXPECT_FALSE(accept(w, limits, now));
  EXPECT_EQ(w.state, webhook_state::suspended);
  EXPECT_EQ(w.state_reason, "2 deliveries wait");
  EXPECT_EQ(w.missed, 1);
  w.pending = 0;
  EXPECT_FALSE(accept(w, limits, now)) << "a gap does not end by itself";
  EXPECT_EQ(w.missed, 2);
  change_webhook again;
  again.active = true;
  apply(w, again, now + 1s);
  EXPECT_EQ(w.state, webhook_state::active);
  EXPECT_EQ(w.missed, 0);
  EXPECT_TRUE(accept(w, limits, now));
  w.dead = 1;
  EXPECT_FALSE(accept(w, limits, now));
  EXPECT_EQ(w.state_reason, "1 deliveries are dead");
}

} // namespace
} // namespace tiketi::webhook
