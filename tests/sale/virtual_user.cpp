#include "tests/sale/virtual_user.hpp"

#include <utility>

namespace tiketi::test {

virtual_user::virtual_user(boost::asio::any_io_executor executor, std::uint16_t port)
    : http_{std::move(executor), port} {}

void virtual_user::keep(const std::string& cookie) {
  const auto equals = cookie.find('=');
  const auto end = cookie.find(';');
  auto name = cookie.substr(0, equals);
  auto value = cookie.substr(equals + 1, end - equals - 1);
  std::erase_if(jar_, [&name](const auto& held) { return held.first == name; });
  // A jar drops what is marked Secure when it came over plain http.
  if (!value.empty() && cookie.find("; Secure") == std::string::npos)
    jar_.emplace_back(std::move(name), std::move(value));
}

boost::asio::awaitable<http_reply> virtual_user::call(std::string_view method, std::string path,
                                                      std::string body) {
  std::string cookies;
  for (const auto& [name, value] : jar_)
    cookies += (cookies.empty() ? "" : "; ") + name + "=" + value;
  header_list headers;
  if (!cookies.empty())
    headers.emplace_back("Cookie", std::move(cookies));
  auto reply =
      co_await http_.send(method, "/api/v1" + std::move(path), std::move(body), std::move(headers));
  for (const auto& cookie : reply.cookies)
    keep(cookie);
  co_return reply;
}

} // namespace tiketi::test
