#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiketi::catalog {

enum class image_type : std::uint8_t { jpeg, png, webp, gif };

/// What the bytes are, whatever a client says about them. Nothing: no image of these kinds.
std::optional<image_type> sniff_image(std::string_view bytes) noexcept;

/// `image/jpeg` ...
std::string_view media_type(image_type type) noexcept;

/// `.jpg` ...
std::string_view extension(image_type type) noexcept;

/// What the name of a stored image says: 64 lower-case hexadecimal digits (the SHA-256 of the
/// content) and an extension from above; anything else gives nothing. So a name that is accepted
/// here can be no path.
std::optional<image_type> type_of_name(std::string_view name) noexcept;

/// The address under which the image of this name is served; `public_address` stands before the
/// path and may be empty or `/`.
std::string address_of_image(std::string_view public_address, std::string_view name);

} // namespace tiketi::catalog
