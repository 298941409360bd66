#include "actors/worker/job.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::worker {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr time_point now = from_millis(1'771'754'400'000);

const std::string show = "0a000000-0000-4000-8000-000000000001";
const std::string buyer = "0b000000-0000-4000-8000-000000000002";
const std::string seat_a = "0c000000-0000-4000-8000-000000000003";
const std::string seat_b = "0c000000-0000-4000-8000-000000000004";

class job_test : public ::testing::Test {
protected:
  std::string token(const std::string& event = show, const std::string& user = buyer,
                    seconds life = 600s) const {
    return tokens.sign({*parse_id<event_id>(event), *parse_id<user_id>(user), now, now + life});
  }

  json seats() const {
    return {{"action", "seat_reserve"},
            {"eventId", show},
            {"userId", buyer},
            {"seatIds", {seat_a, seat_b}},
            {"entryToken", token()}};
  }

  json tickets() const {
    return {{"action", "reservation_create"},
            {"eventId", show},
            {"userId", buyer},
            {"items", {{{"ticketTypeId", seat_a}, {"quantity", 2}}}},
            {"entryToken", token()}};
  }

  static sqs::received_message message(const std::string& body) {
    return {"5fea7756-0ea4-451a-a703-a558b933e274", "r", body, "g", 1, now};
  }

  result<job> read(const json& body, time_point at = now) const {
    return read_job(message(body.dump()), tokens, at, 900s);
  }

  /// Why this is refused; empty: it is not.
  std::string wrong(const json& body) const {
    const auto r = read(body);
    return r ? std::string{} : std::string{to_string_view(r.error().code)} + ": " + r.error().text;
  }

  entry_tokens tokens = *entry_tokens::make("0123456789abcdef0123456789abcdef");
};

TEST_F(job_test, seats_are_asked_of_the_sale_under_the_message_s_own_key) {
  const auto r = read(seats());
  ASSERT_TRUE(r) << r.error().text;
  const auto& want = std::get<ticket::reserve_seats>(*r);
  EXPECT_EQ(to_string(want.event), show);
  EXPECT_EQ(to_string(want.user), buyer);
  ASSERT_EQ(want.seats.size(), 2u);
  EXPECT_EQ(to_string(want.seats[1]), seat_b);
  EXPECT_EQ(want.idempotency_key, "sqs:5fea7756-0ea4-451a-a703-a558b933e274");
  EXPECT_LE(key_of({std::string(500, 'x'), "", "", "", 1, {}}).size(), 64u);
}

TEST_F(job_test, tickets_are_asked_of_the_sale) {
  const auto r = read(tickets());
  ASSERT_TRUE(r) << r.error().text;
  const auto& want = std::get<ticket::reserve_tickets>(*r);
  ASSERT_EQ(want.items.size(), 1u);
  EXPECT_EQ(to_string(want.items[0].type), seat_a);
  EXPECT_EQ(want.items[0].quantity, 2);
  EXPECT_FALSE(want.idempotency_key.empty());
}

TEST_F(job_test, notices_and_unknown_actions_need_nothing_else) {
  EXPECT_TRUE(std::holds_alternative<noted>(*read({{"action", "admitted"}})));
  const auto r = read({{"action", std::string(80, 'z')}});
  ASSERT_TRUE(r);
  EXPECT_EQ(std::get<unknown_action>(*r).name, std::string(50, 'z'));
}

TEST_F(job_test, what_cannot_be_read_says_why) {
  for (const char* text : {"", "{", "[]", "7", "null", "\"seat_reserve\""}) {
    const auto r = read_job(message(text), tokens, now, 900s);
    ASSERT_FALSE(r) << text;
    EXPECT_EQ(r.error().code, errc::malformed_body);
  }
  EXPECT_EQ(wrong(json::object()), "invalid_request: action must be a text");
  EXPECT_EQ(wrong({{"action", 1}}), "invalid_request: action must be a text");
  for (const char* name : {"eventId", "userId"})
    for (const auto& value : {json(), json(7), json("x"), json(show + "0")}) {
      auto body = seats();
      body[name] = value;
      EXPECT_EQ(wrong(body), std::string{"invalid_request: "} + name + " must be a UUID");
      body.erase(name);
      EXPECT_EQ(wrong(body), std::string{"invalid_request: "} + name + " must be a UUID");
    }
  for (const auto& value : {json(), json::array(), json(seat_a), json(json::array_t(51, seat_a))}) {
    auto body = seats();
    body["seatIds"] = value;
    EXPECT_EQ(wrong(body), "invalid_request: seatIds must be a list of 1 to 50 entries");
  }
  auto body = seats();
  body["seatIds"] = {seat_a, "no"};
  EXPECT_EQ(wrong(body), "invalid_request: seatIds must be a UUID");
}

TEST_F(job_test, items_are_checked_each) {
  auto body = tickets();
  body["items"] = json::array();
  EXPECT_EQ(wrong(body), "invalid_request: items must be a list of 1 to 50 entries");
  for (const auto& value :
       {json(), json(0), json(11), json(1.5), json("2"), json(-1), json(std::uint64_t{1} << 40)}) {
    body = tickets();
    body["items"][0]["quantity"] = value;
    EXPECT_EQ(wrong(body), "invalid_request: items: quantity must be a whole number from 1 to 10")
        << value;
  }
  body = tickets();
  body["items"].push_back("x");
  EXPECT_EQ(wrong(body), "invalid_request: items: ticketTypeId must be a UUID");
}

TEST_F(job_test, only_whom_the_queue_admitted_may_reserve) {
  const std::string denied =
      "entry_token_required: entryToken is not valid for this user and event";
  auto body = seats();
  body.erase("entryToken");
  EXPECT_EQ(wrong(body), "invalid_request: entryToken must be a text");
  for (const auto& bad :
       {std::string{}, std::string{"x.y.z"}, token(show, seat_a), token(seat_a, buyer),
        token(show, buyer, -1s),
        entry_tokens::make("another-secret-0123456789abcdef-")
            ->sign({*parse_id<event_id>(show), *parse_id<user_id>(buyer), now, now + 600s})}) {
    body = seats();
    body["entryToken"] = bad;
    EXPECT_EQ(wrong(body), denied) << bad;
    body = tickets();
    body["entryToken"] = bad;
    EXPECT_EQ(wrong(body), denied) << bad;
  }
}

TEST_F(job_test, a_token_has_to_be_valid_when_the_user_asked_and_that_not_long_ago) {
  EXPECT_TRUE(read(seats(), now + 899s)) << "the token has run out meanwhile, in the queue";
  const auto late = read(seats(), now + 901s);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().text, "The message is older than 900 s");
  auto unknown = message(seats().dump());
  unknown.sent_at = time_point{};
  EXPECT_TRUE(read_job(unknown, tokens, now + 599s, 900s));
  EXPECT_FALSE(read_job(unknown, tokens, now + 601s, 900s)) << "not known: now is what counts";
  auto ahead = message(seats().dump());
  ahead.sent_at = now + 300s;
  EXPECT_TRUE(read_job(ahead, tokens, now, 900s)) << "another machine's clock";
}

} // namespace
} // namespace tiketi::worker
