#include "actors/base/environment.hpp"
#include "actors/payment/payment.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::payment {
namespace {

using namespace std::chrono_literals;
using enum payment_status;

constexpr time_point now = from_millis(1'771'754'400'000);

std::unique_ptr<environment> env() {
  return make_seeded_environment(7, [] { return now; });
}

payment_view fresh() {
  auto e = env();
  return new_payment(make_fresh_ids(*e), {}, {}, {}, 50'000, now);
}

struct step {
  std::string name;
  std::function<result<payment_view>(payment_view)> run;
  std::map<payment_status, payment_status> allowed;
};

const std::vector<step>& steps() {
  static const std::vector<step> all{
      {"start_capture",
       [](payment_view p) {
         return start_capture(p, {"key", "toss", "demo", true}, now + 1s);
       },
       {{pending, capturing}}},
      {"approve",
       [](payment_view p) { return approve(p, now, "DONE", now + 1s); },
       {{capturing, captured}}},
      {"fail",
       [](payment_view p) { return fail(p, "declined", now + 1s); },
       {{pending, failed}, {capturing, failed}}},
      {"resolve", [](payment_view p) { return resolve(p, now + 1s); }, {{captured, captured}}},
      {"start_refund",
       [](payment_view p) { return start_refund(p, "late", now + 1s); },
       {{captured, refunding}}},
      {"finish_refund",
       [](payment_view p) { return finish_refund(p, now + 1s); },
       {{refunding, refunded}}},
  };
  return all;
}

TEST(payment_machine_test, every_step_from_every_state) {
  for (const auto from : {pending, capturing, captured, failed, refunding, refunded}) {
    for (const auto& s : steps()) {
      auto p = fresh();
      p.status = from;
      p.version = 5;
      const auto next = s.run(p);
      const auto expected = s.allowed.find(from);
      if (expected == s.allowed.end()) {
        ASSERT_FALSE(next) << s.name << " from " << to_string(from);
        EXPECT_EQ(next.error().code, errc::conflict);
        continue;
      }
      ASSERT_TRUE(next) << s.name << " from " << to_string(from);
      EXPECT_EQ(next->status, expected->second) << s.name;
      EXPECT_EQ(next->version, 6u) << s.name;
      EXPECT_EQ(next->updated_at, now + 1s) << s.name;
      EXPECT_EQ(next->id, p.id);
      EXPECT_EQ(next->amount, p.amount);
      EXPECT_EQ(next->confirm_message, p.confirm_message);
    }
  }
}

TEST(payment_machine_test, what_each_step_records) {
  auto p = start_capture(fresh(), {"key", "card", "demo", true}, now).value();
  EXPECT_EQ(p.payment_key, "key");
  EXPECT_EQ(p.method, "card");
  EXPECT_EQ(p.provider, "demo");
  EXPECT_TRUE(p.demo);
  EXPECT_EQ(fail(p, "no money", now)->failure_text, "no money");
  p = approve(p, now + 2s, "DONE", now).value();
  EXPECT_EQ(p.approved_at, now + 2s);
  EXPECT_EQ(p.provider_status, "DONE");
  EXPECT_TRUE(resolve(p, now)->resolved);
  p = start_refund(p, "expired", now).value();
  EXPECT_EQ(p.refund_reason, "expired");
  EXPECT_EQ(p.refund_amount, 0);
  p = finish_refund(p, now + 3s).value();
  EXPECT_EQ(p.refund_amount, 50'000);
  EXPECT_EQ(p.refunded_at, now + 3s);
}

TEST(payment_machine_test, events_carry_the_stored_payment_and_always_the_same_id) {
  auto e = env();
  const auto reservation = reservation_id{make_uuid(*e)};
  const auto event = event_id{make_uuid(*e)};
  const auto user = user_id{make_uuid(*e)};
  auto p = new_payment(make_fresh_ids(*e), reservation, event, user, 70'000, now);
  p = start_capture(p, {{}, "kakao_pay", "demo", true}, now).value();
  p = approve(p, now, "DONE", now).value();
  const auto confirmed = confirmed_event(p, now);
  EXPECT_EQ(confirmed.id, p.confirm_message);
  EXPECT_EQ(confirmed_event(p, now + 5s).id, confirmed.id);
  EXPECT_EQ(confirmed.topic, "payment-events");
  EXPECT_EQ(confirmed.key, to_string(reservation));
  EXPECT_EQ(confirmed.type, "PAYMENT_CONFIRMED");
  const auto body = nlohmann::json::parse(confirmed.payload);
  EXPECT_EQ(body["paymentId"], to_string(p.id));
  EXPECT_EQ(body["orderId"], p.order_id);
  EXPECT_EQ(body["userId"], to_string(user));
  EXPECT_EQ(body["reservationId"], to_string(reservation));
  EXPECT_EQ(body["eventId"], to_string(event));
  EXPECT_TRUE(body["referenceId"].is_null());
  EXPECT_EQ(body["paymentType"], "reservation");
  EXPECT_EQ(body["amount"], 70'000);
  EXPECT_EQ(body["paymentMethod"], "kakao_pay");
  EXPECT_EQ(body["timestamp"], "2026-02-22T10:00:00.000Z");
  p = finish_refund(start_refund(p, "user-request", now).value(), now).value();
  const auto refunded_ = refunded_event(p, now);
  EXPECT_EQ(refunded_.id, p.refund_message);
  EXPECT_NE(refunded_.id, confirmed.id);
  EXPECT_EQ(refunded_.type, "PAYMENT_REFUNDED");
  EXPECT_EQ(nlohmann::json::parse(refunded_.payload)["reason"], "user-request");
  EXPECT_EQ(nlohmann::json::parse(refunded_.payload)["amount"], 70'000);
}

TEST(payment_machine_test, a_declined_payment_is_told_under_the_id_that_its_confirmation_had) {
  auto e = env();
  auto p = new_payment(make_fresh_ids(*e), reservation_id{make_uuid(*e)}, event_id{make_uuid(*e)},
                       user_id{make_uuid(*e)}, 70'000, now);
  p = start_capture(p, {{}, "card", "bank", false}, now).value();
  p = fail(p, "not enough money", now).value();
  const auto failed = failed_event(p, now);
  EXPECT_EQ(failed.id, p.confirm_message);
  EXPECT_EQ(failed.type, "PAYMENT_FAILED");
  const auto body = nlohmann::json::parse(failed.payload);
  EXPECT_EQ(body["paymentMethod"], "card");
  EXPECT_EQ(body["amount"], 70'000);
  EXPECT_EQ(body["reason"], "not enough money");
}

TEST(payment_machine_test, order_ids_have_their_form_and_differ) {
  auto e = env();
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto ids = make_fresh_ids(*e);
    ASSERT_EQ(ids.order_id.size(), 4u + 13u + 1u + 8u);
    ASSERT_EQ(ids.order_id.substr(0, 18), "ORD_1771754400000_");
    ASSERT_EQ(ids.order_id.find_first_not_of("0123456789ABCDEF", 18), std::string::npos);
    ASSERT_TRUE(seen.insert(ids.order_id).second);
  }
}

} // namespace
} // namespace tiketi::payment
