#include "actors/seat/seat.hpp"

#include <algorithm>

namespace tiketi::ticket {

namespace {

seat::phase phase_of(seat_status status) {
  switch (status) {
  case seat_status::locked:
    return seat::phase::held;
  case seat_status::reserved:
    return seat::phase::sold;
  case seat_status::available:
    break;
  }
  return seat::phase::available;
}

} // namespace

seat::seat(seat_status status, std::uint32_t version, std::uint64_t token, reservation_id holder)
    : phase_(phase_of(status)), holder_(holder), token_(token), version_(version) {
  if (phase_ == phase::available)
    holder_ = {};
}

std::optional<seat_claim> seat::claim(const reservation_id& who) {
  const bool again = phase_ == phase::granted && holder_ == who;
  if (phase_ != phase::available && !again)
    return std::nullopt;
  phase_ = phase::granted;
  holder_ = who;
  return seat_claim{token_, version_ + 1};
}

bool seat::settle(const reservation_id& who, std::uint64_t token) {
  if (phase_ != phase::granted || holder_ != who || token <= token_)
    return false;
  phase_ = phase::held;
  token_ = token;
  ++version_;
  return true;
}

bool seat::verify(const reservation_id& who, std::uint64_t token) const {
  return (phase_ == phase::held || phase_ == phase::sold) && holder_ == who && token_ == token;
}

bool seat::sell(const reservation_id& who, std::uint64_t token) {
  if (!verify(who, token))
    return false;
  phase_ = phase::sold;
  return true;
}

bool seat::release(const reservation_id& who, std::uint64_t token) {
  if (phase_ == phase::granted && holder_ == who)
    token_ = std::max(token_, token);
  else if (!verify(who, token))
    return false;
  phase_ = phase::available;
  holder_ = {};
  return true;
}

} // namespace tiketi::ticket
