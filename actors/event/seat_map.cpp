#include "actors/event/seat_map.hpp"

#include "actors/event/map_updates.hpp"

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

// What comes before and after a seat's id, and before its status, as the constructor writes it.
constexpr std::string_view before_id = R"({"id":")";
constexpr std::string_view before_status = R"(,"status":)";
constexpr std::size_t id_size = 36;
constexpr std::size_t nonce_digits = 16;

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
  seats_at_ = first_.size();
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
  remember(index);
}

void seat_map::remember(std::size_t index) {
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

/// Which change `version` stands for; nothing: it is of another activation, or too long ago.
std::optional<std::uint64_t> seat_map::number_of(std::string_view version) const {
  if (version.size() < nonce_digits + 2 || version[nonce_digits] != '-'
      || version.substr(0, nonce_digits) != fmt::format("{:016x}", nonce_))
    return std::nullopt;
  const auto number = version.substr(nonce_digits + 1);
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out);
  if (error != std::errc{} || end != number.data() + number.size() || out < base_
      || out > base_ + changes_.size())
    return std::nullopt;
  return out;
}

std::optional<std::vector<std::size_t>> seat_map::changed_since(std::string_view version) const {
  const auto from = number_of(version);
  if (!from)
    return std::nullopt;
  std::vector<std::size_t> out(changes_.begin() + static_cast<std::ptrdiff_t>(*from - base_),
                               changes_.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

seat_id seat_map::id(std::size_t index) const {
  // A seat begins behind the status of the one before it.
  const auto from = index == 0 ? seats_at_ : offset_[index - 1] + width + 2;
  return seat_id{parse_uuid(std::string_view{first_}.substr(from + before_id.size(), id_size))
                     .value_or(uuid{})};
}

// -- copies on other nodes ---------------------------------------------------------------------

std::optional<seat_map> seat_map::from_frame(std::string frame, std::size_t seats_at,
                                             std::string_view version) {
  if (seats_at > frame.size() || version.size() < nonce_digits + 2)
    return std::nullopt;
  seat_map out;
  const auto parse = [](std::string_view text, auto& into, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
    return error == std::errc{} && end == text.data() + text.size();
  };
  if (!parse(version.substr(0, nonce_digits), out.nonce_, 16)
      || !parse(version.substr(nonce_digits + 1), out.base_, 10))
    return std::nullopt;
  // Within text a quote is escaped, so this stands nowhere but where a seat's status follows.
  for (auto at = frame.find(before_status, seats_at); at != std::string::npos;
       at = frame.find(before_status, at)) {
    at += before_status.size();
    const auto word =
        std::find(words.begin(), words.end(), std::string_view{frame}.substr(at, width));
    if (word == words.end())
      return std::nullopt;
    out.offset_.push_back(static_cast<std::uint32_t>(at));
    out.statuses_.push_back(static_cast<seat_status>(word - words.begin()));
  }
  out.first_ = std::move(frame);
  out.seats_at_ = seats_at;
  return out;
}

seat_map_update seat_map::update_for(std::string_view since, std::size_t have,
                                     std::size_t part_max) const {
  seat_map_update out;
  out.seats_at = seats_at_;
  const auto from = number_of(since);
  if (!from || have > 0) {
    const auto begin = from ? std::min(have, first_.size()) : 0;
    out.version = from ? std::string{since} : version();
    out.whole = true;
    out.begin = begin;
    out.size = first_.size();
    out.part = first_.substr(begin, part_max);
    return out;
  }
  out.version = version();
  out.changes.assign(changes_.begin() + static_cast<std::ptrdiff_t>(*from - base_), changes_.end());
  out.statuses.reserve(out.changes.size());
  for (const auto seat : out.changes)
    out.statuses.push_back(static_cast<std::uint8_t>(statuses_[seat]));
  return out;
}

bool seat_map::follow(const seat_map_update& update) {
  if (update.whole || update.statuses.size() != update.changes.size())
    return false;
  for (std::size_t i = 0; i < update.changes.size(); ++i)
    if (update.changes[i] >= statuses_.size() || update.statuses[i] >= words.size())
      return false;
  if (update.version
      != fmt::format("{:016x}-{}", nonce_, base_ + changes_.size() + update.changes.size()))
    return false;
  for (std::size_t i = 0; i < update.changes.size(); ++i) {
    statuses_[update.changes[i]] = static_cast<seat_status>(update.statuses[i]);
    remember(update.changes[i]);
  }
  return true;
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

seat_changes answer(seat_map& map, const get_seat_changes& query) {
  seat_changes out;
  out.version = map.version();
  const auto changed = map.changed_since(query.since);
  out.whole = !changed;
  if (changed) {
    out.changes.reserve(changed->size());
    for (const auto i : *changed)
      out.changes.push_back({map.id(i), map.status(i)});
  }
  if (out.whole || query.with_map)
    out.map = map.publish();
  return out;
}

} // namespace tiketi::ticket
