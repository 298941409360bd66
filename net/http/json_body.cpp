#include "net/http/json_body.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace tiketi::net {

namespace {

constexpr std::size_t depth_max = 32;
/// A client gets this many complaints at most; more would only echo a hostile body.
constexpr std::size_t complaints_max = 100;

/// The parser itself has no bound on nesting, so brackets outside of strings are counted first.
bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max)
        return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

std::size_t count_characters(std::string_view utf8) {
  std::size_t n = 0;
  for (const char c : utf8)
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80)
      ++n;
  return n;
}

std::string_view strip_blanks(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

} // namespace

json_body::json_body(std::string_view text) : value_(nlohmann::json::object()) {
  if (strip_blanks(text).empty())
    return;
  malformed_ = true;
  if (is_too_deep(text))
    return;
  auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_object())
    return;
  value_ = std::move(parsed);
  malformed_ = false;
}

response json_body::error() const {
  return malformed_ ? error_response(errc::malformed_body) : validation_response(errors_);
}

bool json_body::has(std::string_view field) const {
  return find(field) != nullptr;
}

const nlohmann::json* json_body::find(std::string_view field) const {
  const auto it = value_.find(std::string(field));
  return it == value_.end() || it->is_null() ? nullptr : &*it;
}

void json_body::complain(std::string_view field, std::string text) {
  if (errors_.size() < complaints_max)
    errors_.push_back({std::string(field), std::move(text)});
}

bool json_body::flag(std::string_view field, bool fallback) {
  const auto* value = find(field);
  if (!value)
    return fallback;
  if (value->is_boolean())
    return value->get<bool>();
  complain(field, "must be true or false");
  return fallback;
}

std::string json_body::text(std::string_view field, text_rule rule) {
  const auto* value = find(field);
  if (!value) {
    if (rule.required)
      complain(field, rule.min > 0 ? "must not be blank" : "must not be null");
    return {};
  }
  if (!value->is_string()) {
    complain(field, "must be a string");
    return {};
  }
  const auto& out = value->get_ref<const std::string&>();
  // PostgreSQL cannot store it, and C interfaces would cut the text there.
  if (out.find('\0') != std::string::npos) {
    complain(field, "must not contain a NUL character");
    return {};
  }
  const auto length = count_characters(strip_blanks(out));
  if (length == 0 && !rule.required)
    return out.size() <= rule.max ? out : std::string{};
  if (length < rule.min) {
    complain(field, length == 0 ? std::string{"must not be blank"}
                                : fmt::format("must have at least {} characters", rule.min));
    return {};
  }
  if (count_characters(out) > rule.max) {
    complain(field, fmt::format("must have at most {} characters", rule.max));
    return {};
  }
  return out;
}

std::int64_t json_body::number(std::string_view field, number_rule rule) {
  if (!find(field)) {
    complain(field, "must not be null");
    return 0;
  }
  return optional_number(field, rule).value_or(0);
}

std::optional<std::int64_t> json_body::optional_number(std::string_view field, number_rule rule) {
  const auto* value = find(field);
  if (!value)
    return std::nullopt;
  if (!value->is_number_integer()) {
    complain(field, "must be an integer");
    return std::nullopt;
  }
  const bool fits = !value->is_number_unsigned()
                    || value->get<std::uint64_t>()
                           <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!fits || value->get<std::int64_t>() > rule.max) {
    complain(field, fmt::format("must be less than or equal to {}", rule.max));
    return std::nullopt;
  }
  const auto out = value->get<std::int64_t>();
  if (out < rule.min) {
    complain(field, fmt::format("must be greater than or equal to {}", rule.min));
    return std::nullopt;
  }
  return out;
}

uuid json_body::id(std::string_view field) {
  if (!find(field)) {
    complain(field, "must not be null");
    return {};
  }
  return optional_id(field).value_or(uuid{});
}

std::optional<uuid> json_body::optional_id(std::string_view field) {
  const auto* value = find(field);
  if (!value)
    return std::nullopt;
  std::optional<uuid> out;
  if (value->is_string())
    out = parse_uuid(value->get_ref<const std::string&>());
  if (!out)
    complain(field, "must be a UUID");
  return out;
}

std::vector<uuid> json_body::ids(std::string_view field, std::size_t max) {
  const auto* value = find(field);
  if (!value) {
    complain(field, "must not be null");
    return {};
  }
  if (!value->is_array()) {
    complain(field, "must be an array");
    return {};
  }
  if (value->size() > max) {
    complain(field, fmt::format("must have at most {} elements", max));
    return {};
  }
  std::vector<uuid> out;
  out.reserve(value->size());
  std::size_t index = 0;
  for (const auto& element : *value) {
    std::optional<uuid> id;
    if (element.is_string())
      id = parse_uuid(element.get_ref<const std::string&>());
    if (!id)
      complain(fmt::format("{}[{}]", field, index), "must be a UUID");
    else
      out.push_back(*id);
    ++index;
  }
  return out;
}

std::vector<json_body> json_body::objects(std::string_view field, std::size_t max) {
  const auto* value = find(field);
  if (!value) {
    complain(field, "must not be null");
    return {};
  }
  if (!value->is_array()) {
    complain(field, "must be an array");
    return {};
  }
  if (value->size() > max) {
    complain(field, fmt::format("must have at most {} elements", max));
    return {};
  }
  std::vector<json_body> out;
  out.reserve(value->size());
  std::size_t index = 0;
  for (const auto& element : *value) {
    if (!element.is_object())
      complain(fmt::format("{}[{}]", field, index), "must be an object");
    else
      out.push_back(json_body{element_value{element}});
    ++index;
  }
  return out;
}

void json_body::adopt(std::string_view field, std::size_t index, const json_body& element) {
  if (element.malformed_)
    complain(fmt::format("{}[{}]", field, index), "must be an object");
  for (const auto& e : element.errors_)
    complain(fmt::format("{}[{}].{}", field, index, e.field), e.text);
}

std::optional<uuid> capture_id(const exchange_ptr& x, std::size_t index) {
  const auto& captures = x->req().captures;
  if (index < captures.size())
    if (auto id = parse_uuid(captures[index]))
      return id;
  x->reply(error_response({errc::invalid_request, "The id in the path is not a UUID"}));
  return std::nullopt;
}

std::optional<std::int64_t> query_number(const exchange_ptr& x, std::string_view name,
                                         std::int64_t fallback, std::int64_t min,
                                         std::int64_t max) {
  const auto text = x->req().query_value(name);
  if (!text || text->empty())
    return fallback;
  std::int64_t out = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (ec == std::errc{} && end == text->data() + text->size() && out >= min && out <= max)
    return out;
  x->reply(validation_response(
      {{std::string(name), fmt::format("must be a whole number from {} to {}", min, max)}}));
  return std::nullopt;
}

std::optional<std::int32_t> clamped_query_number(const exchange_ptr& x, std::string_view name,
                                                 std::int32_t fallback, std::int32_t max,
                                                 std::int32_t below_one) {
  const auto text = x->req().query_value(name);
  if (!text || text->empty())
    return fallback;
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (end != text->data() + text->size() || ec == std::errc::invalid_argument) {
    x->reply(
        validation_response({{std::string(name), fmt::format("{} must be a whole number", name)}}));
    return std::nullopt;
  }
  if (ec == std::errc::result_out_of_range)
    return text->front() == '-' ? below_one : max;
  return value < 1 ? below_one : static_cast<std::int32_t>(std::min<std::int64_t>(value, max));
}

} // namespace tiketi::net
