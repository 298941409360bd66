#include "actors/event/seat_map.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::ticket {

namespace {

constexpr std::array<std::string_view, 3> words = {
    "\"available\"",
    "\"locked\"   ",
    "\"reserved\" ",
};
constexpr std::size_t width = words[0].size();
static_assert(words[1].size() == width && words[2].size() == width);

/// Bodies kept for reuse besides the published one.
constexpr std::size_t spare_max = 2;

std::string json_text(std::string_view text) {
  // Text comes from the catalog; a broken byte must not take the seat map down.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string layout_text(const std::string& config) {
  if (config.empty() || !nlohmann::json::accept(config))
    return "null";
  return config;
}

} // namespace

seat_map::seat_map(const event_row& event, const std::vector<seat_row>& seats, std::uint64_t nonce)
    : nonce_(nonce) {
  first_.reserve(512 + event.layout_config.size() + seats.size() * 200);
  auto out = std::back_inserter(first_);
  fmt::format_to(out, R"({{"event":{{"id":"{}","title":{}}},"layout":{},"seats":[)",
                 to_string(event.id), json_text(event.title), layout_text(event.layout_config));
  offset_.reserve(seats.size());
  statuses_.reserve(seats.size());
  std::string section;
  std::string section_json = "\"\"";
  for (const auto& seat : seats) {
    if (!offset_.empty())
      first_ += ',';
    if (seat.section != section) {
      section = seat.section;
      section_json = json_text(section);
    }
    fmt::format_to(
        out,
        R"({{"id":"{}","section":{},"row_number":{},"seat_number":{},"seat_label":{},"price":{},"status":)",
        to_string(seat.id), section_json, seat.row, seat.number, json_text(seat.label), seat.price);
    offset_.push_back(static_cast<std::uint32_t>(first_.size()));
    statuses_.push_back(seat.status);
    first_ += words[static_cast<std::size_t>(seat.status)];
    first_ += '}';
  }
  first_ += "]}";
}

void seat_map::write(std::string& bytes, std::size_t index) const {
  std::memcpy(bytes.data() + offset_[index],
              words[static_cast<std::size_t>(statuses_[index])].data(), width);
}

void seat_map::set(std::size_t index, seat_status status) {
  if (index >= statuses_.size() || statuses_[index] == status)
    return;
  statuses_[index] = status;
  changes_.push_back(static_cast<std::uint32_t>(index));
  write(first_, index);
  // Past this many patches a copy is cheaper, so older buffers are not worth their history.
  const auto keep = statuses_.size() / 4 + 1024;
  if (changes_.size() > 2 * keep) {
    const auto drop = changes_.size() - keep;
    changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(drop));
    base_ += drop;
  }
}

std::string seat_map::version() const {
  return fmt::format("{:016x}-{}", nonce_, base_ + changes_.size());
}

std::optional<std::vector<std::size_t>> seat_map::changed_since(std::string_view version) const {
  constexpr std::size_t digits = 16;
  if (version.size() < digits + 2 || version[digits] != '-'
      || version.substr(0, digits) != fmt::format("{:016x}", nonce_))
    return std::nullopt;
  const auto number = version.substr(digits + 1);
  std::uint64_t from = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), from);
  if (error != std::errc{} || end != number.data() + number.size() || from < base_
      || from > base_ + changes_.size())
    return std::nullopt;
  std::vector<std::size_t> out(changes_.begin() + static_cast<std::ptrdiff_t>(from - base_),
                               changes_.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

seat_map_view seat_map::publish() {
  const auto now = base_ + changes_.size();
  if (current_.body && published_at_ == now)
    return current_;
  // Without readers the published body returns to the pool here and is the one to patch.
  current_.body.reset();
  std::unique_ptr<buffer> next;
  {
    const std::lock_guard lock(pool_->mutex);
    auto& free = pool_->free;
    if (!free.empty()) {
      next = std::move(free.back());
      free.pop_back();
    }
  }
  if (!next)
    next = std::make_unique<buffer>();
  if (next->bytes.empty() || next->change < base_) {
    next->bytes = first_;
    ++copies_;
  } else {
    for (auto i = next->change; i < now; ++i)
      write(next->bytes, changes_[static_cast<std::size_t>(i - base_)]);
  }
  next->change = now;
  auto* raw = next.release();
  // The mutex hands the bytes from the last reader back to the writer.
  const std::shared_ptr<buffer> owner(raw, [pool = pool_](buffer* b) {
    std::unique_ptr<buffer> back(b);
    const std::lock_guard lock(pool->mutex);
    if (pool->free.size() < spare_max)
      pool->free.push_back(std::move(back));
  });
  current_.body = std::shared_ptr<const std::string>(owner, &raw->bytes);
  current_.etag = '"' + version() + '"';
  published_at_ = now;
  return current_;
}

} // namespace tiketi::ticket
