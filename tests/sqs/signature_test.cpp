// What libcurl signs is checked by the rules of AWS Signature Version 4, as the service would.

#include "actors/sqs/protocol.hpp"
#include "net/client/curl_transport.hpp"
#include "tests/support/local_server.hpp"

#include <array>
#include <future>
#include <sstream>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace tiketi::sqs {
namespace {

std::string hex(const std::string& bytes) {
  std::string out;
  for (const unsigned char c : bytes) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::string sha256(const std::string& text) {
  std::array<unsigned char, 32> out{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), out.data(), &size, EVP_sha256(), nullptr);
  return hex({out.begin(), out.end()});
}

std::string hmac(const std::string& key, const std::string& text) {
  std::array<unsigned char, 32> out{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  return {out.begin(), out.end()};
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::stringstream in{text};
  for (std::string part; std::getline(in, part, at);)
    out.push_back(part);
  return out;
}

std::string part_of(const std::string& header, const std::string& name) {
  const auto begin = header.find(name + "=") + name.size() + 1;
  return header.substr(begin, header.find_first_of(", ", begin) - begin);
}

/// The signature that the service would compute of what it received.
std::string expected_signature(const test::local_request& r, const std::string& secret) {
  const auto& authorization = r.headers.at("authorization");
  const auto scope = part_of(authorization, "Credential");
  const auto parts = split(scope, '/'); // key, date, region, service, end
  const auto names = part_of(authorization, "SignedHeaders");
  std::string canonical = r.method + "\n" + r.target + "\n\n";
  for (const auto& name : split(names, ';'))
    canonical += name + ":" + (r.headers.contains(name) ? r.headers.at(name) : "(missing)") + "\n";
  canonical += "\n" + names + "\n" + sha256(r.body);
  const auto to_sign = "AWS4-HMAC-SHA256\n" + r.headers.at("x-amz-date") + "\n"
                       + scope.substr(scope.find('/') + 1) + "\n" + sha256(canonical);
  auto key = "AWS4" + secret;
  for (std::size_t i = 1; i < parts.size(); ++i)
    key = hmac(key, parts[i]);

  return hex(hmac(key, to_sign));
}

test::local_request send(const queue_access& to, const std::string& body) {
  test::local_request seen;
  test::local_server server{[&](const test::local_request& r) {
    seen = r;
    return test::local_reply{200, "{}", {}};
  }};
  auto at = to;
  at.endpoint = server.url();
  auto curl = net::make_curl_transport({});
  remote::transfer t;
  t.request = make_request(at, "SendMessageBatch", body);
  t.request.headers.emplace_back("traceparent", "00-0af7651916cd43dd8448eb211c80319c-1-01");
  std::promise<remote::transfer_result> done;
  curl->start(std::move(t), [&](remote::transfer_result r) { done.set_value(std::move(r)); });
  EXPECT_EQ(done.get_future().get().status, 200);
  return seen;
}

TEST(sqs_signature_test, is_the_one_that_the_service_computes) {
  const std::string secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  for (const auto* session : {"", "session/token+=="}) {
    const queue_access to{"https://sqs/1/q.fifo", {},     "ap-northeast-2",
                          "AKIDEXAMPLE",          secret, session};
    const auto r = send(to, R"({"QueueUrl":"x","Entries":[]})");
    const auto& authorization = r.headers.at("authorization");
    EXPECT_TRUE(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"))
        << authorization;
    EXPECT_NE(part_of(authorization, "Credential").find("/ap-northeast-2/sqs/aws4_request"),
              std::string::npos);
    EXPECT_EQ(part_of(authorization, "Signature"), expected_signature(r, secret));
    EXPECT_NE(part_of(authorization, "Signature"), expected_signature(r, secret + "x"));
    EXPECT_EQ(r.headers.contains("x-amz-security-token"), *session != '\0');
    EXPECT_NE(part_of(authorization, "SignedHeaders").find("x-amz-target"), std::string::npos);
  }
}

TEST(sqs_signature_test, other_calls_are_not_signed) {
  test::local_request seen;
  test::local_server server{[&](const test::local_request& r) {
    seen = r;
    return test::local_reply{200, "", {}};
  }};
  auto curl = net::make_curl_transport({});
  remote::transfer t;
  t.request.url = server.url() + "/";
  std::promise<remote::transfer_result> done;
  curl->start(std::move(t), [&](remote::transfer_result r) { done.set_value(std::move(r)); });
  EXPECT_EQ(done.get_future().get().status, 200);
  EXPECT_FALSE(seen.headers.contains("authorization"));
}

} // namespace
} // namespace tiketi::sqs
