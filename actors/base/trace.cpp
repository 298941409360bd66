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

std::string make_traceparent(environment& env) {
  std::string out = "00-00000000000000000000000000000000-0000000000000000-00";
  put_hex(out, 3, env.random());
  // An id of zeroes is invalid; the lowest bit keeps both from it.
  put_hex(out, 19, env.random() | 1);
  put_hex(out, 36, env.random() | 1);
  return out;
}

std::string child_traceparent(std::string_view parent, environment& env) {
  if (!is_traceparent(parent))
    return make_traceparent(env);
  std::string out{parent};
  put_hex(out, 36, env.random() | 1);
  return out;
}

} // namespace tiketi
