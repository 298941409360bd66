#include "net/kafka/record.hpp"

#include "actors/base/trace.hpp"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::kafka {
namespace {

constexpr std::string_view dead_suffix = ".dlq";
/// Reasons are for people; a longer one would only make the record too large.
constexpr std::size_t reason_bytes_max = 1000;

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

template <class Int>
std::optional<Int> number(const std::string* text) {
  Int out{};
  if (text == nullptr)
    return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (error != std::errc{} || end != text->data() + text->size())
    return std::nullopt;
  return out;
}

failure unreadable(std::string what) {
  return {errc::invalid_request, std::move(what)};
}

std::string text_of(const nlohmann::json& body, const char* field) {
  const auto found = body.find(field);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// Fills in what the headers did not say.
result<void> read_value(const record& r, domain_event& out) {
  const auto body = nlohmann::json::parse(r.value, nullptr, false);
  if (!body.is_object())
    return unreadable("the value is no JSON object");
  if (out.id.is_nil()) {
    const auto id = parse_uuid(text_of(body, "messageId"));
    if (!id || id->is_nil())
      return unreadable("neither the header event-id nor the field messageId has an id");
    out.id = *id;
  }
  if (out.type.empty())
    out.type = text_of(body, "type");
  if (out.type.empty())
    return unreadable("neither the header event-type nor the field type is there");
  if (out.version == 0) {
    const auto version = body.find("version");
    out.version =
        version != body.end() && version->is_number_unsigned() ? version->get<std::uint32_t>() : 1;
  }
  if (out.occurred_at == time_point{})
    if (const auto at = parse_iso(text_of(body, "occurredAt")))
      out.occurred_at = *at;
  return {};
}

} // namespace

const std::string* record::header(std::string_view name) const {
  for (auto at = headers.rbegin(); at != headers.rend(); ++at)
    if (at->first == name)
      return &at->second;
  return nullptr;
}

record to_record(const domain_event& event) {
  record out;
  out.topic = event.topic;
  out.key = event.key;
  const auto id = to_string(event.id);
  const auto at = to_iso(event.occurred_at);
  out.headers = {{"event-id", id},
                 {"event-type", event.type},
                 {"event-version", std::to_string(event.version)},
                 {"occurred-at", at}};
  if (event.sequence != 0)
    out.headers.emplace_back("sequence", std::to_string(event.sequence));
  const bool traced = is_traceparent(event.trace);
  if (traced)
    out.headers.emplace_back("traceparent", event.trace);
  const auto payload = without_blanks(event.payload);
  if (!payload.starts_with('{')) { // no object: it travels as it is, the headers say the rest
    out.value = event.payload;
    return out;
  }
  const auto fields = without_blanks(payload.substr(1));
  out.value = fmt::format(R"({{"messageId":"{}","version":{},"occurredAt":"{}","traceId":{})", id,
                          event.version, at,
                          traced ? '"' + event.trace.substr(3, 32) + '"' : std::string{"null"});
  // The payloads of this program begin with it; looking further would be a parser.
  if (!fields.starts_with(R"("type")"))
    out.value += fmt::format(R"(,"type":"{}")", event.type);
  if (!fields.starts_with('}'))
    out.value += ',';
  out.value += fields;
  return out;
}

result<domain_event> to_event(const record& r) {
  domain_event out;
  out.topic = r.topic;
  out.key = r.key;
  out.payload = r.value;
  out.version = 0;
  if (const auto* text = r.header("event-id"))
    out.id = parse_uuid(*text).value_or(uuid{});
  if (const auto* text = r.header("event-type"))
    out.type = *text;
  if (const auto version = number<std::uint32_t>(r.header("event-version")))
    out.version = *version;
  if (const auto* text = r.header("occurred-at"))
    out.occurred_at = parse_iso(*text).value_or(time_point{});
  if (const auto* text = r.header("traceparent"); text != nullptr && is_traceparent(*text))
    out.trace = *text;
  if (const auto sequence = number<std::int64_t>(r.header("sequence")))
    out.sequence = *sequence;
  if (out.id.is_nil() || out.type.empty() || out.version == 0 || out.occurred_at == time_point{})
    if (auto read = read_value(r, out); !read)
      return read.error();
  return out;
}

std::string dead_letter_topic(std::string_view topic) {
  return std::string{topic}.append(dead_suffix);
}

record dead_letter(const record& r, std::string_view consumer, std::string_view reason,
                   std::uint32_t attempts, time_point now) {
  record out = r;
  out.topic = dead_letter_topic(r.topic);
  out.partition = -1;
  out.offset = -1;
  std::erase_if(out.headers, [](const auto& h) {
    return h.first.starts_with("dlq-") || h.first == "replay-for";
  });
  out.headers.emplace_back("dlq-consumer", consumer);
  out.headers.emplace_back("dlq-reason", reason.substr(0, reason_bytes_max));
  out.headers.emplace_back("dlq-topic", r.topic);
  out.headers.emplace_back("dlq-partition", std::to_string(r.partition));
  out.headers.emplace_back("dlq-offset", std::to_string(r.offset));
  out.headers.emplace_back("dlq-attempts", std::to_string(attempts));
  out.headers.emplace_back("dlq-at", to_iso(now));
  return out;
}

result<record> replayed(const record& dead) {
  const auto* topic = dead.header("dlq-topic");
  const auto* consumer = dead.header("dlq-consumer");
  if (topic == nullptr || topic->empty() || consumer == nullptr || consumer->empty())
    return unreadable("the headers dlq-topic and dlq-consumer are missing");
  record out = dead;
  out.topic = *topic;
  out.partition = -1;
  out.offset = -1;
  out.headers.emplace_back("replay-for", *consumer);
  std::erase_if(out.headers, [](const auto& h) { return h.first.starts_with("dlq-"); });
  return out;
}

bool is_for(const record& r, std::string_view consumer) {
  const auto* only = r.header("replay-for");
  return only == nullptr || *only == consumer;
}

} // namespace tiketi::kafka
