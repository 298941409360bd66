#include "actors/vwr/request_ids.hpp"

#include "actors/vwr/numbered_room.hpp"

#include <algorithm>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace tiketi::vwr {

namespace {

// The 122 free bits of a version 8 uuid: number 34, generation 10, minute 24, seal 54.
constexpr std::uint64_t minutes_modulo = std::uint64_t{1} << 24;
constexpr unsigned seal_bits = 54;
constexpr std::uint64_t seal_mask = (std::uint64_t{1} << seal_bits) - 1;

std::uint64_t minute_of(time_point t) {
  return static_cast<std::uint64_t>(to_millis(t) / 60'000) % minutes_modulo;
}

void append(std::vector<unsigned char>& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<unsigned char>(value >> shift));
}

} // namespace

result<request_ids> request_ids::make(std::string_view secret, seconds life) {
  if (secret.size() < 32)
    return failure{errc::invalid_request, "the secret of request ids has fewer than 32 bytes"};
  const auto minutes = (life.count() + 59) / 60;
  // Over half of the range an old id could pass for one of the future.
  if (minutes < 1 || static_cast<std::uint64_t>(minutes) > minutes_modulo / 2)
    return failure{errc::invalid_request, "the life of request ids is out of its bounds"};
  request_ids out;
  constexpr std::string_view purpose = "tiketi waiting room request ids";
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size(), out.key_.data(),
       &size);
  out.life_minutes_ = static_cast<std::uint64_t>(minutes);
  return out;
}

std::uint64_t request_ids::tag(const event_id& event, std::string_view holder, std::uint64_t fields,
                               std::uint64_t minute) const {
  std::vector<unsigned char> text;
  text.reserve(32 + holder.size());
  text.insert(text.end(), event.value.bytes.begin(), event.value.bytes.end());
  append(text, fields);
  append(text, minute);
  text.insert(text.end(), holder.begin(), holder.end()); // last, so no length is needed
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), text.data(), text.size(),
       mac.data(), &size);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i)
    out = out << 8 | mac[i];
  return out & seal_mask;
}

uuid request_ids::seal(const event_id& event, std::string_view holder, std::uint64_t generation,
                       std::uint64_t number, time_point now) const {
  const auto minute = minute_of(now);
  const auto fields = (number & number_max) << 10 | generation % generations;
  const auto high = fields << 16 | (minute & 0xffff);
  const auto low = (minute >> 16) << seal_bits | tag(event, holder, fields, minute);
  uuid id;
  for (std::size_t i = 0; i < 6; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(high >> (52 - 8 * i));
  id.bytes[6] = static_cast<std::uint8_t>(0x80 | ((high >> 8) & 0x0f));
  id.bytes[7] = static_cast<std::uint8_t>(high);
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (low >> 56));
  for (std::size_t i = 9; i < 16; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(low >> (8 * (15 - i)));
  return id;
}

std::optional<numbered> request_ids::open(const event_id& event, std::string_view holder,
                                          const uuid& id, time_point now) const {
  const auto& b = id.bytes;
  if (b[6] >> 4 != 8 || b[8] >> 6 != 2)
    return std::nullopt;
  std::uint64_t high = 0;
  for (std::size_t i = 0; i < 6; ++i)
    high = high << 8 | b[i];
  high = high << 12 | static_cast<std::uint64_t>(b[6] & 0x0f) << 8 | b[7];
  std::uint64_t low = b[8] & 0x3f;
  for (std::size_t i = 9; i < 16; ++i)
    low = low << 8 | b[i];
  const auto fields = high >> 16;
  const auto minute = (high & 0xffff) | (low >> seal_bits) << 16;
  // One comparison of a word: its time says nothing about how many bits were right.
  if (((low & seal_mask) ^ tag(event, holder, fields, minute)) != 0)
    return std::nullopt;
  const auto age = (minute_of(now) + minutes_modulo - minute) % minutes_modulo;
  // A clock that was set back makes ids look as if made in the future: those are young.
  if (age > life_minutes_ && age < minutes_modulo / 2)
    return std::nullopt;
  return numbered{fields % generations, fields >> 10};
}

} // namespace tiketi::vwr
