#include "actors/event/sale.hpp"

#include "actors/catalog/status.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tiketi::ticket {

namespace {

fingerprint sorted(fingerprint x) {
  std::sort(x.begin(), x.end());
  return x;
}

bool has_duplicates(const fingerprint& x) {
  return std::adjacent_find(x.begin(), x.end(),
                            [](const auto& a, const auto& b) { return a.first == b.first; })
         != x.end();
}

result<void> check_key(const std::string& key, const sale_limits& limits) {
  if (key.size() > limits.key_max)
    return failure{
        errc::invalid_request,
        fmt::format("idempotencyKey must be at most {} characters long", limits.key_max)};
  return {};
}

} // namespace

fingerprint fingerprint_of(const reserve_seats& request) {
  fingerprint out;
  out.reserve(request.seats.size());
  for (const auto& seat : request.seats)
    out.emplace_back(seat.value, 1);
  return sorted(std::move(out));
}

fingerprint fingerprint_of(const reserve_tickets& request) {
  fingerprint out;
  out.reserve(request.items.size());
  for (const auto& item : request.items)
    out.emplace_back(item.type.value, item.quantity);
  return sorted(std::move(out));
}

fingerprint fingerprint_of(const reservation_view& stored) {
  fingerprint out;
  out.reserve(stored.items.size());
  for (const auto& item : stored.items)
    out.emplace_back(item.seat.is_nil() ? item.ticket_type.value : item.seat.value, item.quantity);
  return sorted(std::move(out));
}

result<void> check_request(const reserve_seats& request, const sale_limits& limits) {
  if (request.seats.empty())
    return failure{errc::invalid_request, "Please select at least one seat"};
  if (request.seats.size() > static_cast<std::size_t>(limits.seats_per_reservation))
    return failure{errc::invalid_request, limits.seats_per_reservation == 1
                                              ? std::string("Only one seat can be selected")
                                              : fmt::format("At most {} seats can be selected",
                                                            limits.seats_per_reservation)};
  if (has_duplicates(fingerprint_of(request)))
    return failure{errc::invalid_request, "A seat is selected twice"};
  return check_key(request.idempotency_key, limits);
}

result<void> check_request(const reserve_best& request, const sale_limits& limits) {
  if (request.wish.count < 1 || request.wish.count > limits.seats_per_reservation)
    return failure{errc::invalid_request,
                   fmt::format("count must be between 1 and {}", limits.seats_per_reservation)};
  if (request.wish.price_max < 0)
    return failure{errc::invalid_request, "priceMax must not be negative"};
  return check_key(request.idempotency_key, limits);
}

result<void> check_request(const reserve_tickets& request, const sale_limits& limits) {
  if (request.items.empty())
    return failure{errc::invalid_request, "Reservation items are required"};
  if (request.items.size() > static_cast<std::size_t>(limits.items_per_order))
    return failure{errc::invalid_request,
                   fmt::format("At most {} items can be ordered", limits.items_per_order)};
  for (const auto& item : request.items)
    if (item.quantity < 1 || item.quantity > limits.tickets_per_item)
      return failure{errc::invalid_request,
                     fmt::format("quantity must be between 1 and {}", limits.tickets_per_item)};
  if (has_duplicates(fingerprint_of(request)))
    return failure{errc::invalid_request, "A ticket type is ordered twice"};
  return check_key(request.idempotency_key, limits);
}

result<void> check_sale(const event_row& event, time_point now) {
  constexpr time_point none{};
  if (event.cancelled)
    return failure{errc::sale_closed, "This event has been cancelled"};
  if (event.sale_start != none && now < event.sale_start)
    return failure{errc::sale_closed,
                   "This event is not on sale yet: sales start at " + to_iso(event.sale_start)};
  if ((event.sale_end != none && now >= event.sale_end)
      || (event.event_date != none && now >= event.event_date))
    return failure{errc::sale_closed, "The sale of this event has ended"};
  return {};
}

std::optional<membership::tier> pre_sale_tier(const event_row& event, time_point now) {
  using membership::tier;
  if (event.artist.is_nil() || event.sale_start == time_point{})
    return std::nullopt;
  const auto turns = catalog::schedule_from(event.sale_start);
  if (now >= turns.bronze || !check_sale(event, now))
    return std::nullopt;
  if (now < turns.gold)
    return tier::diamond;
  return now < turns.silver ? tier::gold : tier::silver;
}

result<void> check_pre_sale(const event_row& event, membership::tier tier, time_point now) {
  const auto needed = pre_sale_tier(event, now);
  if (!needed || tier >= *needed)
    return {};
  const auto turns = catalog::schedule_from(event.sale_start);
  const auto turn = tier == membership::tier::gold     ? turns.gold
                    : tier == membership::tier::silver ? turns.silver
                                                       : turns.bronze;
  return failure{
      errc::sale_closed,
      fmt::format("This is the pre-sale for {} members of the artist; you can buy from {}",
                  to_string(*needed), to_iso(turn))};
}

result<void> check_limit(std::int32_t live, std::int32_t more, std::int32_t limit) {
  if (live + more > limit)
    return failure{
        errc::limit_exceeded,
        fmt::format("At most {} per person for this event; you have {} already", limit, live)};
  return {};
}

std::string reservation_number(bool seats, time_point now, std::uint64_t random) {
  return fmt::format("{}{}-{:08X}", seats ? "TK" : "R", to_millis(now), random & 0xffffffffU);
}

} // namespace tiketi::ticket
