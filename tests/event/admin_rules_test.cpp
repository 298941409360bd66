#include "actors/event/admin.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tiketi::ticket {
namespace {

reservation_view in_state(reservation_status status, payment_state payment) {
  reservation_view out;
  out.status = status;
  out.payment = payment;
  return out;
}

/// The states a reservation can be in.
struct state {
  reservation_status status;
  payment_state payment;
};

const std::vector<state> states{
    {reservation_status::pending, payment_state::pending},
    {reservation_status::confirmed, payment_state::completed},
    {reservation_status::cancelled, payment_state::pending},
    {reservation_status::cancelled, payment_state::refund_requested},
    {reservation_status::cancelled, payment_state::refunded},
    {reservation_status::expired, payment_state::pending},
};

std::string outcome(const state& s, const std::string& status, const std::string& payment) {
  const auto step = decide_status(in_state(s.status, s.payment), status, payment);
  if (step)
    return *step == status_step::end ? "end" : "nothing";
  return std::string{to_string_view(step.error().code)};
}

TEST(decide_status_test, the_whole_table_of_statuses) {
  const std::vector<std::vector<std::string>> expected{
      // confirmed, cancelled, refunded
      {"conflict", "end", "conflict"},           // pending
      {"nothing", "end", "end"},                 // confirmed
      {"conflict", "nothing", "conflict"},       // cancelled, never paid
      {"conflict", "nothing", "nothing"},        // cancelled, refund under way
      {"conflict", "nothing", "nothing"},        // refunded
      {"conflict", "already_ended", "conflict"}, // expired
  };
  const std::vector<std::string> words{"confirmed", "cancelled", "refunded"};
  for (std::size_t i = 0; i < states.size(); ++i)
    for (std::size_t w = 0; w < words.size(); ++w)
      EXPECT_EQ(outcome(states[i], words[w], ""), expected[i][w]) << i << ' ' << words[w];
}

TEST(decide_status_test, a_payment_status_is_compared_and_never_set) {
  for (const auto& s : states) {
    const bool paid = s.payment == payment_state::completed;
    EXPECT_EQ(outcome(s, "", "completed"), paid ? "nothing" : "conflict");
    EXPECT_EQ(outcome(s, "", "pending"), paid ? "conflict" : "nothing");
    EXPECT_EQ(outcome(s, "", "refunded"), outcome(s, "refunded", ""));
    EXPECT_EQ(outcome(s, "cancelled", "refunded"), outcome(s, "refunded", ""));
    EXPECT_EQ(outcome(s, "confirmed", "refunded"), "invalid_request");
  }
  EXPECT_EQ(outcome(states[1], "confirmed", "completed"), "nothing");
  EXPECT_EQ(outcome(states[0], "confirmed", "completed"), "conflict") << "nobody paid";
  EXPECT_EQ(outcome(states[1], "refunded", "completed"), "invalid_request");
}

TEST(decide_status_test, other_words_and_none_are_refused) {
  for (const auto& s : states) {
    EXPECT_EQ(outcome(s, "", ""), "invalid_request");
    for (const char* word : {"pending", "expired", "CONFIRMED", "sold", " confirmed"})
      EXPECT_EQ(outcome(s, word, ""), "invalid_request") << word;
    for (const char* word : {"refund_requested", "paid", "COMPLETED"})
      EXPECT_EQ(outcome(s, "", word), "invalid_request") << word;
  }
  EXPECT_EQ(decide_status(in_state(reservation_status::pending, payment_state::pending), "", "")
                .error()
                .text,
            "No status fields to update");
}

} // namespace
} // namespace tiketi::ticket
