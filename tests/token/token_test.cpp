#include "actors/token/tokens.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace tiketi {
namespace {

constexpr time_point start = from_millis(1'771'754'400'000);

// Bytes of "tiketi-session-secret-0123456789abcdef" (38), as Base64.
const std::string secret_text = "tiketi-session-secret-0123456789abcdef";

std::string base64(std::string_view in, bool url = false) {
  std::string out((in.size() + 2) / 3 * 4, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(in.data()),
                                static_cast<int>(in.size()));
  out.resize(static_cast<std::size_t>(n));
  if (url) {
    while (!out.empty() && out.back() == '=')
      out.pop_back();
    std::replace(out.begin(), out.end(), '+', '-');
    std::replace(out.begin(), out.end(), '/', '_');
  }
  return out;
}

/// A second implementation of the format, so that ours is not only compared with itself.
std::string forge(const std::string& header, const std::string& payload, std::string_view key,
                  const EVP_MD* hash) {
  const std::string head = base64(header, true) + "." + base64(payload, true);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  HMAC(hash, key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(head.data()), head.size(), mac.data(), &size);
  return head + "." + base64({reinterpret_cast<const char*>(mac.data()), size}, true);
}

std::string header_of(const std::string& token) {
  auto part = token.substr(0, token.find('.'));
  std::replace(part.begin(), part.end(), '-', '+');
  std::replace(part.begin(), part.end(), '_', '/');
  while (part.size() % 4 != 0)
    part.push_back('=');
  std::string out(part.size() / 4 * 3, '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(part.data()),
                  static_cast<int>(part.size()));
  return out;
}

class token_test : public ::testing::Test {
protected:
  session_tokens tokens = session_tokens::make(base64(secret_text)).value();
  user_id user = *parse_id<user_id>("6f9619ff-8b86-4011-b42d-00c04fc964ff");
  uuid family = *parse_uuid("11111111-2222-4333-8444-555555555555");
  uuid jti = *parse_uuid("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
  access_claims access{user, "a@example.com", "admin", start, start + seconds{1800}};
  refresh_claims refresh{user, family, jti, start, start + seconds{604800}};

  std::string payload(const std::string& type, const std::string& more = "") const {
    return R"({"sub":")" + to_string(user) + R"(","userId":")" + to_string(user) + R"(","type":")"
           + type + R"(","iat":1771754400,"exp":1771756200)" + more + "}";
  }

  bool accepted(const std::string& token) const {
    return tokens.verify_access(token, start).has_value();
  }
};

TEST_F(token_test, access_token_carries_its_claims) {
  const auto found = tokens.verify_access(tokens.sign(access), start);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, user);
  EXPECT_EQ(found->email, "a@example.com");
  EXPECT_EQ(found->role, "admin");
  EXPECT_EQ(found->issued_at, start);
  EXPECT_EQ(found->expires_at, start + seconds{1800});
}

TEST_F(token_test, refresh_token_carries_its_claims) {
  const auto found = tokens.verify_refresh(tokens.sign(refresh), start);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, user);
  EXPECT_EQ(found->family, family);
  EXPECT_EQ(found->token, jti);
  EXPECT_EQ(found->expires_at, start + seconds{604800});
}

TEST_F(token_test, expiry_has_no_leeway) {
  const auto token = tokens.sign(access);
  EXPECT_TRUE(tokens.verify_access(token, start + milliseconds{1'799'999}));
  const auto late = tokens.verify_access(token, start + seconds{1800});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, errc::unauthenticated);
}

TEST_F(token_test, one_kind_never_passes_as_the_other) {
  EXPECT_FALSE(tokens.verify_access(tokens.sign(refresh), start));
  EXPECT_FALSE(tokens.verify_refresh(tokens.sign(access), start));
}

TEST_F(token_test, any_changed_character_is_refused) {
  const auto token = tokens.sign(access);
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(accepted(changed)) << "at " << i;
  }
  for (std::size_t n = 0; n < token.size(); ++n)
    EXPECT_FALSE(accepted(token.substr(0, n))) << "cut at " << n;
}

TEST_F(token_test, foreign_token_of_the_same_form_is_accepted) {
  EXPECT_TRUE(accepted(forge(R"({"alg":"HS256"})", payload("access"), secret_text, EVP_sha256())));
}

TEST_F(token_test, role_defaults_to_user) {
  const auto found = tokens.verify_access(
      forge(R"({"alg":"HS256"})", payload("access"), secret_text, EVP_sha256()), start);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->role, "user");
  EXPECT_EQ(found->email, "");
}

