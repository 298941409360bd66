#pragma once

#include "net/http/message.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace tiketi::net {

/// Reads the JSON object of a request field by field and collects every complaint, so that a
/// client learns all of them at once. Unknown fields are ignored. Getters return a neutral value
/// after a complaint: test `ok()` before using any of them.
///
///     json_body in{x->req().body};
///     auto email = in.text("email", {.min = 1, .max = 255});
///     if (!in.ok())
///       return x->reply(in.error());
class json_body {
public:
  /// Malformed text, a nesting over 32 or a value that is no object make `ok()` false.
  /// An empty text is an empty object.
  explicit json_body(std::string_view text);

  bool ok() const noexcept { return !malformed_ && errors_.empty(); }
  response error() const;

  bool has(std::string_view field) const; ///< present and not null

  struct text_rule {
    std::size_t min = 1; ///< characters that are not blank
    std::size_t max = 255;
    bool required = true;
  };
  std::string text(std::string_view field, text_rule rule);

  struct number_rule {
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
  };
  std::int64_t number(std::string_view field, number_rule rule);
  std::optional<std::int64_t> optional_number(std::string_view field, number_rule rule);

  bool flag(std::string_view field, bool fallback); ///< `fallback`: it is not there

  uuid id(std::string_view field);
  std::optional<uuid> optional_id(std::string_view field);
  /// An empty array passes: what it means is for the handler to say, in words of its own.
  std::vector<uuid> ids(std::string_view field, std::size_t max);

  /// The elements of an array of objects, each to be read with its own json_body; may be empty.
  std::vector<json_body> objects(std::string_view field, std::size_t max);
  /// Takes over the complaints of an element, as `items[2].quantity`.
  void adopt(std::string_view field, std::size_t index, const json_body& element);

  void complain(std::string_view field, std::string text);

private:
  struct element_value {
    nlohmann::json value;
  };
  // Not from the JSON itself: a string would convert to it, and `json_body{text}` be ambiguous.
  explicit json_body(element_value element) : value_(std::move(element.value)) {}

  const nlohmann::json* find(std::string_view field) const;

  nlohmann::json value_;
  bool malformed_ = false;
  std::vector<field_error> errors_;
};

/// A `{...}` capture as an id; nothing after answering 400 itself.
std::optional<uuid> capture_id(const exchange_ptr& x, std::size_t index);

/// A query parameter as a number within bounds; `fallback` when absent. Nothing after answering
/// 400 itself.
std::optional<std::int64_t> query_number(const exchange_ptr& x, std::string_view name,
                                         std::int64_t fallback, std::int64_t min, std::int64_t max);

/// The same where numbers out of bounds are taken for others: above `max` for `max`, below 1 for
/// `below_one`. Nothing after answering 400 to anything that is no number.
std::optional<std::int32_t> clamped_query_number(const exchange_ptr& x, std::string_view name,
                                                 std::int32_t fallback, std::int32_t max,
                                                 std::int32_t below_one = 1);

} // namespace tiketi::net
