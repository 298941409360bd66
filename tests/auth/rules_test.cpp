#include "actors/auth/account.hpp"
#include "actors/auth/login_backoff.hpp"
#include "actors/auth/password_hash.hpp"
#include "actors/auth/refresh_rotation.hpp"
#include "actors/auth/token_hash.hpp"

#include <gtest/gtest.h>

namespace tiketi::auth {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = from_millis(1'771'754'400'000);

// -- accounts ------------------------------------------------------------------------------------

register_account valid_registration() {
  return {"a@example.com", "password1", "Ada", ""};
}

std::vector<std::string> fields_of(const register_account& cmd) {
  std::vector<std::string> out;
  for (const auto& p : problems_of(cmd))
    out.push_back(p.field);
  return out;
}

TEST(account_test, email_is_trimmed_and_lower_cased) {
  EXPECT_EQ(normalise_email("  A.B@Example.COM\n"), "a.b@example.com");
  EXPECT_EQ(normalise_email("   "), "");
}

TEST(account_test, well_formed_addresses_are_accepted) {
  for (const auto* email :
       {"a@b", "a@example.com", " A@Example.com ", "first.last+tag@sub.example.co.kr",
        "o'neil@example.com", "x_1%y@a-b.example", "user@127.0.0.1"}) {
    auto cmd = valid_registration();
    cmd.email = email;
    EXPECT_TRUE(problems_of(cmd).empty()) << email;
  }
}

TEST(account_test, other_addresses_are_refused) {
  for (const auto* email : {"",
                            "   ",
                            "a",
                            "@",
                            "a@",
                            "@b.com",
                            "a@@b.com",
                            "a@b@c.com",
                            "a b@c.com",
                            "a@b c.com",
                            ".a@b.com",
                            "a.@b.com",
                            "a..b@c.com",
                            "a@.com",
                            "a@b..com",
                            "a@b.com.",
                            "a@-b.com",
                            "a@b-.com",
                            "a@b_c.com",
                            "\xec\x95\x88@b.com",
                            "a@\xec\x95\x88.com",
                            "<a@b.com>",
                            "a\t@b.com"}) {
    auto cmd = valid_registration();
    cmd.email = email;
    EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"email"}) << email;
  }
  auto cmd = valid_registration();
  cmd.email = std::string(65, 'a') + "@b.com";
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"email"});
  cmd.email = "a@" + std::string(64, 'b') + ".com";
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"email"});
}

TEST(account_test, lengths_have_bounds_on_both_sides) {
  auto cmd = valid_registration();
  cmd.email = "a@";
  while (cmd.email.size() + 50 < 255)
    cmd.email += std::string(49, 'b') + ".";
  cmd.email += std::string(255 - cmd.email.size(), 'c');
  ASSERT_EQ(cmd.email.size(), 255u);
  EXPECT_TRUE(problems_of(cmd).empty());
  cmd.email += "c";
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"email"});

  cmd = valid_registration();
  cmd.password = "1234567";
  EXPECT_EQ(problems_of(cmd),
            (std::vector<field_problem>{{"password", "Password must be at least 8 characters"}}));
  cmd.password = "12345678";
  EXPECT_TRUE(problems_of(cmd).empty());
  cmd.password = "\xed\x95\x9c\xea\xb8\x80"; // two characters in six bytes
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"password"});
  cmd.password = std::string(1024, 'x');
  EXPECT_TRUE(problems_of(cmd).empty());
  cmd.password += 'x';
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"password"});
  cmd.password = std::string(10, ' ');
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"password"});

  cmd = valid_registration();
  cmd.name = "";
  for (int i = 0; i < 100; ++i)
    cmd.name += "\xed\x95\x9c"; // 100 characters, 300 bytes
  EXPECT_TRUE(problems_of(cmd).empty());
  cmd.name += "x";
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"name"});
  cmd.name = " \t ";
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"name"});
  cmd.name = std::string("a\0b", 3);
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"name"});

  cmd = valid_registration();
  cmd.phone = std::string(20, '1');
  EXPECT_TRUE(problems_of(cmd).empty());
  cmd.phone += '1';
  EXPECT_EQ(fields_of(cmd), std::vector<std::string>{"phone"});
}

