#include "api/cli/document_reader.h"

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/mapped_id.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

class DocumentReaderTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    const auto path = directory_.path() / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  test::TemporaryDirectory directory_;
};

// What all lines of a file came to: "<number> <id> <text> <payload>" or "<number> error <message>".
std::vector<std::string> lines_of(const std::filesystem::path& path) {
  auto reader = DocumentReader::open(path);
  if (!reader) return {"open: " + reader.error().message};
  std::vector<std::string> lines;
  while (true) {
    auto line = reader->next();
    if (!line) {
      lines.push_back("end: " + line.error().message);
      return lines;
    }
    if (!*line) return lines;
    const Result<Document>& document = (*line)->document;
    lines.push_back(std::to_string((*line)->number) + " " +
                    (document ? document->id.to_string() + " " + document->text + " " + document->payload
                              : "error " + document.error().message));
  }
}

TEST_F(DocumentReaderTest, TakesTitleTextAndTheRestAsPayload) {
  const auto path =
      write("a.jsonl",
            "\xef\xbb\xbf{\"_id\": 7, \"title\": \" T \", \"text\": \" body\\n\", \"year\": 1999, \"tags\": [\"a\", 1.50]}\n"
            "\n"
            "{\"id\": \"12\", \"text\": \"plain\", \"payload\": {\"big\": 123456789012345678901}}\r\n"
            "{\"title\": \"only a title\", \"id\": 18446744073709551615}");
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{
                                R"(1 7 T   body {"year":1999,"tags":["a", 1.50],"title":" T "})",
                                R"(3 12 plain {"big":123456789012345678901})",
                                R"(4 18446744073709551615 only a title {"title":"only a title"})",
                            }));
}

TEST_F(DocumentReaderTest, PayloadObjectStandsWhereNamesMeet) {
  const auto path = write("a.jsonl", R"({"id": 1, "text": "t", "a": 1, "payload": {"a": 2, "b": 3}, "c": null})");
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{R"(1 1 t {"a":2,"b":3,"c":null})"}));
}

TEST_F(DocumentReaderTest, GivesOtherTextsAUuidAndKeepsThem) {
  const MappedId mapped = map_id("abc-1");
  const auto path = write("a.jsonl", R"({"_id": "abc-1", "text": "t"})");
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{"1 " + mapped.id.to_string() + R"( t {"_id":"abc-1"})"}));
}

TEST_F(DocumentReaderTest, WithoutAnIdTheLineNamesItself) {
  const auto path = write("a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"one\"}\n");
  const auto lines = lines_of(path);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].substr(2), lines[2].substr(2));
  EXPECT_NE(lines[0].substr(2, 36), lines[1].substr(2, 36));
  EXPECT_EQ(lines[0].substr(38), R"( one {})");
}

TEST_F(DocumentReaderTest, RefusesHostileLinesOneByOne) {
  const std::string deep(100'000, '[');
  const auto path = write("a.jsonl", std::string("{\"id\": 1}\n"
                                                 "{\"id\": 2, \"text\": \"  \"}\n"
                                                 "{\"id\": 3, \"text\": 5}\n"
                                                 "{\"id\": -4, \"text\": \"t\"}\n"
                                                 "{\"id\": 1.5, \"text\": \"t\"}\n"
                                                 "{\"id\": \"\", \"text\": \"t\"}\n"
                                                 "{\"id\": 7, \"text\": \"t\", \"payload\": [1]}\n"
                                                 "{\"id\": 8, \"text\": \"t\"} trailing\n"
                                                 "{\"id\": 9, \"text\": \"t\"\n"
                                                 "\"just a text\"\n"
                                                 "{\"id\": 11, \"text\": \"\xff\xfe\"}\n") +
                                         deep + "\n" + "{\"id\": 13, \"text\": \"good\"}\n");
  const auto lines = lines_of(path);
  ASSERT_EQ(lines.size(), 13u);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_NE(lines[i].find(" error "), std::string::npos) << lines[i];
  EXPECT_EQ(lines[12], R"(13 13 good {})");
  EXPECT_NE(lines[0].find("`text` is missing"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("`text` is empty"), std::string::npos) << lines[1];
  EXPECT_NE(lines[2].find("text"), std::string::npos) << lines[2];
  EXPECT_EQ(lines[2].find("body"), std::string::npos) << lines[2];
}

TEST_F(DocumentReaderTest, ReadsTablesWithAHeader) {
  const auto path = write("a.tsv",
                          "id\ttitle\ttext\tcolour\r\n"
                          "1\tRose\tsmells\tred\r\n"
                          "2\ttoo few\n"
                          "x\t\t\"quoted\" text\t\n");
  const auto lines = lines_of(path);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], R"(2 1 Rose smells {"colour":"red","title":"Rose"})");
  EXPECT_EQ(lines[1], "3 error 2 columns, the header has 4");
  EXPECT_EQ(lines[2], "4 " + map_id("x").id.to_string() + R"( "quoted" text {"colour":"","title":"","_id":"x"})");
}

TEST_F(DocumentReaderTest, RefusesFilesItCannotRead) {
  EXPECT_NE(lines_of(write("a.csv", "a,b")).front().find("expected a file of JSON lines"), std::string::npos);
  EXPECT_NE(lines_of(write("a.tsv", "id\tname\n")).front().find("`text`"), std::string::npos);
  EXPECT_NE(lines_of(write("b.tsv", "text\ttext\n")).front().find("twice"), std::string::npos);
  EXPECT_NE(lines_of(directory_.path() / "absent.jsonl").front().find("no such file"), std::string::npos);
}

std::vector<std::string> texts_of(const std::filesystem::path& path) {
  auto reader = TextReader::open(path);
  if (!reader) return {"open: " + reader.error().message};
  std::vector<std::string> texts;
  while (true) {
    auto text = reader->next();
    if (!text) {
      texts.push_back("error: " + text.error().message);
      return texts;
    }
    if (!*text) return texts;
    texts.push_back(**text);
  }
}

TEST_F(DocumentReaderTest, GivesOneTextALineOfAPlainFile) {
  EXPECT_EQ(texts_of(write("a.txt", "one\n\n{\"text\": 1}\r\nlast")),
            (std::vector<std::string>{"one", "", "{\"text\": 1}", "last"}));
  EXPECT_EQ(texts_of(write("b.txt", "")), std::vector<std::string>{});
}

TEST_F(DocumentReaderTest, GivesStringsAndTextMembersOfJsonLines) {
  const auto path = write("a.jsonl", "\"a\\u00e9\\n\"\n\n{\"x\": 1, \"text\": \"b\"}\n\"\"\n");
  EXPECT_EQ(texts_of(path), (std::vector<std::string>{"a\xc3\xa9\n", "b", ""}));
}

TEST_F(DocumentReaderTest, NamesTheLineThatHoldsNoText) {
  const auto path = write("a.jsonl", "\"good\"\n[1]\n");
  const auto texts = texts_of(path);
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_NE(texts[1].find("a.jsonl:2: expected a JSON string"), std::string::npos) << texts[1];
}

}  // namespace
}  // namespace orthant
