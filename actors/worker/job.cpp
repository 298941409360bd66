#include "actors/worker/job.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::worker {

namespace {

using nlohmann::json;

/// A sale has much lower limits of its own; these bound the work of reading.
constexpr std::size_t lines_max = 50;
constexpr std::int64_t quantity_max = 10;
/// What a log shows of a foreign word.
constexpr std::size_t shown_max = 50;

/// The fields of one message. The first complaint counts.
class fields {
public:
  explicit fields(const json& from) : from_(from) {}

  bool ok() const { return !wrong_; }
  failure error() const { return {errc::invalid_request, *wrong_}; }

  uuid id(const char* name) { return id_in(find(name), name); }

  std::string text(const char* name) {
    const auto* value = find(name);
    if (value == nullptr || !value->is_string())
      return complain(fmt::format("{} must be a text", name)), std::string{};
    return value->get<std::string>();
  }

  std::vector<seat_id> seats() {
    std::vector<seat_id> out;
    if (const auto* list = list_of("seatIds"))
      for (const auto& entry : *list)
        out.push_back(seat_id{id_in(&entry, "seatIds")});
    return out;
  }

  std::vector<ticket::ticket_order> items() {
    std::vector<ticket::ticket_order> out;
    if (const auto* list = list_of("items"))
      for (const auto& entry : *list) {
        fields line{entry};
        ticket::ticket_order order{ticket_type_id{line.id("ticketTypeId")}, 0};
        const auto* quantity = line.find("quantity");
        if (quantity == nullptr || !quantity->is_number_integer() || *quantity < json(1)
            || *quantity > json(quantity_max))
          line.complain(fmt::format("quantity must be a whole number from 1 to {}", quantity_max));
        else
          order.quantity = quantity->get<std::int32_t>();
        if (line.wrong_)
          complain("items: " + *line.wrong_);
        out.push_back(order);
      }
    return out;
  }

private:
  const json* find(const char* name) const {
    if (!from_.is_object())
      return nullptr;
    const auto found = from_.find(name);
    return found == from_.end() ? nullptr : &*found;
  }

  const json* list_of(const char* name) {
    const auto* list = find(name);
    if (list != nullptr && list->is_array() && !list->empty() && list->size() <= lines_max)
      return list;
    complain(fmt::format("{} must be a list of 1 to {} entries", name, lines_max));
    return nullptr;
  }

  uuid id_in(const json* value, const char* name) {
    const auto id = value != nullptr && value->is_string()
                        ? parse_uuid(value->get_ref<const std::string&>())
                        : std::nullopt;
    if (!id)
      complain(fmt::format("{} must be a UUID", name));
    return id.value_or(uuid{});
  }

  void complain(std::string text) {
    if (!wrong_)
      wrong_ = std::move(text);
  }

  const json& from_;
  std::optional<std::string> wrong_;
};

/// Only the queue of the event gives tokens, and only to whom it has admitted.
result<void> check_entry(const sqs::received_message& message, fields& in,
                         const entry_tokens& tokens, const event_id& event, const user_id& user,
                         time_point now, seconds age_max) {
  const auto token = in.text("entryToken");
  if (!in.ok())
    return in.error();
  // The place in SQS is part of the wait: what counts is when the user asked.
  const auto asked = message.sent_at == time_point{} ? now : std::min(now, message.sent_at);
  if (now - asked > milliseconds{age_max})
    return failure{errc::conflict, fmt::format("The message is older than {} s", age_max.count())};
  const auto claims = tokens.verify(token, asked);
  if (!claims || claims->event != event || claims->user != user)
    return failure{errc::entry_token_required, "entryToken is not valid for this user and event"};
  return {};
}

} // namespace

std::string key_of(const sqs::received_message& message) {
  // The ids of SQS are UUIDs; others are shortened to what a key may have.
  return "sqs:" + message.id.substr(0, 60);
}

result<job> read_job(const sqs::received_message& message, const entry_tokens& tokens,
                     time_point now, seconds age_max) {
  const auto body = json::parse(message.body, nullptr, false);
  if (!body.is_object())
    return failure{errc::malformed_body};
  fields in{body};
  const auto action = in.text("action");
  if (!in.ok())
    return in.error();
  if (action == "admitted")
    return job{noted{}};
  const bool seated = action == "seat_reserve";
  if (!seated && action != "reservation_create")
    return job{unknown_action{action.substr(0, shown_max)}};
  const event_id event{in.id("eventId")};
  const user_id user{in.id("userId")};
  job out;
  if (seated)
    out = ticket::reserve_seats{event, user, in.seats(), key_of(message)};
  else
    out = ticket::reserve_tickets{event, user, in.items(), key_of(message)};
  if (!in.ok())
    return in.error();
  if (auto entry = check_entry(message, in, tokens, event, user, now, age_max); !entry)
    return entry.error();
  return out;
}

} // namespace tiketi::worker
