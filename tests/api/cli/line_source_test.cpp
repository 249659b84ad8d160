#include "api/cli/line_source.h"

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "api/http/content_coding.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

std::vector<std::string> all_lines(const std::filesystem::path& path) {
  auto source = LineSource::open(path);
  if (!source) return {"open: " + source.error().message};
  std::vector<std::string> lines;
  while (true) {
    const auto line = source->next();
    if (!line) {
      lines.push_back("error: " + line.error().message);
      return lines;
    }
    if (!*line) return lines;
    lines.emplace_back(**line);
    EXPECT_EQ(source->line_number(), lines.size());
  }
}

class LineSourceTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    const auto path = directory_.path() / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  test::TemporaryDirectory directory_;
};

std::string many_lines() {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 97), 'x') + "\n";
  return text;
}

TEST_F(LineSourceTest, UnpacksWhatTheNameSays) {
  const std::string text = many_lines();
  const auto plain = all_lines(write("a.txt", text));
  ASSERT_EQ(plain.size(), 50'000u);
  EXPECT_EQ(plain[1], "line 1x");
  EXPECT_EQ(all_lines(write("a.txt.gz", compress(ContentCoding::kGzip, text).value())), plain);
  EXPECT_EQ(all_lines(write("a.txt.zst", compress(ContentCoding::kZstd, text).value())), plain);
}

TEST_F(LineSourceTest, ReadsSeveralArchivesInOneFile) {
  for (const auto& [suffix, coding] : {std::pair{"gz", ContentCoding::kGzip}, std::pair{"zst", ContentCoding::kZstd}}) {
    const std::string bytes = compress(coding, "one\ntw").value() + compress(coding, "o\nthree").value();
    EXPECT_EQ(all_lines(write(std::string("a.") + suffix, bytes)), (std::vector<std::string>{"one", "two", "three"}));
  }
}

TEST_F(LineSourceTest, SaysSoWhenAnArchiveIsDamagedOrCutOff) {
  for (const auto& [suffix, coding] : {std::pair{"gz", ContentCoding::kGzip}, std::pair{"zst", ContentCoding::kZstd}}) {
    const std::string bytes = compress(coding, many_lines()).value();
    const auto cut = all_lines(write(std::string("cut.") + suffix, bytes.substr(0, bytes.size() / 2)));
    EXPECT_TRUE(cut.back().starts_with("error: ")) << cut.back();
    const auto damaged = all_lines(write(std::string("damaged.") + suffix, "this is no archive"));
    EXPECT_TRUE(damaged.back().starts_with("error: ")) << damaged.back();
  }
}

TEST_F(LineSourceTest, KeepsLinesOfAnyLengthAndTheLastOneWithoutAnEnd) {
  const std::string line(300'000, 'y');
  EXPECT_EQ(all_lines(write("a.txt", line + "\n\n" + line)), (std::vector<std::string>{line, "", line}));
}

TEST_F(LineSourceTest, RefusesFoldersAndWhatIsNotThere) {
  EXPECT_EQ(LineSource::open(directory_.path()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(LineSource::open(directory_.path() / "absent").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace orthant
