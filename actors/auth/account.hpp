#pragma once

#include "actors/base/ids.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::auth {

/// A person or administrator who can log in.
struct account {
  user_id id;
  std::string email;         ///< normalised; unique
  std::string password_hash; ///< PHC string; empty: no password opens it
  std::string name;
  std::string phone; ///< empty: none
  std::string role;  ///< `user` or `admin`
  time_point created_at;
  std::string google_id = {}; ///< empty: not linked; otherwise unique
};

inline constexpr std::size_t email_bytes_max = 255;
inline constexpr std::size_t name_characters_max = 100;
inline constexpr std::size_t phone_characters_max = 20;
inline constexpr std::size_t password_characters_min = 8;
inline constexpr std::size_t password_bytes_max = 1024;

/// A field and what is wrong with it, in words for its user.
struct field_problem {
  std::string field;
  std::string text;

  friend bool operator==(const field_problem&, const field_problem&) = default;
};

/// Without blanks around it and in lower case: how e-mail addresses are stored and compared.
std::string normalise_email(std::string_view email);

/// Command: open an account and its first session. Answered by `session`.
struct register_account {
  std::string email;
  std::string password;
  std::string name;
  std::string phone;
};

/// Every problem, in the order email, password, name, phone. Empty: acceptable.
std::vector<field_problem> problems_of(const register_account& cmd);

/// Command: open a session. Answered by `login_outcome`.
struct login {
  std::string email;
  std::string password;
};

/// Only what no stored account could have; anything else is a matter of credentials.
std::vector<field_problem> problems_of(const login& cmd);

} // namespace tiketi::auth
