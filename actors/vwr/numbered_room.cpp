#include "actors/vwr/numbered_room.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace tiketi::vwr {

std::int64_t estimated_wait(std::uint64_t ahead, double per_second) {
  if (ahead == 0 || per_second <= 0)
    return 0;
  // Far beyond any wait that means something.
  constexpr double most = 1e9;
  return static_cast<std::int64_t>(
      std::min(most, std::ceil(static_cast<double>(ahead) / per_second)));
}

std::int64_t next_poll(std::uint64_t ahead) {
  if (ahead <= 500)
    return 2;
  if (ahead <= 2'000)
    return 5;
  return ahead <= 10'000 ? 10 : 15;
}

void numbered_room::restore(std::optional<room_row> row) {
  durable_ = row.value_or(room_row{});
  decided_ = durable_;
  changed_ = false;
  writing_ = false;
}

result<std::uint64_t> numbered_room::take() {
  if (!decided_.active)
    return failure{errc::not_found, "VWR is not active for this event"};
  if (decided_.issued >= number_max)
    return failure{errc::limit_exceeded, "This waiting room has no numbers left"};
  changed_ = true;
  return ++decided_.issued;
}

result<void> numbered_room::activate(bool reset) {
  if (reset && decided_.active)
    return failure{errc::conflict,
                   "This waiting room is active: deactivate it before it starts anew"};
  if (reset && (decided_.issued != 0 || exists())) {
    ++decided_.generation;
    decided_.issued = 0;
    decided_.serving = 0;
    changed_ = true;
  }
  if (!decided_.active) {
    decided_.active = true;
    changed_ = true;
  }
  return {};
}

result<void> numbered_room::deactivate() {
  if (!exists() && !decided_.active)
    return failure{errc::not_found, "VWR not found for this event"};
  if (decided_.active) {
    decided_.active = false;
    changed_ = true;
  }
  return {};
}

std::uint64_t numbered_room::advance(std::uint64_t batch) {
  const auto more = std::min(batch, decided_.issued - decided_.serving);
  if (more != 0) {
    decided_.serving += more;
    changed_ = true;
  }
  return more;
}

result<standing> numbered_room::find(std::uint64_t generation, std::uint64_t number) const {
  if (!exists() || generation != durable_.generation % generations || number == 0
      || number > durable_.issued)
    return failure{errc::not_found, "Position not found. Request a new position."};
  standing out;
  out.switched_off = !durable_.active;
  out.served = out.switched_off || number <= durable_.serving;
  out.ahead = number > durable_.serving ? number - durable_.serving : 0;
  return out;
}

room_row numbered_room::begin(time_point now) {
  under_way_ = decided_;
  under_way_.version = durable_.version + 1;
  under_way_.updated_at = now;
  changed_ = false;
  writing_ = true;
  return under_way_;
}

void numbered_room::end() {
  durable_ = under_way_;
  decided_.version = durable_.version;
  decided_.updated_at = durable_.updated_at;
  writing_ = false;
}

} // namespace tiketi::vwr