TEST(account_test, every_problem_is_told_in_a_fixed_order) {
  EXPECT_EQ(fields_of({"", "", "", std::string(21, '1')}),
            (std::vector<std::string>{"email", "password", "name", "phone"}));
  EXPECT_EQ(problems_of(login{"", ""}).size(), 2u);
  EXPECT_TRUE(problems_of(login{"a@b.com", "short"}).empty()) << "any password may be tried";
  EXPECT_EQ(problems_of(login{"a@b.com", std::string(1025, 'x')}).size(), 1u);
}

// -- rotation ------------------------------------------------------------------------------------

constexpr rotation_rules rules{5000ms, 2};

TEST(refresh_rotation_test, all_cases) {
  struct row {
    const char* what;
    std::optional<stored_token> token;
    milliseconds after;
    refresh_verdict expected;
  };
  const time_point end = start + 1h;
  const auto live = stored_token{end, std::nullopt, 0, false};
  const auto spent = stored_token{end, start, 0, false};
  const row rows[] = {
      {"no such hash", std::nullopt, 0ms, refresh_verdict::unknown},
      {"first use", live, 0ms, refresh_verdict::rotate},
      {"last moment", live, 3'599'999ms, refresh_verdict::rotate},
      {"expired", live, 1h, refresh_verdict::expired},
      {"at once again", spent, 0ms, refresh_verdict::sibling},
      {"end of the grace", spent, 4999ms, refresh_verdict::sibling},
      {"after the grace", spent, 5000ms, refresh_verdict::reuse},
      {"much later", spent, 30min, refresh_verdict::reuse},
      {"clock went back", spent, -1s, refresh_verdict::sibling},
      {"second sibling", stored_token{end, start, 1, false}, 1s, refresh_verdict::sibling},
      {"too many siblings", stored_token{end, start, 2, false}, 1s, refresh_verdict::reuse},
      {"family ended", stored_token{end, std::nullopt, 0, true}, 0ms, refresh_verdict::reuse},
      {"family ended within the grace", stored_token{end, start, 0, true}, 1s,
       refresh_verdict::reuse},
      {"family ended and expired", stored_token{end, start, 0, true}, 2h, refresh_verdict::reuse},
      {"spent and expired", spent, 1h, refresh_verdict::expired},
  };
  for (const auto& r : rows)
    EXPECT_EQ(judge(r.token, start + r.after, rules), r.expected) << r.what;
}

TEST(refresh_rotation_test, without_grace_every_second_use_is_reuse) {
  const stored_token spent{start + 1h, start, 0, false};
  EXPECT_EQ(judge(spent, start, rotation_rules{0ms, 32}), refresh_verdict::reuse);
}

