#include "net/http/json_body.hpp"

#include <gtest/gtest.h>

namespace tiketi::net {
namespace {

constexpr auto id_text = "3F2504E0-4f89-41d3-9a0c-0305e82c3301";

class fake_exchange final : public exchange {
public:
  const request& req() const noexcept override { return in; }
  void reply(response r) override { out = std::move(r); }

  request in;
  response out{.status = 0, .content_type = "", .body = "", .shared_body = nullptr, .headers = {}};
};

nlohmann::json errors_of(const json_body& in) {
  return nlohmann::json::parse(in.error().body);
}

TEST(json_body_test, reads_what_is_there) {
  json_body in{
      R"({"name":" a ","n":-3,"big":9223372036854775807,"id":"3F2504E0-4f89-41d3-9a0c-0305e82c3301",
                   "none":null,"extra":[1]})"};
  EXPECT_EQ(in.text("name", {}), " a ");
  EXPECT_EQ(in.number("n", {}), -3);
  EXPECT_EQ(in.number("big", {}), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(to_string(in.id("id")), "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
  EXPECT_FALSE(in.optional_number("none", {}));
  EXPECT_FALSE(in.optional_id("none"));
  EXPECT_FALSE(in.has("none"));
  EXPECT_TRUE(in.has("extra"));
  EXPECT_EQ(in.text("none", {.min = 1, .max = 5, .required = false}), "");
  EXPECT_TRUE(in.ok());
}

TEST(json_body_test, empty_is_an_empty_object) {
  EXPECT_TRUE(json_body{""}.ok());
  EXPECT_TRUE(json_body{" \r\n"}.ok());
}

TEST(json_body_test, malformed_bodies_are_400) {
  for (const std::string_view text :
       {"{", "[]", "1", "null", "\"x\"", "{\"a\":}", "{} {}", "{'a':1}", "{\"a\":\"\xff\"}",
        "{\"a\":1,}", "\xef\xbb", "{\"a\":nan}"}) {
    const json_body in{text};
    EXPECT_FALSE(in.ok()) << text;
    EXPECT_EQ(in.error().status, 400);
    EXPECT_EQ(errors_of(in)["code"], "malformed_body");
  }
}

TEST(json_body_test, nesting_is_bounded) {
  const auto nested = [](int depth) {
    std::string text = "{\"a\":";
    for (int i = 1; i < depth; ++i)
      text += '[';
    text += "\"]]]]{{{{\\\"\"";
    for (int i = 1; i < depth; ++i)
      text += ']';
    return text + "}";
  };
  EXPECT_TRUE(json_body{nested(32)}.ok());
  EXPECT_FALSE(json_body{nested(33)}.ok());
  EXPECT_FALSE(json_body{std::string(1'000'000, '[')}.ok());
}

TEST(json_body_test, all_complaints_come_at_once) {
  json_body in{R"({"name":"  ","long":"abcdef","n":"7","f":1.5,"low":0,"id":"x","flag":true})"};
  in.text("name", {});
  in.text("missing", {});
  in.text("long", {.min = 1, .max = 5});
  in.text("flag", {});
  in.number("n", {});
  in.number("f", {});
  in.number("low", {.min = 1, .max = 9});
  in.id("id");
  in.id("no_id");
  EXPECT_FALSE(in.ok());
  const auto body = errors_of(in);
  ASSERT_EQ(body["fields"].size(), 9u);
  EXPECT_EQ(body["error"], "must not be blank");
  EXPECT_EQ(body["message"], body["error"]);
  EXPECT_EQ(body["code"], "invalid_request");
  EXPECT_EQ(body["fields"][6]["field"], "low");
  EXPECT_EQ(body["fields"][6]["message"], "must be greater than or equal to 1");
}

TEST(json_body_test, characters_are_counted_not_bytes) {
  json_body in{R"({"a":"한국어 표","b":"a\u0000b"})"};
  EXPECT_EQ(in.text("a", {.min = 5, .max = 5}), "한국어 표");
  EXPECT_TRUE(in.ok());
  in.text("b", {});
  EXPECT_FALSE(in.ok());
}

TEST(json_body_test, numbers_outside_of_64_bits_are_refused) {
  for (const auto* text : {R"({"n":9223372036854775808})", R"({"n":18446744073709551615})",
                           R"({"n":1e3})", R"({"n":99999999999999999999999})", R"({"n":true})"}) {
    json_body in{text};
    EXPECT_EQ(in.number("n", {}), 0);
    EXPECT_FALSE(in.ok()) << text;
  }
}

TEST(json_body_test, id_lists) {
  json_body good{fmt::format(R"({{"ids":["{0}","{0}"]}})", id_text)};
  EXPECT_EQ(good.ids("ids", 2).size(), 2u);
  EXPECT_TRUE(good.ok());
  json_body empty{R"({"ids":[]})"};
  EXPECT_TRUE(empty.ids("ids", 2).empty());
  EXPECT_TRUE(empty.ok()) << "what it means is for the handler to say";
  for (const auto* text : {R"({"ids":"x"})", R"({})", R"({"ids":[1]})", R"({"ids":["a","b","c"]})",
                           R"({"ids":[null]})"}) {
    json_body in{text};
    in.ids("ids", 2);
    EXPECT_FALSE(in.ok()) << text;
  }
  json_body bad{R"({"ids":["A1"]})"};
  bad.ids("ids", 4);
  EXPECT_EQ(errors_of(bad)["fields"][0]["field"], "ids[0]");
}

TEST(json_body_test, elements_are_read_with_their_own_bodies) {
  json_body in{R"({"items":[{"q":1},{"q":0},7]})"};
  auto items = in.objects("items", 5);
  ASSERT_EQ(items.size(), 2u);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].number("q", {.min = 1, .max = 4});
    in.adopt("items", i, items[i]);
  }
  const auto body = errors_of(in);
  ASSERT_EQ(body["fields"].size(), 2u);
  EXPECT_EQ(body["fields"][0]["field"], "items[2]");
  EXPECT_EQ(body["fields"][1]["field"], "items[1].q");
}

TEST(json_body_test, complaints_are_bounded) {
  std::string text = R"({"ids":[1)";
  for (int i = 0; i < 5000; ++i)
    text += ",1";
  json_body in{text + "]}"};
  in.ids("ids", 10'000);
  EXPECT_EQ(errors_of(in)["fields"].size(), 100u);
}

TEST(json_body_test, captures_and_query_numbers_answer_by_themselves) {
  auto fake = std::make_shared<fake_exchange>();
  const exchange_ptr x = fake;
  fake->in.captures = {id_text, "7"};
  EXPECT_TRUE(capture_id(x, 0));
  EXPECT_EQ(fake->out.status, 0);
  EXPECT_FALSE(capture_id(x, 1));
  EXPECT_EQ(fake->out.status, 400);
  fake->out.status = 0;
  EXPECT_FALSE(capture_id(x, 2));
  EXPECT_EQ(fake->out.status, 400);

  fake->out.status = 0;
  fake->in.query = {{"page", "3"}, {"limit", "1000"}, {"bad", "1x"}, {"empty", ""}};
  EXPECT_EQ(query_number(x, "page", 1, 1, 100), 3);
  EXPECT_EQ(query_number(x, "none", 1, 1, 100), 1);
  EXPECT_EQ(query_number(x, "empty", 1, 1, 100), 1);
  EXPECT_EQ(fake->out.status, 0);
  EXPECT_FALSE(query_number(x, "limit", 1, 1, 100));
  EXPECT_EQ(fake->out.status, 400);
  fake->out.status = 0;
  EXPECT_FALSE(query_number(x, "bad", 1, 1, 100));
  EXPECT_EQ(fake->out.status, 400);
}

} // namespace
} // namespace tiketi::net
