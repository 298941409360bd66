#include "actors/auth/key_set.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace tiketi::auth {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size() || n < 0)
    return std::nullopt;
  return n;
}

} // namespace

std::optional<seconds> freshness(std::string_view cache_control, std::string_view age) {
  std::optional<std::int64_t> max_age;
  for (std::size_t at = 0; at <= cache_control.size();) {
    const auto end = std::min(cache_control.find(',', at), cache_control.size());
    std::string word{trim(cache_control.substr(at, end - at))};
    std::transform(word.begin(), word.end(), word.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (word == "no-store" || word == "no-cache")
      return seconds{0};
    if (word.starts_with("max-age="))
      max_age = number(std::string_view(word).substr(8));
    at = end + 1;
  }
  if (!max_age)
    return std::nullopt;
  return seconds{std::max<std::int64_t>(*max_age - number(trim(age)).value_or(0), 0)};
}

void key_set::fetched(std::vector<named_key> keys, std::optional<seconds> fresh_for,
                      time_point now) {
  keys_ = std::move(keys);
  failing_ = false;
  fresh_until_ =
      now + std::clamp(fresh_for.value_or(seconds{0}), options_.age_min, options_.age_max);
}

key_set::choice key_set::find(std::string_view key_id, time_point now) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const named_key& k) { return k.id == key_id; });
  const bool known = found != keys_.end();
  const bool fresh = fresh_until_ && now < *fresh_until_;
  if (known && fresh)
    return {advice::use, found->key};
  // An unknown key costs an attacker nothing, so it may not cost us a call each time.
  const auto wait = fresh && !failing_ ? options_.refetch_wait : options_.failure_wait;
  if (may_fetch(wait, now))
    return {advice::fetch, {}};
  if (known && now < *fresh_until_ + options_.stale_max)
    return {advice::use, found->key};
  return {fresh ? advice::unknown_key : advice::unavailable, {}};
}

} // namespace tiketi::auth
