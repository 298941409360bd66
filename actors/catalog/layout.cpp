#include "actors/catalog/layout.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tiketi::catalog {

namespace {

using nlohmann::json;

constexpr std::int64_t price_max = 1'000'000'000;
constexpr std::size_t name_bytes_max = 100;

/// An integer within bounds; nothing when absent or anything else.
std::optional<std::int64_t> read_int(const json& object, const char* key, std::int64_t min,
                                     std::int64_t max) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer())
    return std::nullopt;
  // An unsigned value over the signed range would wrap; the bounds are far below it.
  if (found->is_number_unsigned()
      && found->get<std::uint64_t>() > static_cast<std::uint64_t>(price_max))
    return std::nullopt;
  const auto value = found->get<std::int64_t>();
  if (value < min || value > max)
    return std::nullopt;
  return value;
}

failure bad(std::size_t index, std::string_view what) {
  return {errc::invalid_request, fmt::format("layout section {}: {}", index + 1, what)};
}

/// Nothing when all is well.
std::optional<failure> read_accessible(const json& list, std::size_t index,
                                       layout_section& section) {
  if (!list.is_array() || list.size() > accessible_ranges_max)
    return bad(index, fmt::format("accessible must be a list of at most {} ranges",
                                  accessible_ranges_max));
  for (const auto& item : list) {
    accessible_seats range;
    if (item.is_object()) {
      const auto last_row = section.start_row + section.rows - 1;
      const auto row = read_int(item, "row", section.start_row, last_row);
      const auto first = read_int(item, "from", 1, section.seats_per_row);
      const auto last = read_int(item, "to", first.value_or(1), section.seats_per_row);
      range.row = static_cast<std::int32_t>(row.value_or(0));
      range.first = static_cast<std::int32_t>(first.value_or(0));
      range.last = static_cast<std::int32_t>(last.value_or(0));
    }
    if (range.row == 0 || range.first == 0 || range.last == 0)
      return bad(index, "accessible has a range that is not in its rows and seats");
    section.accessible.push_back(range);
  }
  return std::nullopt;
}

bool overlap(const layout_section& a, const layout_section& b) {
  return a.name == b.name && a.start_row < b.start_row + b.rows
         && b.start_row < a.start_row + a.rows;
}

} // namespace

result<seat_plan> parse_layout(std::string_view text) {
  const auto root = json::parse(text, nullptr, false);
  if (!root.is_object())
    return failure{errc::invalid_request, "layout is not a JSON object"};
  const auto list = root.find("sections");
  if (list == root.end() || !list->is_array() || list->empty())
    return failure{errc::invalid_request, "layout has no sections"};
  if (list->size() > layout_sections_max)
    return failure{errc::invalid_request,
                   fmt::format("layout has more than {} sections", layout_sections_max)};
  seat_plan plan;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto& item = (*list)[i];
    if (!item.is_object())
      return bad(i, "not an object");
    layout_section section;
    const auto name = item.find("name");
    if (name == item.end() || !name->is_string())
      return bad(i, "name is missing");
    section.name = name->get<std::string>();
    if (section.name.empty() || section.name.size() > name_bytes_max)
      return bad(i, fmt::format("name must have 1 to {} bytes", name_bytes_max));
    const auto rows = read_int(item, "rows", 1, layout_seats_max);
    const auto seats = read_int(item, "seatsPerRow", 1, layout_seats_max);
    const auto price = read_int(item, "price", 0, price_max);
    if (!rows || !seats)
      return bad(i, fmt::format("rows and seatsPerRow must be 1 to {}", layout_seats_max));
    if (!price)
      return bad(i, fmt::format("price must be 0 to {} won", price_max));
    section.rows = static_cast<std::int32_t>(*rows);
    section.seats_per_row = static_cast<std::int32_t>(*seats);
    section.price = *price;
    if (item.contains("startRow")) {
      const auto start = read_int(item, "startRow", 1, layout_seats_max);
      if (!start)
        return bad(i, fmt::format("startRow must be 1 to {}", layout_seats_max));
      section.start_row = static_cast<std::int32_t>(*start);
    }
    if (const auto list_of = item.find("accessible"); list_of != item.end() && !list_of->is_null())
      if (auto wrong = read_accessible(*list_of, i, section))
        return *wrong;
    total += *rows * *seats;
    if (total > layout_seats_max)
      return failure{errc::invalid_request,
                     fmt::format("layout has more than {} seats", layout_seats_max)};
    if (std::ranges::any_of(plan.sections, [&](const auto& x) { return overlap(x, section); }))
      return bad(i, "its rows exist already in a section of the same name");
    plan.sections.push_back(std::move(section));
  }
  plan.total_seats = static_cast<std::int32_t>(total);
  return plan;
}

std::string to_json(const std::vector<layout_section>& sections) {
  auto list = json::array();
  for (const auto& s : sections) {
    list.push_back({{"name", s.name},
                    {"rows", s.rows},
                    {"seatsPerRow", s.seats_per_row},
                    {"price", s.price},
                    {"startRow", s.start_row}});
    for (const auto& a : s.accessible)
      list.back()["accessible"].push_back({{"row", a.row}, {"from", a.first}, {"to", a.last}});
  }
  return json{{"sections", std::move(list)}}.dump();
}

accessible_index::accessible_index(const seat_plan& plan) {
  for (const auto& s : plan.sections)
    for (const auto& a : s.accessible)
      entries_.push_back({s.name, a});
  std::sort(entries_.begin(), entries_.end(), [](const entry& a, const entry& b) {
    return std::tie(a.section, a.seats.row) < std::tie(b.section, b.seats.row);
  });
}

bool accessible_index::contains(std::string_view section, std::int32_t row,
                                std::int32_t number) const {
  const auto key = std::tie(section, row);
  auto at =
      std::lower_bound(entries_.begin(), entries_.end(), key, [](const entry& e, const auto& k) {
        return std::tie(e.section, e.seats.row) < k;
      });
  for (; at != entries_.end() && at->section == section && at->seats.row == row; ++at)
    if (number >= at->seats.first && number <= at->seats.last)
      return true;
  return false;
}

} // namespace tiketi::catalog
