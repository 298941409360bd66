#include "net/http/rate_shares.hpp"

#include <algorithm>

namespace tiketi::net {

rate_shares::row& rate_shares::at(std::int64_t slice) {
  for (auto& r : rows_)
    if (r.slice == slice)
      return r;
  rows_.push_back({.slice = slice});
  return rows_.back();
}

void rate_shares::used(time_point now, const timing& t) {
  expire(now, t);
  ++at(slice_at(now, t)).own;
}

std::int64_t rate_shares::own(time_point now, const timing& t) const {
  std::int64_t out = 0;
  for (const auto& r : rows_)
    if (r.slice > slice_at(now, t) - t.slices)
      out += r.own;
  return out;
}

std::int64_t rate_shares::others(time_point now, const timing& t) const {
  std::int64_t out = 0;
  for (const auto& r : rows_)
    if (r.slice > slice_at(now, t) - t.slices)
      out += r.others;
  return out;
}

milliseconds rate_shares::until_less(time_point now, const timing& t) const {
  const auto first = slice_at(now, t) - t.slices;
  std::int64_t oldest = 0;
  for (const auto& r : rows_)
    if (r.slice > first && r.own + r.others > 0 && (oldest == 0 || r.slice < oldest))
      oldest = r.slice;
  if (oldest == 0)
    return milliseconds{0};
  return milliseconds{(oldest + t.slices) * t.slice.count() - to_millis(now)};
}

rate_shares::counts rate_shares::take_report(time_point now, const timing& t) {
  expire(now, t);
  counts out;
  for (auto& r : rows_)
    if (r.own > r.told) {
      out.emplace_back(r.slice, r.own - r.told);
      r.told = r.own;
    }
  return out;
}

void rate_shares::put_back(const counts& report) {
  for (const auto& [slice, count] : report)
    for (auto& r : rows_)
      if (r.slice == slice)
        r.told -= std::min(r.told, count);
}

void rate_shares::learn(const counts& all) {
  for (auto& r : rows_)
    r.others = 0;
  for (const auto& [slice, count] : all) {
    auto& r = at(slice);
    r.others = std::max<std::int64_t>(0, count - r.told);
  }
}

bool rate_shares::expire(time_point now, const timing& t) {
  const auto first = slice_at(now, t) - t.slices;
  std::erase_if(rows_, [&](const row& r) { return r.slice <= first; });
  return rows_.empty();
}

} // namespace tiketi::net