TEST_F(token_test, algorithm_none_is_refused) {
  for (const std::string alg : {"none", "None", "NONE", "nOnE"}) {
    const auto head =
        base64(R"({"alg":")" + alg + R"("})", true) + "." + base64(payload("access"), true) + ".";
    EXPECT_FALSE(accepted(head)) << alg;
    EXPECT_FALSE(accepted(
        forge(R"({"alg":")" + alg + R"("})", payload("access"), secret_text, EVP_sha256())));
  }
}

TEST_F(token_test, another_algorithm_with_the_right_key_is_refused) {
  EXPECT_FALSE(accepted(forge(R"({"alg":"HS384"})", payload("access"), secret_text, EVP_sha384())));
  EXPECT_FALSE(accepted(forge(R"({"alg":"HS512"})", payload("access"), secret_text, EVP_sha512())));
  for (const std::string alg : {"RS256", "ES256", "PS256", "hs256x", ""})
    EXPECT_FALSE(accepted(
        forge(R"({"alg":")" + alg + R"("})", payload("access"), secret_text, EVP_sha256())))
        << alg;
  EXPECT_FALSE(accepted(forge("{}", payload("access"), secret_text, EVP_sha256())));
}

TEST_F(token_test, missing_or_wrong_claims_are_refused) {
  const auto with = [this](const std::string& body) {
    return accepted(forge(R"({"alg":"HS256"})", body, secret_text, EVP_sha256()));
  };
  const auto id = to_string(user);
  EXPECT_TRUE(with(R"({"userId":")" + id + R"(","type":"access","exp":1771756200})"));
  EXPECT_FALSE(with(R"({"type":"access","exp":1771756200})"));
  EXPECT_FALSE(with(R"({"userId":"not-a-uuid","type":"access","exp":1771756200})"));
  EXPECT_FALSE(with(R"({"userId":7,"type":"access","exp":1771756200})"));
  EXPECT_FALSE(with(R"({"userId":")" + id + R"(","exp":1771756200})"));
  EXPECT_FALSE(with(R"({"userId":")" + id + R"(","type":"access"})"));
  EXPECT_FALSE(with(R"({"userId":")" + id + R"(","type":"access","exp":"1771756200"})"));
  EXPECT_FALSE(with(R"({"userId":")" + id + R"(","type":"access","exp":-1})"));
  EXPECT_FALSE(with(R"({"userId":")" + id + R"(","type":"access","exp":9223372036854775807})"));
  EXPECT_FALSE(with("[]"));
  EXPECT_FALSE(with(""));
  EXPECT_FALSE(tokens.verify_refresh(
      forge(R"({"alg":"HS256"})", payload("refresh"), secret_text, EVP_sha256()), start))
      << "familyId and jti are missing";
}