TEST(refresh_rotation_test, token_hash_is_sha256) {
  EXPECT_EQ(token_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// -- back-off ------------------------------------------------------------------------------------

class login_backoff_test : public ::testing::Test {
protected:
  backoff_options options{.free_failures = 2,
                          .delay_first = 1s,
                          .delay_max = 8s,
                          .forget_after = 60s,
                          .parallel_max = 3,
                          .accounts_max = 3};
  login_backoff backoff{options};

  void fail(const std::string& email, time_point now) {
    ASSERT_FALSE(backoff.begin(email, now));
    backoff.failed(email, now);
  }
};

TEST_F(login_backoff_test, delay_doubles_up_to_its_bound) {
  auto now = start;
  fail("a", now);
  fail("a", now);
  std::vector<milliseconds> waits;
  for (int i = 0; i < 6; ++i) {
    fail("a", now);
    const auto wait = backoff.begin("a", now);
    ASSERT_TRUE(wait);
    waits.push_back(*wait);
    EXPECT_EQ(backoff.begin("a", now + *wait - 1ms), 1ms);
    now += *wait;
  }
  EXPECT_EQ(waits, (std::vector<milliseconds>{1s, 2s, 4s, 8s, 8s, 8s}));
}

TEST_F(login_backoff_test, accounts_do_not_share_their_failures) {
  for (int i = 0; i < 3; ++i)
    fail("a", start);
  EXPECT_TRUE(backoff.begin("a", start));
  EXPECT_FALSE(backoff.begin("b", start));
}

TEST_F(login_backoff_test, success_forgets_the_failures) {
  for (int i = 0; i < 3; ++i)
    fail("a", start);
  ASSERT_FALSE(backoff.begin("a", start + 1s));
  backoff.succeeded("a");
  EXPECT_EQ(backoff.size(), 0u);
  fail("a", start + 1s);
  EXPECT_FALSE(backoff.begin("a", start + 1s));
}

TEST_F(login_backoff_test, time_forgets_the_failures) {
  for (int i = 0; i < 5; ++i)
    fail("a", start + i * 10s);
  EXPECT_FALSE(backoff.begin("a", start + 40s + 60s));
  backoff.failed("a", start + 100s);
  EXPECT_FALSE(backoff.begin("a", start + 100s)) << "it counts from the beginning again";
}

TEST_F(login_backoff_test, attempts_at_the_same_time_have_a_bound) {
  for (int i = 0; i < 3; ++i)
    EXPECT_FALSE(backoff.begin("a", start));
  EXPECT_TRUE(backoff.begin("a", start));
  backoff.abandoned("a");
  EXPECT_FALSE(backoff.begin("a", start));
}

TEST_F(login_backoff_test, an_account_under_attack_gets_one_attempt_at_a_time) {
  for (int i = 0; i < 3; ++i)
    fail("a", start);
  EXPECT_FALSE(backoff.begin("a", start + 1s));
  EXPECT_TRUE(backoff.begin("a", start + 1s));
  backoff.abandoned("a");
  EXPECT_FALSE(backoff.begin("a", start + 1s));
}

TEST_F(login_backoff_test, memory_has_a_bound) {
  for (const auto* email : {"a", "b", "c", "a", "d"})
    fail(email, start);
  EXPECT_EQ(backoff.size(), 3u);
  // `b` was unused for longest and is forgotten; `a` has two failures still.
  fail("a", start);
  EXPECT_TRUE(backoff.begin("a", start));
  for (int i = 0; i < 1000; ++i)
    fail("x" + std::to_string(i), start);
  EXPECT_EQ(backoff.size(), 3u);
  // Ends of attempts whose account was forgotten change nothing.
  backoff.succeeded("gone");
  backoff.failed("gone", start);
  backoff.abandoned("gone");
  EXPECT_EQ(backoff.size(), 3u);
}

TEST_F(login_backoff_test, success_leaves_nothing_behind) {
  for (int i = 0; i < 100; ++i) {
    const auto email = std::to_string(i);
    ASSERT_FALSE(backoff.begin(email, start));
    backoff.succeeded(email);
  }
  EXPECT_EQ(backoff.size(), 0u);
}

// -- hashing -------------------------------------------------------------------------------------

class password_hash_test : public ::testing::Test {
protected:
  std::unique_ptr<environment> env = make_seeded_environment(7, [] { return start; });
  argon2_options cheap{64, 1, 1};
};

TEST_F(password_hash_test, is_a_phc_string_of_argon2id_with_the_given_parameters) {
  const auto phc = hash_password("correct horse", cheap, *env);
  ASSERT_TRUE(phc);
  EXPECT_EQ(phc->substr(0, 27), "$argon2id$v=19$m=64,t=1,p=1");
  EXPECT_EQ(phc->find('\0'), std::string::npos);
  EXPECT_TRUE(verify_password(*phc, "correct horse").value());
  EXPECT_FALSE(verify_password(*phc, "correct horsf").value());
  EXPECT_FALSE(verify_password(*phc, "").value());
}

TEST_F(password_hash_test, salts_differ) {
  EXPECT_NE(hash_password("same", cheap, *env).value(), hash_password("same", cheap, *env).value());
}

TEST_F(password_hash_test, bytes_after_a_nul_count) {
  const auto phc = hash_password(std::string("a\0b", 3), cheap, *env).value();
  EXPECT_FALSE(verify_password(phc, "a").value());
  EXPECT_TRUE(verify_password(phc, std::string("a\0b", 3)).value());
}

TEST_F(password_hash_test, the_dummy_is_well_formed_and_matches_nothing) {
  const auto dummy = dummy_hash(cheap);
  const auto real = hash_password("x", cheap, *env).value();
  EXPECT_EQ(dummy.size(), real.size());
  EXPECT_EQ(dummy.substr(0, 27), real.substr(0, 27));
  EXPECT_FALSE(verify_password(dummy, "x").value());
}

TEST_F(password_hash_test, other_texts_match_nothing) {
  for (const std::string text : {"", "x", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=64"})
    EXPECT_FALSE(verify_password(text, "x").value()) << text;
}

TEST_F(password_hash_test, impossible_parameters_are_an_error) {
  EXPECT_FALSE(hash_password("x", argon2_options{1, 1, 1}, *env));
}

} // namespace
} // namespace tiketi::auth
