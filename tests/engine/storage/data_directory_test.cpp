#include "engine/storage/data_directory.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

void write_file(const std::filesystem::path& file, std::string_view text) {
  std::ofstream(file) << text;
}

TEST(DataDirectory, IsMadeAndOpenedAgain) {
  TemporaryDirectory temporary;
  const auto path = temporary.path() / "a" / "b";
  {
    ASSERT_TRUE(DataDirectory::open(path).has_value());
  }
  ASSERT_TRUE(DataDirectory::open(path).has_value());
  EXPECT_TRUE(std::filesystem::exists(path / "format"));
}

TEST(DataDirectory, RefusesASecondHolder) {
  TemporaryDirectory temporary;
  const auto first = DataDirectory::open(temporary.path());
  ASSERT_TRUE(first.has_value());
  const auto second = DataDirectory::open(temporary.path());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(second.error().message.find("held by another process (process id " + std::to_string(getpid())), std::string::npos)
      << second.error().message;
}

TEST(DataDirectory, RefusesASecondProcess) {
  TemporaryDirectory temporary;
  const auto first = DataDirectory::open(temporary.path());
  ASSERT_TRUE(first.has_value());
  const pid_t child = fork();
  if (child == 0) {
    const auto second = DataDirectory::open(temporary.path());
    _exit(!second && second.error().code == ErrorCode::kFailedPrecondition ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(DataDirectory, OfANewerVersionIsRefused) {
  TemporaryDirectory temporary;
  write_file(temporary.path() / "format", "orthant 2\n");
  const auto opened = DataDirectory::open(temporary.path());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(opened.error().message.find("newer version (format 2; this version reads up to 1)"), std::string::npos)
      << opened.error().message;
}

TEST(DataDirectory, WithADamagedFormatFileIsRefused) {
  for (const char* text : {"", "orthant", "orthant x\n", "orthant 0\n", "something else"}) {
    TemporaryDirectory temporary;
    write_file(temporary.path() / "format", text);
    const auto opened = DataDirectory::open(temporary.path());
    ASSERT_FALSE(opened.has_value()) << text;
    EXPECT_EQ(opened.error().code, ErrorCode::kDataCorruption);
  }
}

TEST(DataDirectory, WithAStoreButNoFormatFileIsRefused) {
  TemporaryDirectory temporary;
  std::filesystem::create_directories(temporary.path() / "store");
  write_file(temporary.path() / "store" / "CURRENT", "MANIFEST-000001\n");
  const auto opened = DataDirectory::open(temporary.path());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kDataCorruption);
}

TEST(DataDirectory, ThatIsAFileIsAnIoError) {
  TemporaryDirectory temporary;
  write_file(temporary.path() / "file", "x");
  const auto opened = DataDirectory::open(temporary.path() / "file");
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kIoError);
}

}  // namespace
}  // namespace orthant::test
