#include "net/kafka/lane.hpp"

#include <algorithm>

namespace tiketi::kafka {

arrival read_arrival(record r, const std::string& consumer, const std::vector<std::string>& types) {
  arrival out;
  auto event = to_event(r);
  out.passed_over = !is_for(r, consumer)
                    || (event && !types.empty()
                        && std::find(types.begin(), types.end(), event->type) == types.end());
  if (event) {
    out.event = std::move(*event);
    out.raw.partition = r.partition;
    out.raw.offset = r.offset;
    out.raw.topic = r.topic;
  } else {
    out.error = event.error();
    out.event.key = r.key;
    out.raw = std::move(r);
  }
  return out;
}

lane::lane(std::uint64_t epoch, std::int64_t first_offset, const consumer_options& options,
           bool orders_itself)
    : epoch_(epoch),
      window_(first_offset - 1, options.held_max, options.in_flight_max, orders_itself) {}

void lane::add(arrival a) {
  const auto offset = a.raw.offset;
  if (offset <= window_.read_to())
    return;
  if (a.passed_over) {
    window_.skip_to(offset);
    return;
  }
  // The window counts in offsets.
  sequences_.emplace(offset, std::exchange(a.event.sequence, offset));
  if (a.error)
    unreadable_.emplace(offset, std::pair{std::move(a.raw), a.error->text});
  window_.add(std::move(a.event));
}

std::vector<lane::delivery> lane::take(time_point now, milliseconds patience) {
  std::vector<delivery> out;
  if (closed_)
    return out;
  for (auto& d : window_.take(now, patience)) {
    delivery x;
    x.offset = d.event.sequence;
    x.attempt = d.attempt;
    x.event = std::move(d.event);
    x.event.sequence = sequences_.at(x.offset);
    if (const auto found = unreadable_.find(x.offset); found != unreadable_.end()) {
      x.unreadable = found->second.first;
      x.why = found->second.second;
    }
    out.push_back(std::move(x));
  }
  return out;
}

void lane::applied(std::int64_t offset) {
  if (!window_.applied(offset))
    return;
  sequences_.erase(offset);
  unreadable_.erase(offset);
}

void lane::failed(std::int64_t offset, std::uint32_t attempt, time_point retry_at) {
  window_.failed(offset, attempt, retry_at);
}

std::vector<std::pair<std::int64_t, std::uint32_t>> lane::overdue(time_point now) const {
  return window_.overdue(now);
}

} // namespace tiketi::kafka
