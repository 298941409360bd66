#include "net/http/message.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace tiketi::net {

namespace {

/// Texts come from clients too, so bytes that are not UTF-8 must not throw here.
std::string dump(const nlohmann::json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

} // namespace

std::optional<std::string_view> request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name)
      return value;
  return std::nullopt;
}

std::optional<std::string_view> request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name)
      return value;
  return std::nullopt;
}

std::optional<std::string> request::cookie(std::string_view name) const {
  for (const auto& [key, text] : headers) {
    if (key != "cookie")
      continue;
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto end = rest.find(';');
      const auto pair = trim(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != name)
        continue;
      auto value = trim(pair.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      return std::string(value);
    }
  }
  return std::nullopt;
}

response json_response(int status, const nlohmann::json& body) {
  response out;
  out.status = status;
  out.body = dump(body);
  return out;
}

response json_response(const nlohmann::json& body) {
  return json_response(200, body);
}

response error_response(const failure& f) {
  const auto& entry = info(f.code);
  // What went wrong inside is nobody's business outside.
  const std::string_view text =
      f.code == errc::internal || f.text.empty() ? entry.text : std::string_view{f.text};
  nlohmann::json body{{"error", text}, {"message", text}, {"code", entry.name}};
  if (f.code == errc::entry_token_required)
    body["redirectTo"] = "/queue";
  auto out = json_response(entry.status, body);
  if (entry.status == 429 || entry.status == 503)
    out.headers.emplace_back("Retry-After", "1");
  if (entry.status == 401) // HTTP wants it on every one
    out.headers.emplace_back("WWW-Authenticate", "Bearer");
  return out;
}

response validation_response(const std::vector<field_error>& errors) {
  const auto& entry = info(errc::invalid_request);
  const std::string_view text = errors.empty() ? entry.text : std::string_view{errors.front().text};
  auto fields = nlohmann::json::array();
  for (const auto& e : errors)
    fields.push_back({{"field", e.field}, {"message", e.text}});
  return json_response(
      entry.status,
      {{"error", text}, {"message", text}, {"code", entry.name}, {"fields", std::move(fields)}});
}

} // namespace tiketi::net
