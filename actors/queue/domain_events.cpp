#include "actors/queue/domain_events.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::queue {

domain_event admission_event(const event_id& event, const admit_user& admission, time_point now,
                             environment& env) {
  domain_event out;
  out.id = make_uuid(env);
  out.topic = admission_topic;
  out.key = to_string(event);
  out.type = admitted_type;
  out.occurred_at = now;
  out.payload = fmt::format(
      R"({{"type":"{}","eventId":"{}","userId":"{}","waited":{},"expiresAt":"{}","timestamp":"{}"}})",
      admitted_type, out.key, to_string(admission.user), admission.sequence != 0,
      to_iso(admission.expires_at), to_iso(now));
  return out;
}

std::optional<admission_notice> read_admission(const domain_event& event) {
  if (event.type != admitted_type)
    return std::nullopt;
  const auto json = nlohmann::json::parse(event.payload, nullptr, false);
  const auto text = [&json](const char* name) -> std::string {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  if (!json.is_object())
    return std::nullopt;
  const auto show = parse_uuid(text("eventId"));
  const auto user = parse_uuid(text("userId"));
  const auto until = parse_iso(text("expiresAt"));
  const auto waited = json.find("waited");
  if (!show || !user || !until)
    return std::nullopt;
  return admission_notice{event_id{*show}, user_id{*user}, event.occurred_at, *until,
                          waited != json.end() && waited->is_boolean() && waited->get<bool>()};
}

} // namespace tiketi::queue
