#include "actors/base/trace.hpp"

#include <cstdint>

namespace tiketi {

namespace {

bool is_hex_id(std::string_view text, bool may_be_zero) noexcept {
  bool zero = true;
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
      return false;
    zero = zero && c == '0';
  }
  return may_be_zero || !zero;
}

void put_hex(std::string& out, std::size_t at, std::uint64_t value) {
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = 16; i-- > 0; value >>= 4)
    out[at + i] = digits[value & 15];
}

} // namespace

bool is_traceparent(std::string_view text) noexcept {
  return text.size() == 55 && text.starts_with("00-") && text[35] == '-' && text[52] == '-'
         && is_hex_id(text.substr(3, 32), false) && is_hex_id(text.substr(36, 16), false)
         && is_hex_id(text.substr(53, 2), true);
}

std::string traceparent_or_empty(std::string text) noexcept {
  if (!is_traceparent(text))
    text.clear();
  return text;
}

std::string make_traceparent(environment& env) {
  std::string out = "00-00000000000000000000000000000000-0000000000000000-00";
  put_hex(out, 3, env.random());
  // An id of zeroes is invalid; the lowest bit keeps both from it.
  put_hex(out, 19, env.random() | 1);
  put_hex(out, 36, env.random() | 1);
  return out;
}

bool is_sampled(std::string_view traceparent) noexcept {
  if (!is_traceparent(traceparent))
    return false;
  const char low = traceparent[54];
  return ((low <= '9' ? low - '0' : low - 'a' + 10) & 1) != 0;
}

std::string_view span_id_of(std::string_view traceparent) noexcept {
  return traceparent.substr(36, 16);
}

std::string log_mark_of(std::string_view traceparent) {
  if (!is_traceparent(traceparent))
    return {};
  return std::string{" trace_id="}.append(traceparent.substr(3, 32));
}

bool belongs_to_sample(std::string_view traceparent, double share) noexcept {
  if (share >= 1)
    return true;
  if (share <= 0 || !is_traceparent(traceparent))
    return false;
  // The last 56 bits of the id are random (W3C Trace Context level 2).
  std::uint64_t value = 0;
  for (const char c : traceparent.substr(21, 14))
    value = value << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  return static_cast<double>(value) < share * static_cast<double>(std::uint64_t{1} << 56);
}

void set_sampled(std::string& traceparent) noexcept {
  constexpr std::string_view odd = "1133557799bbddff";
  const char low = traceparent[54];
  traceparent[54] = odd[static_cast<std::size_t>(low <= '9' ? low - '0' : low - 'a' + 10)];
}

std::string child_traceparent(std::string_view parent, environment& env) {
  if (!is_traceparent(parent))
    return make_traceparent(env);
  std::string out{parent};
  put_hex(out, 36, env.random() | 1);
  return out;
}

} // namespace tiketi
