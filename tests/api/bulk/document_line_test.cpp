#include "api/bulk/document_line.h"

#include <gtest/gtest.h>

namespace orthant::bulk {
namespace {

Result<PointInput> parse(std::string_view line) {
  return parse_document_line(line, {.text_vector = "t", .model = "m", .forms = {}});
}

TEST(DocumentLine, ReadsIdTextAndPayload) {
  const auto point = parse(R"({"id":7,"text":" some text\n","payload":{"a" : 1.50}})");
  ASSERT_TRUE(point) << point.error().message;
  EXPECT_EQ(point->id, PointId::number(7));
  EXPECT_EQ(point->vectors.at(0).first, "t");
  EXPECT_EQ(std::get<TextInput>(point->vectors[0].second).text, "some text");
  EXPECT_EQ(std::get<TextInput>(point->vectors[0].second).model, "m");
  EXPECT_EQ(point->payload, R"({"a" : 1.50})");
}

TEST(DocumentLine, ReadsTheRetrievalSetsForm) {
  const auto point = parse(R"({"_id":"4983","title":"A title","text":"and text","metadata":{"url":"x"}})");
  ASSERT_TRUE(point) << point.error().message;
  EXPECT_EQ(point->id, PointId::number(4983));
  EXPECT_EQ(std::get<TextInput>(point->vectors[0].second).text, "A title and text");
  EXPECT_EQ(point->payload, R"({"title":"A title","metadata":{"url":"x"}})");
}

TEST(DocumentLine, TakesVectorsInsteadOfText) {
  const auto plain = parse(R"({"id":1,"vector":[1,2],"text":"kept"})");
  EXPECT_EQ(std::get<std::vector<float>>(plain->vectors.at(0).second), (std::vector<float>{1, 2}));
  EXPECT_EQ(plain->payload, R"({"text":"kept"})");
  const auto named = parse(R"({"id":1,"vector":{"a":[1],"b":{"text":"x"}}})");
  EXPECT_EQ(named->vectors.at(1).first, "b");
  EXPECT_TRUE(std::holds_alternative<TextInput>(named->vectors[1].second));
}

TEST(DocumentLine, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"no json", "line 1"},
      {"[1]", "object"},
      {R"({"text":"x"})", "missing field `id`"},
      {R"({"id":"doc-1","text":"x"})", "'doc-1' is neither a number nor a UUID"},
      {R"({"id":"007","text":"x"})", "'007' is neither"},
      {R"({"id":1.5,"text":"x"})", "id"},
      {R"({"id":-1,"text":"x"})", "id"},
      {R"({"id":1})", "missing field `text`"},
      {R"({"id":1,"text":"  \n "})", "text: the text is empty"},
      {R"({"id":1,"text":5})", "text"},
      {R"({"id":1,"text":"x","payload":"y"})", "payload"},
      {"{\"id\":1,\"text\":\"\xff\"}", "UTF-8"},
  };
  for (const auto& [line, part] : cases) {
    const auto point = parse(line);
    ASSERT_FALSE(point) << line;
    EXPECT_TRUE(point.error().message.contains(part)) << line << " -> " << point.error().message;
  }
}

}  // namespace
}  // namespace orthant::bulk
