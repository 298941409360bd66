#include "actors/auth/account.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tiketi::auth {

namespace {

constexpr std::string_view blanks = " \t\r\n\f\v";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The addr-spec of RFC 5322 without comments, quoting and address literals.
bool is_email(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at > 64)
    return false;
  const auto local = text.substr(0, at);
  constexpr std::string_view extra = "!#$%&'*+-/=?^_`{|}~.";
  if (!std::all_of(local.begin(), local.end(), [&](char c) {
        return is_alphanumeric(c) || extra.find(c) != std::string_view::npos;
      }))
    return false;
  if (local.front() == '.' || local.back() == '.' || local.find("..") != std::string_view::npos)
    return false;
  auto domain = text.substr(at + 1);
  while (true) {
    const auto label = domain.substr(0, domain.find('.'));
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
      return false;
    if (!std::all_of(label.begin(), label.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-'; }))
      return false;
    if (label.size() == domain.size())
      return true;
    domain.remove_prefix(label.size() + 1);
  }
}

void check_email(std::string_view email, std::vector<field_problem>& out) {
  const auto text = trim(email);
  if (text.empty())
    out.push_back({"email", "must not be blank"});
  else if (text.size() > email_bytes_max)
    out.push_back({"email", fmt::format("must have at most {} characters", email_bytes_max)});
  else if (!is_email(text))
    out.push_back({"email", "must be a well-formed email address"});
}

void check_text(std::string_view field, std::string_view text, std::size_t characters_max,
                std::vector<field_problem>& out) {
  if (count_characters(text) > characters_max)
    out.push_back(
        {std::string(field), fmt::format("must have at most {} characters", characters_max)});
  else if (has_control_characters(text))
    out.push_back({std::string(field), "must not contain control characters"});
}

} // namespace

std::string normalise_email(std::string_view email) {
  std::string out{trim(email)};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::vector<field_problem> problems_of(const register_account& cmd) {
  std::vector<field_problem> out;
  check_email(cmd.email, out);
  if (trim(cmd.password).empty())
    out.push_back({"password", "must not be blank"});
  else if (count_characters(cmd.password) < password_characters_min)
    out.push_back({"password", "Password must be at least 8 characters"});
  else if (cmd.password.size() > password_bytes_max)
    out.push_back({"password", fmt::format("must have at most {} bytes", password_bytes_max)});
  if (trim(cmd.name).empty())
    out.push_back({"name", "must not be blank"});
  else
    check_text("name", cmd.name, name_characters_max, out);
  check_text("phone", cmd.phone, phone_characters_max, out);
  return out;
}

std::vector<field_problem> problems_of(const login& cmd) {
  std::vector<field_problem> out;
  check_email(cmd.email, out);
  if (trim(cmd.password).empty())
    out.push_back({"password", "must not be blank"});
  else if (cmd.password.size() > password_bytes_max)
    out.push_back({"password", fmt::format("must have at most {} bytes", password_bytes_max)});
  return out;
}

} // namespace tiketi::auth
