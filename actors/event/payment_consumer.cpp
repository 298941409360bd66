#include "actors/event/payment_consumer.hpp"

#include "actors/system/caf_error.hpp"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::ticket {

namespace {

using command = std::variant<apply_payment, apply_refund>;

std::string text(const nlohmann::json& body, const char* field) {
  const auto found = body.find(field);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

failure unreadable(const domain_event& event, const std::string& what) {
  return {errc::invalid_request, event.type + " " + to_string(event.id) + ": " + what};
}

} // namespace

result<std::optional<command>> to_command(const domain_event& event) {
  const bool paid = event.type == "PAYMENT_CONFIRMED";
  if (!paid && event.type != "PAYMENT_REFUNDED")
    return std::optional<command>{};
  const auto body = nlohmann::json::parse(event.payload, nullptr, false);
  if (!body.is_object())
    return unreadable(event, "the payload is no JSON object");
  const auto kind = text(body, "paymentType");
  if (!kind.empty() && kind != "reservation")
    return std::optional<command>{};
  const auto reservation = parse_id<reservation_id>(text(body, "reservationId"));
  const auto payment = parse_id<payment_id>(text(body, "paymentId"));
  if (event.id.is_nil() || !reservation || !payment)
    return unreadable(event, "reservationId or paymentId is missing");
  if (!paid)
    return std::optional<command>{
        apply_refund{event.id, *reservation, *payment, text(body, "reason")}};
  const auto user = parse_id<user_id>(text(body, "userId"));
  const auto amount = body.find("amount");
  if (!user || amount == body.end() || !amount->is_number_integer())
    return unreadable(event, "userId or amount is missing");
  return std::optional<command>{apply_payment{event.id, *reservation, *payment, *user,
                                              amount->get<std::int64_t>(),
                                              text(body, "paymentMethod")}};
}

consumer_actor::behavior_type
payment_consumer(consumer_actor::stateful_pointer<payment_consumer_state> self,
                 payments_view tickets) {
  self->state.tickets = std::move(tickets);
  return {
      [self](const deliver& m) -> caf::result<applied> {
        auto read = to_command(m.event);
        if (!read)
          return to_caf(read.error());
        if (!*read)
          return applied{m.event.id, false};
        auto promise = self->make_response_promise<applied>();
        const auto id = m.event.id;
        const auto failed = [promise](caf::error& err) mutable { promise.deliver(std::move(err)); };
        if (auto* paid = std::get_if<apply_payment>(&**read)) {
          self->request(self->state.tickets, caf::infinite, std::move(*paid))
              .then(
                  [promise, id](const payment_outcome& out) mutable {
                    promise.deliver(applied{id, out.duplicate});
                  },
                  failed);
        } else {
          self->request(self->state.tickets, caf::infinite, std::get<apply_refund>(**read))
              .then(
                  [promise, id](const refund_applied& out) mutable {
                    promise.deliver(applied{id, out.duplicate});
                  },
                  [promise, id](caf::error& err) mutable {
                    // Nothing of ours was paid with it, so there is nothing to end.
                    if (to_failure(err).code == errc::not_found)
                      promise.deliver(applied{id, false});
                    else
                      promise.deliver(std::move(err));
                  });
        }
        return promise;
      },
  };
}

} // namespace tiketi::ticket