TEST_F(token_test, garbage_is_refused_whatever_its_size) {
  EXPECT_FALSE(accepted(""));
  EXPECT_FALSE(accepted("."));
  EXPECT_FALSE(accepted(".."));
  EXPECT_FALSE(accepted("..."));
  EXPECT_FALSE(accepted("a.b.c"));
  EXPECT_FALSE(accepted(std::string(100'000, 'A')));
  EXPECT_FALSE(accepted(std::string(50'000, 'A') + "." + std::string(50'000, 'B') + ".C"));
  EXPECT_FALSE(accepted(std::string(8'000'000, '.')));
  EXPECT_FALSE(accepted(base64(std::string(2000, '['), true) + ".e30.AAAA"));
  EXPECT_FALSE(accepted("\xff\xfe.\x80.\x01"));
  const auto good = tokens.sign(access);
  EXPECT_FALSE(accepted(good + std::string("\0x", 2)));
  EXPECT_FALSE(accepted(good + " "));
  EXPECT_FALSE(accepted(good + "."));
  EXPECT_FALSE(accepted("Bearer " + good));
}

TEST_F(token_test, another_key_is_refused) {
  const auto other = session_tokens::make(base64(std::string(38, 'x'))).value();
  EXPECT_FALSE(other.verify_access(tokens.sign(access), start));
}

TEST(session_secret_test, its_length_decides_the_algorithm) {
  const auto alg = [](std::size_t bytes) {
    const auto tokens = session_tokens::make(base64(std::string(bytes, '\x5a'))).value();
    const auto token =
        tokens.sign(access_claims{user_id{}, "a@b.c", "user", start, start + seconds{60}});
    EXPECT_TRUE(tokens.verify_access(token, start)) << bytes;
    const auto header = header_of(token);
    return header.substr(header.find("HS"), 5);
  };
  EXPECT_EQ(alg(32), "HS256");
  EXPECT_EQ(alg(47), "HS256");
  EXPECT_EQ(alg(48), "HS384");
  EXPECT_EQ(alg(63), "HS384");
  EXPECT_EQ(alg(64), "HS512");
  EXPECT_EQ(alg(200), "HS512");
}

TEST(session_secret_test, text_that_is_not_base64_is_taken_as_it_stands) {
  const std::string plain = "local-development-secret_that-is-not-base64";
  const auto tokens = session_tokens::make(plain).value();
  const auto token =
      tokens.sign(access_claims{user_id{}, "a@b.c", "user", start, start + seconds{60}});
  EXPECT_TRUE(tokens.verify_access(token, start));
  const auto same = session_tokens::make(base64(plain)).value();
  EXPECT_TRUE(same.verify_access(token, start)) << "Base64 of the text is the same key";
}

TEST(session_secret_test, base64_without_padding_is_the_same_key) {
  auto text = base64(std::string(40, 'k'));
  const auto padded = session_tokens::make(text).value();
  while (text.back() == '=')
    text.pop_back();
  const auto bare = session_tokens::make(text).value();
  const auto token =
      padded.sign(access_claims{user_id{}, "a@b.c", "user", start, start + seconds{60}});
  EXPECT_TRUE(bare.verify_access(token, start));
}

TEST(session_secret_test, a_short_secret_stops_the_start) {
  for (const auto& secret : {std::string{}, std::string(31, '-'), base64(std::string(31, 'x')),
                             // 40 characters, but Base64 of 30 bytes
                             std::string(40, 'a')}) {
    const auto made = session_tokens::make(secret);
    ASSERT_FALSE(made) << secret;
    EXPECT_EQ(made.error().code, errc::invalid_request);
  }
  EXPECT_TRUE(session_tokens::make(std::string(32, '-')));
}

class entry_token_test : public ::testing::Test {
protected:
  const std::string secret = "entry-secret-entry-secret-entry-secret-entry-secret-entry-secret-";
  entry_tokens tokens = entry_tokens::make(secret).value();
  event_id event = *parse_id<event_id>("6f9619ff-8b86-4011-b42d-00c04fc964ff");
  user_id user = *parse_id<user_id>("11111111-2222-4333-8444-555555555555");
  entry_claims claims{event, user, start, start + seconds{600}};
};

TEST_F(entry_token_test, carries_its_claims_until_it_expires) {
  const auto token = tokens.sign(claims);
  const auto found = tokens.verify(token, start + milliseconds{599'999});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->event, event);
  EXPECT_EQ(found->user, user);
  EXPECT_EQ(found->expires_at, start + seconds{600});
  EXPECT_FALSE(tokens.verify(token, start + seconds{600}));
}

TEST_F(entry_token_test, is_always_hs256_over_the_raw_secret) {
  const auto token = tokens.sign(claims);
  EXPECT_NE(header_of(token).find("HS256"), std::string::npos);
  const auto body = R"({"sub":")" + to_string(event) + R"(","uid":")" + to_string(user)
                    + R"(","type":"entry","iat":1771754400,"exp":1771755000})";
  EXPECT_TRUE(tokens.verify(forge(R"({"alg":"HS256"})", body, secret, EVP_sha256()), start));
  EXPECT_FALSE(tokens.verify(forge(R"({"alg":"HS512"})", body, secret, EVP_sha512()), start));
}

TEST_F(entry_token_test, session_and_entry_tokens_differ_even_under_one_secret) {
  const std::string shared = "one_secret_for_everything_is_unwise_";
  const auto entry = entry_tokens::make(shared).value();
  const auto session = session_tokens::make(shared).value();
  const auto token = session.sign(access_claims{user, "a@b.c", "user", start, start + seconds{60}});
  ASSERT_TRUE(session.verify_access(token, start));
  EXPECT_FALSE(entry.verify(token, start));
  EXPECT_FALSE(session.verify_access(entry.sign(claims), start));
}

TEST_F(entry_token_test, a_waiting_room_token_does_not_admit) {
  const auto body = R"({"sub":")" + to_string(event) + R"(","uid":"anonymous","tier":1,)"
                    + R"("iat":1771754400,"exp":1771755000})";
  EXPECT_FALSE(tokens.verify(forge(R"({"alg":"HS256"})", body, secret, EVP_sha256()), start));
}

TEST_F(entry_token_test, tampering_and_garbage_are_refused) {
  const auto token = tokens.sign(claims);
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens.verify(changed, start)) << "at " << i;
  }
  EXPECT_FALSE(tokens.verify(std::string(100'000, 'A'), start));
  EXPECT_FALSE(tokens.verify("", start));
}

TEST_F(entry_token_test, a_short_secret_stops_the_start) {
  EXPECT_FALSE(entry_tokens::make(std::string(31, 'x')));
  EXPECT_TRUE(entry_tokens::make(std::string(32, 'x')));
}

} // namespace
} // namespace tiketi
