#include "actors/remote/retry.hpp"

#include <algorithm>
#include <charconv>

namespace tiketi::remote {
namespace {

constexpr std::int64_t retry_after_max = 3600; // seconds

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// In seconds; a date is not read, so it asks for nothing.
milliseconds retry_after(const http_headers& headers) {
  const auto text = find_header(headers, "Retry-After");
  std::int64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size() || n < 0)
    return milliseconds{0};
  return seconds{std::min(n, retry_after_max)};
}

} // namespace

std::string_view find_header(const http_headers& headers, std::string_view name) noexcept {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& h) {
    return std::equal(h.first.begin(), h.first.end(), name.begin(), name.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
  });
  return found == headers.end() ? std::string_view{} : std::string_view{found->second};
}

std::string_view to_string_view(http_failure f) noexcept {
  constexpr std::string_view words[] = {"none",       "refused",   "untrusted", "timed_out",
                                        "lost",       "too_large", "rejected",  "circuit_open",
                                        "overloaded", "forbidden"};
  return words[static_cast<std::size_t>(f)];
}

attempt_verdict judge(const transfer_result& result) {
  switch (result.error) {
  case http_failure::none:
    break;
  case http_failure::refused:
  case http_failure::timed_out:
  case http_failure::lost:
    return {call_outcome::failure, true, milliseconds{0}};
  case http_failure::untrusted:
  case http_failure::too_large:
    return {call_outcome::failure, false, milliseconds{0}};
  case http_failure::rejected:
  case http_failure::circuit_open:
  case http_failure::overloaded:
  case http_failure::forbidden: // our rule, and nothing that the target did
    return {call_outcome::abandoned, false, milliseconds{0}};
  }
  if (result.status == 429 || result.status >= 500) {
    // 501 and 505 will be the same tomorrow.
    const auto again = result.status != 501 && result.status != 505;
    return {call_outcome::failure, again, retry_after(result.headers)};
  }
  return {};
}

std::optional<milliseconds> retry_wait(const retry_options& options, std::uint32_t made,
                                       milliseconds at_least, time_point now, time_point deadline,
                                       std::uint64_t random) {
  if (made == 0 || made >= options.attempts_max)
    return std::nullopt;
  auto wait = std::min(options.wait_first, options.wait_max);
  for (std::uint32_t i = 1; i < made && wait < options.wait_max; ++i)
    wait = std::min(wait * 2, options.wait_max);
  const auto half = wait.count() / 2;
  const auto spread = static_cast<std::uint64_t>(wait.count() - half) + 1;
  wait = milliseconds{half + static_cast<std::int64_t>(random % spread)};
  wait = std::max(wait, at_least);
  if (now + wait >= deadline)
    return std::nullopt;
  return wait;
}

} // namespace tiketi::remote
