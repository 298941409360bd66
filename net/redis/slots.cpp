#include "net/redis/slots.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace tiketi::net {

namespace {

constexpr std::size_t masters_max = 1'000; ///< what Redis recommends as the most

constexpr auto crc_table = [] {
  std::array<std::uint16_t, 256> out{};
  for (unsigned i = 0; i < out.size(); ++i) {
    unsigned crc = i << 8;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 0x8000u) != 0 ? (crc << 1) ^ 0x1021u : crc << 1;
    out[i] = static_cast<std::uint16_t>(crc);
  }
  return out;
}();

template <class T>
std::optional<T> number(std::string_view text, T least, T most) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < least || out > most)
    return std::nullopt;
  return out;
}

std::optional<std::uint16_t> slot_number(const redis::reply& r) {
  if (r.what != redis::reply::kind::integer || r.integer < 0
      || r.integer >= static_cast<std::int64_t>(redis_slots))
    return std::nullopt;
  return static_cast<std::uint16_t>(r.integer);
}

/// A host as an answer may have it: of printable characters, of a length that a name can have.
bool plausible(std::string_view host) {
  return host.size() <= 253
         && std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

} // namespace

std::uint16_t crc16(std::string_view bytes) noexcept {
  unsigned crc = 0;
  for (const char c : bytes)
    crc = (crc << 8 ^ crc_table[(crc >> 8 ^ static_cast<unsigned char>(c)) & 0xffu]) & 0xffffu;
  return static_cast<std::uint16_t>(crc);
}

std::uint16_t key_slot(std::string_view key) noexcept {
  if (const auto open = key.find('{'); open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1)
      key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) % redis_slots;
}

std::optional<std::uint16_t> call_slot(const redis::call& c) noexcept {
  const std::size_t at = c.run ? 0 : 1;
  if (c.words.size() <= at || (c.run && c.keys == 0))
    return std::nullopt;
  return key_slot(c.words[at]);
}

std::string to_string(const redis_address& where) {
  return where.host + ':' + std::to_string(where.port);
}

std::optional<redirection> parse_redirection(std::string_view text, const std::string& asked) {
  redirection out;
  const auto skip = [&text](std::string_view word) {
    const bool there = text.starts_with(word);
    if (there)
      text.remove_prefix(word.size());
    return there;
  };
  out.ask = skip("ASK ");
  if (!out.ask && !skip("MOVED "))
    return std::nullopt;
  const auto blank = text.find(' ');
  if (blank == std::string_view::npos
      || !number<unsigned>(text.substr(0, blank), 0, redis_slots - 1))
    return std::nullopt;
  text.remove_prefix(blank + 1);
  // The last one: an address of IPv6 has more of them.
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return std::nullopt;
  const auto host = text.substr(0, colon);
  const auto port = number<unsigned>(text.substr(colon + 1), 1, 65'535);
  if (!port || host == "?" || !plausible(host))
    return std::nullopt;
  out.to = {host.empty() ? asked : std::string{host}, static_cast<std::uint16_t>(*port)};
  return out;
}

std::optional<std::vector<slot_range>> parse_slots(const redis::reply& answer,
                                                   const std::string& asked) {
  using kind = redis::reply::kind;
  if (answer.what != kind::list || answer.items.size() > redis_slots)
    return std::nullopt;
  std::vector<slot_range> out;
  std::set<redis_address> masters;
  for (const auto& item : answer.items) {
    if (item.what != kind::list || item.items.size() < 3)
      return std::nullopt;
    const auto first = slot_number(item.items[0]);
    const auto last = slot_number(item.items[1]);
    const auto& master = item.items[2]; // behind it are its replicas
    if (!first || !last || *first > *last || master.what != kind::list || master.items.size() < 2)
      return std::nullopt;
    const auto& host = master.items[0];
    const auto& port = master.items[1];
    const bool named = host.what == kind::text && !host.text.empty();
    if ((host.what != kind::text && host.what != kind::nil) || !plausible(host.text)
        || port.what != kind::integer || port.integer < 0 || port.integer > 65'535)
      return std::nullopt;
    if ((named && host.text == "?") || port.integer == 0)
      continue;
    slot_range range{
        *first, *last, {named ? host.text : asked, static_cast<std::uint16_t>(port.integer)}};
    masters.insert(range.master);
    out.push_back(std::move(range));
  }
  if (masters.size() > masters_max)
    return std::nullopt;
  return out;
}

void slot_table::learn(const std::vector<slot_range>& ranges) {
  auto names = std::exchange(masters_, {});
  auto owners = std::exchange(owners_, {});
  owners.resize(redis_slots);
  std::map<redis_address, std::uint16_t> numbers;
  for (std::size_t i = 0; i < names.size(); ++i)
    numbers.emplace(names[i], static_cast<std::uint16_t>(i + 1));
  std::vector<bool> told(redis_slots);
  for (const auto& range : ranges) {
    const auto [found, fresh] =
        numbers.try_emplace(range.master, static_cast<std::uint16_t>(names.size() + 1));
    if (fresh)
      names.push_back(range.master);
    for (std::size_t slot = range.first; slot <= range.last; ++slot) {
      owners[slot] = found->second;
      told[slot] = true;
    }
  }
  unserved_ = static_cast<std::size_t>(std::count(told.begin(), told.end(), false));
  // Those that have a slot left, in the old order.
  std::vector<std::size_t> counts(names.size() + 1);
  for (const auto owner : owners)
    ++counts[owner];
  std::vector<std::uint16_t> now(names.size() + 1);
  counts_.clear();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (counts[i + 1] == 0)
      continue;
    masters_.push_back(std::move(names[i]));
    counts_.push_back(counts[i + 1]);
    now[i + 1] = static_cast<std::uint16_t>(masters_.size());
  }
  for (auto& owner : owners)
    owner = now[owner];
  owners_ = std::move(owners);
}

std::optional<std::size_t> slot_table::owner(std::uint16_t slot) const noexcept {
  if (slot >= owners_.size() || owners_[slot] == 0)
    return std::nullopt;
  return owners_[slot] - 1u;
}

} // namespace tiketi::net
