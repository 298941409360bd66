#include "tests/sale/page_test.hpp"

namespace tiketi::test {

using nlohmann::json;

bool is_time(const json& value) {
  if (!value.is_string())
    return false;
  const auto& t = value.get_ref<const std::string&>();
  return t.size() == 24 && t[4] == '-' && t[10] == 'T' && t[19] == '.' && t[23] == 'Z';
}

bool is_uuid(const json& value) {
  if (!value.is_string())
    return false;
  const auto& t = value.get_ref<const std::string&>();
  return t.size() == 36 && t.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

namespace {

bool fits(const json& value, kind k) {
  switch (k) {
  case kind::text:
    return value.is_string();
  case kind::number:
    return value.is_number();
  case kind::boolean:
    return value.is_boolean();
  case kind::array:
    return value.is_array();
  case kind::object:
    return value.is_object();
  case kind::time:
    return is_time(value);
  case kind::uuid:
    return is_uuid(value);
  case kind::nullable_text:
    return value.is_null() || value.is_string();
  case kind::nullable_number:
    return value.is_null() || value.is_number();
  case kind::nullable_time:
    return value.is_null() || is_time(value);
  }
  return false;
}

} // namespace

void expect_fields(const json& object, std::initializer_list<std::pair<const char*, kind>> fields,
                   const std::string& where) {
  ASSERT_TRUE(object.is_object()) << where << ": " << object.dump().substr(0, 300);
  for (const auto& [name, k] : fields) {
    ASSERT_TRUE(object.contains(name))
        << where << " lacks " << name << ": " << object.dump().substr(0, 600);
    EXPECT_TRUE(fits(object[name], k)) << where << '.' << name << " is " << object[name].dump();
  }
}

void page_test::SetUpTestSuite() {
  data_ = new temp_dir;
  server_process::options o;
  o.data = data_->path();
  o.arguments = load_arguments();
  o.environment = {{"INTERNAL_API_TOKEN", internal_token}};
  server = new server_process{o};
  ASSERT_TRUE(server->start()) << server->log_tail();
}

void page_test::TearDownTestSuite() {
  if (server != nullptr) {
    EXPECT_EQ(server->stop(), 0) << server->log_tail();
  }
  delete server;
  delete data_;
}

http_reply page_test::call(const char* method, const std::string& path, const json& body) {
  browser.common = {{"Origin", "http://localhost:3000"}};
  std::string jar;
  for (const auto& [name, value] : cookies)
    jar += (jar.empty() ? "" : "; ") + name + "=" + value;
  if (!jar.empty())
    browser.common.emplace_back("Cookie", jar);
  if (!entry_token.empty())
    browser.common.emplace_back("x-queue-entry-token", entry_token);
  auto reply = browser.send(method, "/api/v1" + path, body.is_null() ? "" : body.dump());
  EXPECT_EQ(reply.headers["access-control-allow-origin"], "http://localhost:3000") << path;
  EXPECT_EQ(reply.headers["access-control-allow-credentials"], "true") << path;
  for (const auto& cookie : reply.cookies)
    keep(cookie);
  return reply;
}

void page_test::keep(const std::string& cookie) {
  const auto equals = cookie.find('=');
  const auto end = cookie.find(';');
  const auto name = cookie.substr(0, equals);
  std::erase_if(cookies, [&](const auto& c) { return c.first == name; });
  const auto value = cookie.substr(equals + 1, end - equals - 1);
  if (!value.empty())
    cookies.emplace_back(name, value);
}

void page_test::log_in() {
  static int number = 0;
  email = "page" + std::to_string(number++) + "@example.com";
  const auto reply =
      call("POST", "/auth/register",
           {{"email", email}, {"password", "long enough"}, {"name", "Page"}, {"phone", ""}});
  ASSERT_EQ(reply.status, 201) << reply.body;
}

void page_test::log_in_as_admin() {
  email = "admin@tiketi.local";
  const auto reply =
      call("POST", "/auth/login", {{"email", email}, {"password", "admin-password"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
}

} // namespace tiketi::test
