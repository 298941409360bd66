#include "actors/sqs/protocol.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::sqs {

namespace {

using nlohmann::json;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string text_of(const json& from, const char* name) {
  if (!from.is_object())
    return {};
  const auto found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// SQS writes numbers among the attributes as text.
std::int64_t number_of(const json& from, const char* name) {
  const auto text = text_of(from, name);
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return ec == std::errc{} && end == text.data() + text.size() ? value : 0;
}

const json* list_of(const json& from, const char* name) {
  if (!from.is_object())
    return nullptr;
  const auto found = from.find(name);
  return found != from.end() && found->is_array() ? &*found : nullptr;
}

template <std::size_t N>
bool is_one_of(std::string_view code, const std::array<std::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// Codes are written in several styles: `com.amazonaws.sqs#QueueDoesNotExist`,
/// `AWS.SimpleQueueService.NonExistentQueue`, `ThrottlingException`.
std::string_view bare(std::string_view code) {
  code = code.substr(code.rfind('#') + 1);
  code = code.substr(code.rfind('.') + 1);
  if (code.ends_with("Exception"))
    code.remove_suffix(std::string_view{"Exception"}.size());
  return code;
}

bool is_throttled(std::string_view code) {
  constexpr std::array<std::string_view, 6> codes{"RequestThrottled", "Throttling",
                                                  "KmsThrottled",     "OverLimit",
                                                  "SlowDown",         "ServiceUnavailable"};
  return is_one_of(code, codes);
}

/// Refused because of what one message says, so the others need not suffer.
bool blames_a_message(std::string_view code) {
  constexpr std::array<std::string_view, 2> codes{"InvalidMessageContents", "BatchRequestTooLong"};
  return is_one_of(code, codes);
}

bool blames_the_caller(std::string_view code) {
  constexpr std::array<std::string_view, 12> codes{
      "AccessDenied",         "KmsAccessDenied",  "KmsDisabled",       "KmsInvalidState",
      "KmsNotFound",          "KmsOptInRequired", "QueueDoesNotExist", "NonExistentQueue",
      "InvalidClientTokenId", "InvalidAddress",   "InvalidSecurity",   "UnsupportedOperation"};
  return is_one_of(code, codes);
}

std::string reason_of(std::string_view code, std::string_view message) {
  if (message.empty())
    return std::string{code};
  return fmt::format("{}: {}", code, message.substr(0, 300));
}

} // namespace

remote::http_request make_request(const queue_access& to, std::string_view action,
                                  std::string body) {
  remote::http_request out;
  out.method = "POST";
  out.url = to.endpoint + "/";
  out.headers = {{"Content-Type", "application/x-amz-json-1.0"},
                 {"X-Amz-Target", fmt::format("AmazonSQS.{}", action)}};
  if (!to.session_token.empty())
    out.headers.emplace_back("X-Amz-Security-Token", to.session_token);
  out.body = std::move(body);
  out.sign = {fmt::format("aws:amz:{}:sqs", to.region), to.key_id, to.secret};
  return out;
}

std::string send_batch_body(const queue_access& to, std::span<const outgoing_message> messages) {
  auto entries = json::array();
  for (std::size_t i = 0; i < messages.size(); ++i)
    entries.push_back({{"Id", std::to_string(i)},
                       {"MessageBody", messages[i].body},
                       {"MessageGroupId", messages[i].group},
                       {"MessageDeduplicationId", messages[i].deduplication}});
  return dump({{"QueueUrl", to.queue_url}, {"Entries", std::move(entries)}});
}

std::string receive_body(const queue_access& to, const receive_rules& rules) {
  return dump({{"QueueUrl", to.queue_url},
               {"MaxNumberOfMessages", rules.count_max},
               {"WaitTimeSeconds", rules.wait.count()},
               {"VisibilityTimeout", rules.visibility.count()},
               {"AttributeNames", {"MessageGroupId", "ApproximateReceiveCount", "SentTimestamp"}}});
}

std::string delete_batch_body(const queue_access& to, std::span<const std::string> receipts) {
  auto entries = json::array();
  for (std::size_t i = 0; i < receipts.size(); ++i)
    entries.push_back({{"Id", std::to_string(i)}, {"ReceiptHandle", receipts[i]}});
  return dump({{"QueueUrl", to.queue_url}, {"Entries", std::move(entries)}});
}

call_verdict judge_call(const remote::http_answer& answer) {
  using remote::http_failure;
  switch (answer.error) {
  case http_failure::none:
    break;
  case http_failure::circuit_open:
  case http_failure::overloaded:
    return {call_fate::not_made, answer.text};
  case http_failure::forbidden:
  case http_failure::untrusted:
    return {call_fate::misconfigured, reason_of(to_string_view(answer.error), answer.text)};
  default:
    return {call_fate::again, reason_of(to_string_view(answer.error), answer.text)};
  }
  if (answer.status >= 200 && answer.status < 300)
    return {call_fate::answered, {}};
  const auto body = json::parse(answer.body, nullptr, false);
  const auto code = text_of(body, "__type");
  auto message = text_of(body, "message");
  if (message.empty())
    message = text_of(body, "Message");
  const auto name = bare(code);
  const auto reason = fmt::format("HTTP {} {}", answer.status, reason_of(name, message));
  if (answer.status >= 500 || answer.status == 429 || answer.status == 408 || is_throttled(name))
    return {call_fate::again, reason};
  if (answer.status == 413 || blames_a_message(name))
    return {call_fate::unacceptable, reason};
  return {call_fate::misconfigured, reason};
}

std::vector<entry_verdict> read_batch(std::string_view body, std::size_t count) {
  std::vector<entry_verdict> out(count, {entry_fate::again, "the answer does not name it"});
  const auto answer = json::parse(body, nullptr, false);
  const auto place = [count](const json& entry) {
    const auto text = text_of(entry, "Id");
    std::size_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    return ec == std::errc{} && end == text.data() + text.size() ? value : count;
  };
  if (const auto* done = list_of(answer, "Successful"))
    for (const auto& entry : *done)
      if (const auto i = place(entry); i < count)
        out[i] = {entry_fate::done, {}};
  if (const auto* failed = list_of(answer, "Failed"))
    for (const auto& entry : *failed) {
      const auto i = place(entry);
      if (i >= count)
        continue;
      const auto code = text_of(entry, "Code");
      const auto name = bare(code);
      const auto fault = entry.find("SenderFault");
      const bool ours = fault != entry.end() && fault->is_boolean() && fault->get<bool>();
      auto fate = entry_fate::again;
      if (ours && !is_throttled(name))
        fate = blames_the_caller(name) ? entry_fate::misconfigured : entry_fate::unacceptable;
      out[i] = {fate, reason_of(name, text_of(entry, "Message"))};
    }
  return out;
}

std::vector<received_message> read_messages(std::string_view body) {
  std::vector<received_message> out;
  const auto answer = json::parse(body, nullptr, false);
  const auto* list = list_of(answer, "Messages");
  if (list == nullptr)
    return out;
  for (const auto& entry : *list) {
    received_message m;
    m.id = text_of(entry, "MessageId");
    m.receipt = text_of(entry, "ReceiptHandle");
    m.body = text_of(entry, "Body");
    if (m.id.empty() || m.receipt.empty())
      continue;
    if (const auto found = entry.find("Attributes"); found != entry.end()) {
      m.group = text_of(*found, "MessageGroupId");
      m.receives = static_cast<std::uint32_t>(
          std::clamp<std::int64_t>(number_of(*found, "ApproximateReceiveCount"), 1, 1'000'000));
      m.sent_at = from_millis(std::max<std::int64_t>(number_of(*found, "SentTimestamp"), 0));
    }
    out.push_back(std::move(m));
  }
  return out;
}

} // namespace tiketi::sqs
