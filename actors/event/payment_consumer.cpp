#include "actors/event/payment_consumer.hpp"

#include "actors/system/caf_error.hpp"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace tiketi::ticket {

namespace {

std::string text(const nlohmann::json& body, const char* field) {
  const auto found = body.find(field);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

failure unreadable(const domain_event& event, const std::string& what) {
  return {errc::invalid_request, event.type + " " + to_string(event.id) + ": " + what};
}

} // namespace

result<std::optional<payment_command>> to_command(const domain_event& event) {
  using command = std::optional<payment_command>;
  const bool paid = event.type == "PAYMENT_CONFIRMED";
  if (!paid && event.type != "PAYMENT_REFUNDED")
    return command{};
  const auto body = nlohmann::json::parse(event.payload, nullptr, false);
  if (!body.is_object())
    return unreadable(event, "the payload is no JSON object");
  const auto kind = text(body, "paymentType");
  const bool transfer = kind == "transfer";
  const bool membership = kind == "membership";
  if (!kind.empty() && kind != "reservation" && !transfer && !membership)
    return command{};
  const bool plain = !transfer && !membership;
  const auto id = parse_uuid(text(body, plain ? "reservationId" : "referenceId"));
  const auto payment = parse_id<payment_id>(text(body, "paymentId"));
  if (event.id.is_nil() || !id || !payment)
    return unreadable(event, plain ? "reservationId or paymentId is missing"
                                   : "referenceId or paymentId is missing");
  if (!paid) {
    const auto reason = text(body, "reason");
    if (transfer)
      return command{
          apply_transfer_refund{event.id, transfer_id{*id}, *payment, reason, event.trace}};
    if (membership) // given back because it could not be used: nothing to end
      return command{};
    return command{apply_refund{event.id, reservation_id{*id}, *payment, reason, event.trace}};
  }
  const auto user = parse_id<user_id>(text(body, "userId"));
  const auto amount = body.find("amount");
  if (!user || amount == body.end() || !amount->is_number_integer())
    return unreadable(event, "userId or amount is missing");
  const auto won = amount->get<std::int64_t>();
  const auto method = text(body, "paymentMethod");
  if (transfer)
    return command{apply_transfer_payment{event.id, transfer_id{*id}, *payment, *user, won, method,
                                          event.trace}};
  if (membership)
    return command{membership::apply_membership_payment{event.id, membership_id{*id}, *payment,
                                                        *user, won, method, event.trace}};
  return command{
      apply_payment{event.id, reservation_id{*id}, *payment, *user, won, method, event.trace}};
}

namespace {

using consumer_self = consumer_actor::stateful_pointer<payment_consumer_state>;

/// Passes a command on and answers for it; `absent`: there is nothing of ours to end.
template <class Reply, class Handle, class Command>
caf::result<applied> pass_on(consumer_self self, const uuid& id, const Handle& to, Command& command,
                             bool absent_is_done) {
  if (!to)
    return to_caf({errc::invalid_request, "This kind of payment is not known here"});
  auto promise = self->make_response_promise<applied>();
  self->request(to, caf::infinite, std::move(command))
      .then(
          [promise, id](const Reply& out) mutable {
            promise.deliver(applied{id, out.duplicate});
          },
          [promise, id, absent_is_done](caf::error& err) mutable {
            if (absent_is_done && to_failure(err).code == errc::not_found)
              promise.deliver(applied{id, false});
            else
              promise.deliver(std::move(err));
          });
  return promise;
}

} // namespace

consumer_actor::behavior_type
payment_consumer(consumer_actor::stateful_pointer<payment_consumer_state> self,
                 payments_view tickets, transfers_view transfers,
                 membership::payments_view memberships) {
  self->state.tickets = std::move(tickets);
  self->state.transfers = std::move(transfers);
  self->state.memberships = std::move(memberships);
  return {
      [self](const deliver& m) -> caf::result<applied> {
        auto read = to_command(m.event);
        if (!read)
          return to_caf(read.error());
        const auto& id = m.event.id;
        if (!*read)
          return applied{id, false};
        const auto& s = self->state;
        auto& command = **read;
        if (auto* x = std::get_if<apply_payment>(&command))
          return pass_on<payment_outcome>(self, id, s.tickets, *x, false);
        if (auto* x = std::get_if<apply_refund>(&command))
          return pass_on<refund_applied>(self, id, s.tickets, *x, true);
        if (auto* x = std::get_if<apply_transfer_payment>(&command))
          return pass_on<payment_outcome>(self, id, s.transfers, *x, false);
        if (auto* x = std::get_if<apply_transfer_refund>(&command))
          return pass_on<refund_applied>(self, id, s.transfers, *x, true);
        return pass_on<payment_outcome>(self, id, s.memberships,
                                        std::get<membership::apply_membership_payment>(command),
                                        false);
      },
  };
}

} // namespace tiketi::ticket
