#include "actors/catalog/artist_changed.hpp"

#include <nlohmann/json.hpp>

namespace tiketi::catalog {

using nlohmann::json;

std::string to_json(const artist_row& artist) {
  const json root = {{"artist",
                      {{"id", to_string(artist.id)},
                       {"name", artist.name},
                       {"imageUrl", artist.image_url ? json(*artist.image_url) : json(nullptr)},
                       {"membershipPrice", artist.membership_price}}}};
  return root.dump(-1, ' ', false, json::error_handler_t::replace);
}

namespace {

std::optional<artist_id> id_of(const json& artist) {
  const auto id = artist.find("id");
  const auto parsed = id != artist.end() && id->is_string()
                          ? parse_id<artist_id>(id->get_ref<const std::string&>())
                          : std::nullopt;
  return parsed && !parsed->is_nil() ? parsed : std::nullopt;
}

} // namespace

std::string removed_artist(const artist_id& artist) {
  const json root = {{"artist", {{"id", to_string(artist)}}}};
  return root.dump();
}

result<artist_id> parse_artist_removed(std::string_view text) {
  const auto root = json::parse(text, nullptr, false);
  if (root.is_object() && root.contains("artist") && root["artist"].is_object())
    if (const auto id = id_of(root["artist"]))
      return *id;
  return failure{errc::invalid_request, "payload.artist.id is missing or wrong"};
}

result<artist_row> parse_artist_changed(std::string_view text) {
  const auto wrong = [](const char* field) {
    return failure{errc::invalid_request, std::string("artist.") + field + " is missing or wrong"};
  };
  const auto root = json::parse(text, nullptr, false);
  if (!root.is_object() || !root.contains("artist") || !root["artist"].is_object())
    return failure{errc::invalid_request, "payload.artist is missing"};
  const auto& a = root["artist"];
  artist_row out;
  const auto parsed = id_of(a);
  if (!parsed)
    return wrong("id");
  out.id = *parsed;
  const auto name = a.find("name");
  if (name == a.end() || !name->is_string())
    return wrong("name");
  out.name = name->get<std::string>();
  if (const auto image = a.find("imageUrl"); image != a.end() && !image->is_null()) {
    if (!image->is_string())
      return wrong("imageUrl");
    out.image_url = image->get<std::string>();
  }
  const auto price = a.find("membershipPrice");
  if (price == a.end() || !price->is_number_integer() || price->get<std::int64_t>() < 0)
    return wrong("membershipPrice");
  out.membership_price = price->get<std::int64_t>();
  return out;
}

} // namespace tiketi::catalog
