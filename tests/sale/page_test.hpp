#pragma once

#include "tests/sale/sale_client.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tiketi::test {

/// What a page does with a field, so what it must be.
enum class kind : std::uint8_t {
  text,
  number,
  boolean,
  array,
  object,
  time, ///< `2026-02-22T10:00:00.000Z`
  uuid, ///< lower case
  nullable_text,
  nullable_number,
  nullable_time
};

bool is_uuid(const nlohmann::json& value);
bool is_time(const nlohmann::json& value);

/// Fails the test for each field that is missing or of another kind; `where` names the answer.
void expect_fields(const nlohmann::json& object,
                   std::initializer_list<std::pair<const char*, kind>> fields,
                   const std::string& where);

/// One server with demo data for all tests of a suite, and one browser for each test: it sends
/// cookies and the page's own origin, as axios does, and no bearer token.
class page_test : public ::testing::Test {
protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  /// `path` follows `/api/v1`; a null body is none. Every answer must carry the CORS headers,
  /// without which the page sees a network error.
  http_reply call(const char* method, const std::string& path,
                  const nlohmann::json& body = nullptr);

  /// Registers somebody new.
  void log_in();
  /// The demo administrator.
  void log_in_as_admin();

  http_client browser{server->port()};
  header_list cookies;
  std::string entry_token;
  std::string email;

  /// What the server's internal calls ask for.
  static constexpr const char* internal_token = "test-internal-api-token";
  inline static server_process* server = nullptr;

private:
  void keep(const std::string& cookie);

  inline static temp_dir* data_ = nullptr;
};

} // namespace tiketi::test
