#include "actors/sqs/protocol.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::sqs {
namespace {

using nlohmann::json;
using remote::http_failure;

queue_access access() {
  return {"https://sqs.ap-northeast-2.amazonaws.com/1/notices.fifo",
          "https://sqs.ap-northeast-2.amazonaws.com",
          "ap-northeast-2",
          "AKIA",
          "secret",
          {}};
}

remote::http_answer answer(int status, const std::string& body) {
  remote::http_answer out;
  out.status = status;
  out.body = body;
  return out;
}

remote::http_answer none(http_failure why) {
  remote::http_answer out;
  out.error = why;
  out.text = "why";
  return out;
}

std::string fault(const std::string& type) {
  return json{{"__type", type}, {"message", "words"}}.dump();
}

TEST(sqs_protocol_test, calls_are_signed_for_the_region_and_go_to_the_endpoint) {
  const auto r = make_request(access(), "SendMessageBatch", "{}");
  EXPECT_EQ(r.method, "POST");
  EXPECT_EQ(r.url, "https://sqs.ap-northeast-2.amazonaws.com/");
  EXPECT_EQ(remote::find_header(r.headers, "x-amz-target"), "AmazonSQS.SendMessageBatch");
  EXPECT_EQ(remote::find_header(r.headers, "content-type"), "application/x-amz-json-1.0");
  EXPECT_EQ(remote::find_header(r.headers, "x-amz-security-token"), "");
  EXPECT_EQ(r.sign.scope, "aws:amz:ap-northeast-2:sqs");
  EXPECT_EQ(r.sign.key_id, "AKIA");
  EXPECT_EQ(r.sign.secret, "secret");
  auto temporary = access();
  temporary.session_token = "T";
  EXPECT_EQ(remote::find_header(make_request(temporary, "X", "").headers, "x-amz-security-token"),
            "T");
}

TEST(sqs_protocol_test, bodies_name_their_entries_by_place) {
  const std::vector<outgoing_message> messages{{"b \"1\"", "g1", "d1"}, {"b2", "g2", "d2"}};
  const auto sent = json::parse(send_batch_body(access(), messages));
  EXPECT_EQ(sent["QueueUrl"], access().queue_url);
  ASSERT_EQ(sent["Entries"].size(), 2u);
  EXPECT_EQ(sent["Entries"][0], (json{{"Id", "0"},
                                      {"MessageBody", "b \"1\""},
                                      {"MessageGroupId", "g1"},
                                      {"MessageDeduplicationId", "d1"}}));
  EXPECT_EQ(sent["Entries"][1]["Id"], "1");
  const std::vector<std::string> receipts{"r0", "r1"};
  const auto gone = json::parse(delete_batch_body(access(), receipts));
  EXPECT_EQ(gone["Entries"][1], (json{{"Id", "1"}, {"ReceiptHandle", "r1"}}));
  const auto asked = json::parse(receive_body(access(), {7, seconds{20}, seconds{300}}));
  EXPECT_EQ(asked["MaxNumberOfMessages"], 7);
  EXPECT_EQ(asked["WaitTimeSeconds"], 20);
  EXPECT_EQ(asked["VisibilityTimeout"], 300);
}

TEST(sqs_protocol_test, a_call_is_judged_by_who_can_help) {
  const auto fate = [](const remote::http_answer& a) { return judge_call(a).fate; };
  EXPECT_EQ(fate(answer(200, "{}")), call_fate::answered);
  for (const auto why : {http_failure::refused, http_failure::timed_out, http_failure::lost,
                         http_failure::too_large, http_failure::rejected})
    EXPECT_EQ(fate(none(why)), call_fate::again) << to_string_view(why);
  for (const auto why : {http_failure::circuit_open, http_failure::overloaded})
    EXPECT_EQ(fate(none(why)), call_fate::not_made) << to_string_view(why);
  for (const auto why : {http_failure::untrusted, http_failure::forbidden})
    EXPECT_EQ(fate(none(why)), call_fate::misconfigured) << to_string_view(why);
  for (const int status : {500, 503, 429, 408})
    EXPECT_EQ(fate(answer(status, "")), call_fate::again) << status;
  for (const char* code : {"com.amazonaws.sqs#RequestThrottled", "ThrottlingException",
                           "com.amazonaws.sqs#KmsThrottled", "AWS.SimpleQueueService.OverLimit"})
    EXPECT_EQ(fate(answer(400, fault(code))), call_fate::again) << code;
  for (const char* code :
       {"com.amazonaws.sqs#QueueDoesNotExist", "com.amazonaws.sqs#InvalidSecurity",
        "InvalidSignatureException", "AccessDeniedException", "something new", ""})
    EXPECT_EQ(fate(answer(400, fault(code))), call_fate::misconfigured) << code;
  EXPECT_EQ(fate(answer(403, "<html>")), call_fate::misconfigured);
  EXPECT_EQ(fate(answer(302, "")), call_fate::misconfigured);
  for (const char* code :
       {"com.amazonaws.sqs#InvalidMessageContents", "com.amazonaws.sqs#BatchRequestTooLong"})
    EXPECT_EQ(fate(answer(400, fault(code))), call_fate::unacceptable) << code;
  EXPECT_EQ(fate(answer(413, "")), call_fate::unacceptable);
  EXPECT_EQ(judge_call(answer(400, fault("com.amazonaws.sqs#QueueDoesNotExist"))).reason,
            "HTTP 400 QueueDoesNotExist: words");
}

TEST(sqs_protocol_test, entries_of_a_batch_have_their_own_fates) {
  const auto verdicts = read_batch(
      json{{"Successful", {{{"Id", "0"}}, {{"Id", "9"}}, {{"Id", "x"}}, 7}},
           {"Failed",
            {{{"Id", "1"}, {"SenderFault", false}, {"Code", "InternalError"}, {"Message", "m"}},
             {{"Id", "2"}, {"SenderFault", true}, {"Code", "InvalidMessageContents"}},
             {{"Id", "3"}, {"SenderFault", true}, {"Code", "RequestThrottled"}},
             {{"Id", "4"}, {"SenderFault", true}, {"Code", "KmsAccessDenied"}},
             {{"Id", "77"}}}}}
          .dump(),
      6);
  ASSERT_EQ(verdicts.size(), 6u);
  EXPECT_EQ(verdicts[0].fate, entry_fate::done);
  EXPECT_EQ(verdicts[1].fate, entry_fate::again);
  EXPECT_EQ(verdicts[1].reason, "InternalError: m");
  EXPECT_EQ(verdicts[2].fate, entry_fate::unacceptable);
  EXPECT_EQ(verdicts[3].fate, entry_fate::again);
  EXPECT_EQ(verdicts[4].fate, entry_fate::misconfigured);
  EXPECT_EQ(verdicts[5].fate, entry_fate::again) << "not named at all";
  for (const char* broken : {"", "[]", "{\"Successful\":{}}", "{\"Successful\":[{\"Id\":0}]}", "{"})
    for (const auto& v : read_batch(broken, 2))
      EXPECT_EQ(v.fate, entry_fate::again) << broken;
}

TEST(sqs_protocol_test, messages_are_read_with_what_is_known_about_them) {
  const auto messages = read_messages(json{
      {"Messages",
       {{{"MessageId", "m1"},
         {"ReceiptHandle", "r1"},
         {"Body", "{}"},
         {"Attributes",
          {{"MessageGroupId", "g"},
           {"ApproximateReceiveCount", "3"},
           {"SentTimestamp", "1771754400000"}}}},
        {{"MessageId", "m2"}, {"ReceiptHandle", "r2"}},
        {{"MessageId", "no receipt"}},
        "no message"}}}.dump());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].id, "m1");
  EXPECT_EQ(messages[0].receipt, "r1");
  EXPECT_EQ(messages[0].body, "{}");
  EXPECT_EQ(messages[0].group, "g");
  EXPECT_EQ(messages[0].receives, 3u);
  EXPECT_EQ(messages[0].sent_at, from_millis(1'771'754'400'000));
  EXPECT_EQ(messages[1].receives, 1u);
  EXPECT_EQ(messages[1].sent_at, time_point{});
  for (const char* empty : {"", "{}", "[]", "{\"Messages\":null}", "{\"Messages\":[]}"})
    EXPECT_TRUE(read_messages(empty).empty()) << empty;
}

} // namespace
} // namespace tiketi::sqs
