#include "actors/catalog/image_type.hpp"
#include "storage/files/image_store.hpp"
#include "tests/storage/temporary_folder.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tiketi::files {
namespace {

namespace fs = std::filesystem;
using catalog::image_type;

class image_store_test : public ::testing::Test {
protected:
  std::shared_ptr<catalog::image_store> open(std::uint64_t total = 1'000'000) {
    auto opened = open_image_store(folder, {.total_bytes_max = total}, *env);
    EXPECT_TRUE(opened) << opened.error().text;
    return opened ? *opened : nullptr;
  }

  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}));
  }

  test::temporary_folder temporary;
  fs::path folder = fs::path{temporary.file("images")} / "deep";
  std::unique_ptr<environment> env = make_system_environment();
};

TEST_F(image_store_test, the_name_is_the_digest_of_the_content) {
  const auto store = open();
  const auto name = store->put("abc", ".png");
  ASSERT_TRUE(name) << name.error().text;
  EXPECT_EQ(*name, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.png");
  EXPECT_EQ(catalog::type_of_name(*name), image_type::png);
  EXPECT_EQ(*store->get(*name), "abc");
  EXPECT_EQ(*store->put("abc", ".png"), *name);
  EXPECT_EQ(files(), 1u) << "the same content is the same file, and nothing else stays";
  EXPECT_EQ(*open()->get(*name), "abc") << "also for the next run";
}

TEST_F(image_store_test, what_is_not_there_is_not_found) {
  const auto store = open();
  const std::string none(64, '0');
  EXPECT_EQ(store->get(none + ".png").error().code, errc::not_found);
  EXPECT_EQ(store->get("").error().code, errc::not_found);
}

TEST_F(image_store_test, no_name_leads_out_of_the_folder) {
  const auto store = open();
  { std::ofstream{folder.parent_path() / "secret"} << "secret"; }
  for (const char* name : {"../secret", "..", ".", "/etc/passwd", "./../secret", "a/../../secret"})
    EXPECT_EQ(store->get(name).error().code, errc::not_found) << name;
  // Neither does a link that somebody put there, nor is a folder an image.
  const std::string link(64, 'a');
  ASSERT_EQ(::symlink("../secret", (folder / (link + ".png")).c_str()), 0);
  EXPECT_EQ(store->get(link + ".png").error().code, errc::not_found);
  const std::string inner(64, 'b');
  fs::create_directory(folder / (inner + ".png"));
  EXPECT_EQ(store->get(inner + ".png").error().code, errc::not_found);
}

TEST_F(image_store_test, a_link_under_a_new_name_is_replaced_and_not_followed) {
  const auto store = open();
  { std::ofstream{folder.parent_path() / "victim"} << "as it was"; }
  const std::string name = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.png";
  ASSERT_EQ(::symlink("../victim", (folder / name).c_str()), 0);
  ASSERT_EQ(*store->put("abc", ".png"), name);
  EXPECT_EQ(*store->get(name), "abc");
  std::string victim;
  std::getline(std::ifstream{folder.parent_path() / "victim"}, victim);
  EXPECT_EQ(victim, "as it was");
}

TEST_F(image_store_test, all_together_have_a_bound_that_survives_a_restart) {
  auto store = open(10);
  ASSERT_TRUE(store->put("12345", ".gif"));
  ASSERT_TRUE(store->put("67890", ".gif"));
  EXPECT_EQ(store->put("x", ".gif").error(), failure(errc::unavailable, "Image storage is full"));
  EXPECT_TRUE(store->put("12345", ".gif")) << "it is there already";
  store = open(10);
  EXPECT_EQ(store->put("x", ".gif").error().code, errc::unavailable);
  EXPECT_EQ(files(), 2u);
}

TEST_F(image_store_test, what_a_crash_left_half_written_goes_away) {
  (void)open();
  const auto half = folder / ".unfinished-0";
  { std::ofstream{half} << "half"; }
  (void)open();
  EXPECT_EQ(files(), 1u) << "another node may be writing it";
  fs::last_write_time(half, fs::file_time_type::clock::now() - std::chrono::minutes{11});
  (void)open();
  EXPECT_EQ(files(), 0u);
}

TEST_F(image_store_test, a_folder_that_cannot_be_used_stops_the_start) {
  { std::ofstream{temporary.file("a file")} << "x"; }
  EXPECT_EQ(open_image_store(temporary.file("a file"), {}, *env).error().code, errc::unavailable);
}

TEST(image_type_test, the_content_decides) {
  using catalog::sniff_image;
  const auto padded = [](std::string start) {
    start.resize(200, 'x');
    return start;
  };
  EXPECT_EQ(sniff_image(padded("\xff\xd8\xff\xe0")), image_type::jpeg);
  EXPECT_EQ(sniff_image(padded(std::string{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16})), image_type::png);
  EXPECT_EQ(sniff_image(padded("RIFFxxxxWEBPVP8 ")), image_type::webp);
  EXPECT_EQ(sniff_image(padded("GIF87a")), image_type::gif);
  EXPECT_EQ(sniff_image(padded("GIF89a")), image_type::gif);
  for (const char* other : {"", "GIF88a", "RIFFxxxxWAVEfmt ", "<svg xmlns=", "%PDF-1.7", "BM",
                            "<script>", "\x89PNG\r\n\x1a\n", "MZ"})
    EXPECT_FALSE(sniff_image(padded(other))) << other;
  for (const char* cut : {"\xff\xd8\xff\xe0", "GIF89a", "RIFFxxxxWEBPVP8 "})
    EXPECT_FALSE(sniff_image(cut)) << "nothing behind the signature";
}

TEST(image_type_test, only_names_that_uploads_got_are_names) {
  using catalog::type_of_name;
  const std::string digest(64, 'a');
  EXPECT_EQ(type_of_name(digest + ".jpg"), image_type::jpeg);
  EXPECT_EQ(type_of_name(digest + ".webp"), image_type::webp);
  for (const std::string& bad :
       {std::string{}, digest, digest + ".svg", digest + ".jpg/", std::string(64, 'A') + ".jpg",
        std::string(63, 'a') + ".jpg", digest + "a.jpg", digest + ".JPG",
        std::string{"../"} + digest + ".jpg", std::string(64, '.') + ".jpg",
        std::string(64, '/') + ".jpg", digest + " .jpg", digest + ".jpg.html"})
    EXPECT_FALSE(type_of_name(bad)) << bad;
  EXPECT_FALSE(type_of_name(digest + std::string(".jpg\0", 5)));
}

} // namespace
} // namespace tiketi::files
