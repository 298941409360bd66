#include "tools/tiketi/data_directory.hpp"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tiketi {
namespace {

class data_directory_test : public ::testing::Test {
protected:
  ~data_directory_test() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tiketi-data-" + std::to_string(::getpid()));
};

TEST_F(data_directory_test, is_made_with_its_parents) {
  const data_directory data{folder / "a" / "b"};
  EXPECT_TRUE(std::filesystem::is_directory(folder / "a" / "b"));
  EXPECT_EQ(data.file("x.db"), folder / "a" / "b" / "x.db");
}

TEST_F(data_directory_test, a_second_user_is_refused_until_the_first_is_gone) {
  {
    const data_directory first{folder};
    try {
      const data_directory second{folder};
      FAIL() << "two users of one directory";
    } catch (const std::runtime_error& e) {
      const std::string text = e.what();
      EXPECT_NE(text.find("in use"), std::string::npos) << text;
      EXPECT_NE(text.find(std::to_string(::getpid())), std::string::npos) << text;
    }
  }
  EXPECT_NO_THROW(data_directory{folder});
}

TEST_F(data_directory_test, the_lock_ends_with_the_process) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const data_directory held{folder};
      ::kill(::getpid(), SIGKILL);
    } catch (...) {
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_NO_THROW(data_directory{folder});
}

TEST_F(data_directory_test, a_file_in_its_place_is_named) {
  std::filesystem::create_directories(folder);
  std::fclose(std::fopen((folder / "file").c_str(), "w"));
  try {
    const data_directory data{folder / "file"};
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string{e.what()}.find("file"), std::string::npos);
  }
}

} // namespace
} // namespace tiketi
