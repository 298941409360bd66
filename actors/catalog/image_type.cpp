#include "actors/catalog/image_type.hpp"

#include <algorithm>
#include <array>

namespace tiketi::catalog {

using namespace std::string_view_literals;

namespace {

constexpr std::array all{image_type::jpeg, image_type::png, image_type::webp, image_type::gif};
constexpr std::size_t digest_digits = 64;

} // namespace

std::optional<image_type> sniff_image(std::string_view bytes) noexcept {
  // Each signature with the least that any image of its kind has behind it.
  if (bytes.size() >= 125 && bytes.starts_with("\xff\xd8\xff"sv))
    return image_type::jpeg;
  if (bytes.size() >= 57 && bytes.starts_with("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"sv))
    return image_type::png;
  if (bytes.size() >= 26 && bytes.starts_with("RIFF"sv) && bytes.substr(8).starts_with("WEBPVP8"sv))
    return image_type::webp;
  if (bytes.size() >= 26 && (bytes.starts_with("GIF87a"sv) || bytes.starts_with("GIF89a"sv)))
    return image_type::gif;
  return std::nullopt;
}

std::string_view media_type(image_type type) noexcept {
  constexpr std::array words{"image/jpeg"sv, "image/png"sv, "image/webp"sv, "image/gif"sv};
  return words[static_cast<std::size_t>(type)];
}

std::string_view extension(image_type type) noexcept {
  constexpr std::array words{".jpg"sv, ".png"sv, ".webp"sv, ".gif"sv};
  return words[static_cast<std::size_t>(type)];
}

std::optional<image_type> type_of_name(std::string_view name) noexcept {
  if (name.size() < digest_digits
      || !std::all_of(name.begin(), name.begin() + digest_digits,
                      [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }))
    return std::nullopt;
  for (const auto type : all)
    if (name.substr(digest_digits) == extension(type))
      return type;
  return std::nullopt;
}

std::string address_of_image(std::string_view public_address, std::string_view name) {
  while (public_address.ends_with('/'))
    public_address.remove_suffix(1);
  return std::string{public_address} + "/api/image/files/" + std::string{name};
}

} // namespace tiketi::catalog
