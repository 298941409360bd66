#include "actors/event/admin.hpp"

#include "actors/system/caf_error.hpp"

#include <utility>

namespace tiketi::ticket {

namespace {

struct admin_reader_state {
  admin_reader_state() = default;

  std::shared_ptr<ticket_admin_queries> queries;
  std::size_t waiting_max = 0;
};

using reader_pointer = admin_reader::stateful_pointer<admin_reader_state>;

/// Runs a query, unless too many wait behind it.
template <class Reply, class Query>
caf::result<Reply> answer(reader_pointer self, Query query) {
  if (self->mailbox().size() > self->state.waiting_max)
    return to_caf(errc::overloaded);
  auto found = query(*self->state.queries);
  if (!found)
    return to_caf(found.error());
  return std::move(*found);
}

admin_reader::behavior_type reader_behavior(reader_pointer self,
                                            std::shared_ptr<ticket_admin_queries> queries,
                                            std::size_t waiting_max) {
  self->state.queries = std::move(queries);
  self->state.waiting_max = waiting_max;
  return {
      [self](const get_totals& q) {
        return answer<reservation_totals>(self, [&](auto& db) { return db.totals(q.day_start); });
      },
      [self](const get_all_reservations& q) {
        return answer<admin_page>(self,
                                  [&](auto& db) { return db.page(q.status, q.page, q.limit); });
      },
      [self](const get_admin_reservation& q) {
        return answer<admin_reservation>(self, [&](auto& db) -> result<admin_reservation> {
          auto found = db.find(q.reservation);
          if (!found)
            return found.error();
          if (!*found)
            return failure{errc::not_found, "Reservation not found"};
          return std::move(**found);
        });
      },
      [self](const get_stock& q) {
        return answer<event_stock>(self, [&](auto& db) { return db.stock(q.event); });
      },
      [self](const get_applied& q) {
        return answer<applied_answer>(self, [&](auto& db) -> result<applied_answer> {
          const auto found = db.is_applied(q.message);
          if (!found)
            return found.error();
          return applied_answer{*found};
        });
      },
  };
}

} // namespace

admin_reader start_admin_reader(caf::actor_system& sys,
                                std::shared_ptr<ticket_admin_queries> queries, bool detached,
                                std::size_t waiting_max) {
  return detached ? sys.spawn<caf::detached>(reader_behavior, std::move(queries), waiting_max)
                  : sys.spawn(reader_behavior, std::move(queries), waiting_max);
}

namespace {

enum class wish : std::uint8_t { none, confirmed, cancelled, refunded };

const failure bad_status{errc::invalid_request,
                         "status must be one of confirmed, cancelled, refunded"};
const failure bad_payment{errc::invalid_request,
                          "paymentStatus must be one of pending, completed, refunded"};

result<wish> wish_of(const std::string& status) {
  if (status.empty())
    return wish::none;
  if (status == "confirmed")
    return wish::confirmed;
  if (status == "cancelled")
    return wish::cancelled;
  if (status == "refunded")
    return wish::refunded;
  return bad_status;
}

bool refund_runs(const reservation_view& r) {
  return r.payment == payment_state::refund_requested || r.payment == payment_state::refunded;
}

} // namespace

result<status_step> decide_status(const reservation_view& now, const std::string& status,
                                  const std::string& payment_status) {
  if (status.empty() && payment_status.empty())
    return failure{errc::invalid_request, "No status fields to update"};
  auto wanted = wish_of(status);
  if (!wanted)
    return wanted.error();
  // Money is never moved by writing a word: `refunded` ends the reservation, the others must agree
  // with what is.
  if (payment_status == "refunded") {
    if (*wanted == wish::confirmed)
      return failure{errc::invalid_request, "A confirmed reservation is not refunded"};
    wanted = wish::refunded;
  } else if (payment_status == "completed" || payment_status == "pending") {
    const bool paid = now.payment == payment_state::completed;
    if (paid != (payment_status == "completed"))
      return failure{errc::conflict, "paymentStatus follows from the payment and cannot be set"};
    if (*wanted == wish::refunded)
      return failure{errc::invalid_request, "status and paymentStatus contradict each other"};
  } else if (!payment_status.empty()) {
    return bad_payment;
  }
  switch (*wanted) {
  case wish::none:
    return status_step::nothing;
  case wish::confirmed:
    if (now.status == reservation_status::confirmed)
      return status_step::nothing;
    return failure{errc::conflict, "Only a payment confirms a reservation"};
  case wish::cancelled:
    if (now.status == reservation_status::cancelled)
      return status_step::nothing;
    if (now.status == reservation_status::expired)
      return failure{errc::already_ended, "Reservation has already expired"};
    return status_step::end;
  case wish::refunded:
    if (now.status == reservation_status::confirmed)
      return status_step::end;
    if (refund_runs(now))
      return status_step::nothing;
    return failure{errc::conflict, "Nothing was paid for this reservation"};
  }
  return failure{errc::internal};
}

} // namespace tiketi::ticket
