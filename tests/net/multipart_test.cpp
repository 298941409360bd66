#include "net/http/multipart.hpp"

#include <gtest/gtest.h>

namespace tiketi::net {
namespace {

using namespace std::string_literals;

TEST(multipart_boundary_test, is_read_as_browsers_and_programs_write_it) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), "a b");
  EXPECT_EQ(multipart_boundary("multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxk"),
            "----WebKitFormBoundary7MA4YWxk");
  for (const auto& bad :
       {""s, "multipart/form-data"s, "multipart/form-data; boundary="s,
        "application/json; boundary=abc"s, "multipart/mixed; boundary=abc"s,
        "multipart/form-data; boundary=\"abc"s, "multipart/form-data; boundary=a\"b"s,
        "multipart/form-data; boundary=" + std::string(71, 'a'),
        "multipart/form-data; boundary=\"abc \""s, "multipart/form-data; boundary=a\r\nb"s})
    EXPECT_FALSE(multipart_boundary(bad)) << bad;
}

std::string part(const std::string& disposition, const std::string& data) {
  return "--B\r\nContent-Disposition: " + disposition + "\r\n\r\n" + data + "\r\n";
}

TEST(multipart_test, parts_come_with_names_types_and_bytes_as_they_are) {
  const auto body =
      "preamble\r\n--B\r\nContent-Disposition: form-data; name=\"image\"; "
      "filename=\"a \\\"b\\\".png\"\r\ncontent-type: image/png\r\n\r\n\r\n--BX\0\r\n-\r\n"s
      + part("form-data; name=text", "") + part("FORM-DATA; name=\"x;y\"", "--")
      + "--B--\r\nepilogue";
  const auto parts = parse_multipart(body, "B");
  ASSERT_TRUE(parts) << parts.error().text;
  ASSERT_EQ(parts->size(), 3u);
  EXPECT_EQ((*parts)[1].data, "");
  EXPECT_EQ((*parts)[2].name, "x;y");
  EXPECT_EQ((*parts)[2].data, "--");
  EXPECT_FALSE((*parts)[1].file_name);
  EXPECT_EQ((*parts)[0].name, "image");
  EXPECT_EQ((*parts)[0].file_name, "a \"b\".png");
  EXPECT_EQ((*parts)[0].content_type, "image/png");
}

TEST(multipart_test, bytes_of_an_image_are_not_touched) {
  std::string image;
  for (int i = 0; i < 70'000; ++i)
    image += static_cast<char>(i * 7919 >> 3);
  image += "\r\n--";
  const auto body = part("form-data; name=\"image\"", image) + "--B--"; // the parts point into it
  const auto parts = parse_multipart(body, "B");
  ASSERT_TRUE(parts) << parts.error().text;
  EXPECT_EQ((*parts)[0].data, image);
}

TEST(multipart_test, what_is_no_form_is_refused) {
  const auto good = part("form-data; name=\"a\"", "1");
  const std::vector<std::string> broken{
      ""s,
      "--"s,
      "--B"s,
      "B\r\n"s,
      good,
      good + "--B",
      good + "--B\r\n",
      "--B\r\n\r\nx\r\n--B--"s,
      part("attachment; name=\"a\"", "1") + "--B--",
      part("form-data", "1") + "--B--",
      part("form-data; name=\"a", "1") + "--B--",
      "--B\r\nbroken\r\n\r\n1\r\n--B--"s,
      "--B\r\nContent-Disposition: form-data; name=a\r\n1\r\n--B--"s,
      "--B\r\nX: " + std::string(9'000, 'x') + "\r\n\r\n1\r\n--B--",
      "--Bx\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--"s};
  for (const auto& bad : broken)
    EXPECT_FALSE(parse_multipart(bad, "B")) << bad.substr(0, 80);
  std::string many;
  for (int i = 0; i < 17; ++i)
    many += good;
  EXPECT_FALSE(parse_multipart(many + "--B--", "B"));
  EXPECT_TRUE(parse_multipart(many + "--B--", "B", 17));
}

TEST(multipart_test, no_cut_of_a_form_is_read_beyond_its_end) {
  const auto body =
      "x\r\n" + part("form-data; name=\"image\"; filename=\"f\"", "data\r\n--") + "--B--";
  for (std::size_t n = 0; n < body.size(); ++n) {
    // Copies of exact size, so that a sanitizer sees one byte too many.
    const std::vector<char> exact(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(parse_multipart({exact.data(), exact.size()}, "B")) << n;
  }
  EXPECT_TRUE(parse_multipart(body, "B"));
}

} // namespace
} // namespace tiketi::net
