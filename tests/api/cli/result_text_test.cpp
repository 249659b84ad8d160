#include "api/cli/result_text.h"

#include <gtest/gtest.h>

namespace orthant {
namespace {

FoundDocument parse(const std::string& json) {
  const auto document = JsonDocument::parse(json);
  return found_document(document->root()).value();
}

TEST(ResultText, ShowsTheUsersOwnIdTitleAndText) {
  const FoundDocument document = parse(
      R"({"id": "550e8400-e29b-41d4-a716-446655440000", "score": 0.5, "payload": {"_id": "abc", "title": "T", "text": "x"}})");
  EXPECT_EQ(result_text(1, document), "  1  0.5000  abc  T\n     x\n");
}

TEST(ResultText, ShowsTheTextThatTheDaemonKeptWithoutItsTitle) {
  EXPECT_EQ(result_text(1, parse(R"({"id": 1, "score": 0.5, "text": "T the body", "payload": {"title": "T", "text": "other"}})")),
            "  1  0.5000  1  T\n     the body\n");
  EXPECT_EQ(parse(R"({"id": 1, "score": 0.5, "text": "T", "payload": {"title": "T"}})").text, "T");
  EXPECT_EQ(parse(R"({"id": 1, "score": 0.5, "text": "alone"})").text, "alone");
}

TEST(ResultText, ShowsThePayloadWhereThereIsNoText) {
  EXPECT_EQ(result_text(12, parse(R"({"id": 7, "score": 1, "payload": {"a": 1}})")), " 12  1.0000  7\n     {\"a\": 1}\n");
  EXPECT_EQ(parse(R"({"id": 7, "score": 1, "payload": null})").text, "");
}

TEST(ResultText, NeverPassesControlCharactersToTheTerminal) {
  EXPECT_EQ(snippet("a\x1b[31m\n\tb\xc2\x9b z\x7f", 100), "a [31m b z");
}

TEST(ResultText, CutsBetweenCharactersAndAtWords) {
  EXPECT_EQ(snippet("one two three", 9), "one two ...");
  EXPECT_EQ(snippet("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", 2), "\xc3\xa4\xc3\xb6 ...");
  EXPECT_EQ(snippet("", 2), "");
}

TEST(ResultText, BreaksLongTextsIntoLines) {
  FoundDocument document{"1", 0.25, "", ""};
  for (int i = 0; i < 100; ++i) document.text += "words ";
  const std::string text = result_text(3, document);
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = text.find('\n', start);
    EXPECT_LE(end - start, 101u);
    start = end + 1;
  }
  EXPECT_TRUE(text.ends_with(" ...\n"));
}

}  // namespace
}  // namespace orthant
