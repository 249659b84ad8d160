#include "api/qdrant/parse_write.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/api/qdrant/parse_text.h"

namespace orthant::qdrant {
namespace {

using test::parse_json;

Result<UpsertRequest> upsert(std::string text, CodeForms forms = {}) {
  return parse_json(std::move(text), parse_upsert, forms);
}

std::string error_of(const auto& result) {
  return result ? "no error" : result.error().message;
}

const std::vector<float>& floats_of(const PointInput& point, std::size_t i = 0) {
  return std::get<std::vector<float>>(point.vectors.at(i).second);
}

TEST(ParseWrite, ReadsPointsInRowForm) {
  const auto request = upsert(R"({"points":[
    {"id":7,"vector":[1,2.5],"payload":{"a" : 1e2}},
    {"id":"98A9A4B1-4EF2-46FB-8315-A97D874FE1D7","vector":{"title":[1],"body":[2,3]},"payload":null},
    {"id":18446744073709551615,"vector":{}}]})");
  ASSERT_TRUE(request) << error_of(request);
  ASSERT_EQ(request->points.size(), 3);
  EXPECT_EQ(request->points[0].id, PointId::number(7));
  EXPECT_EQ(floats_of(request->points[0]), (std::vector<float>{1, 2.5}));
  EXPECT_EQ(request->points[0].payload, R"({"a" : 1e2})");
  EXPECT_EQ(request->points[1].id.to_string(), "98a9a4b1-4ef2-46fb-8315-a97d874fe1d7");
  EXPECT_EQ(request->points[1].vectors[0].first, "title");
  EXPECT_EQ(floats_of(request->points[1], 1), (std::vector<float>{2, 3}));
  EXPECT_EQ(request->points[1].payload, "{}");
  EXPECT_TRUE(request->points[2].vectors.empty());
}

TEST(ParseWrite, ReadsPointsInColumnForm) {
  const auto plain = upsert(R"({"batch":{"ids":[1,2],"vectors":[[1],[2]],"payloads":[{"a":1},null]}})");
  ASSERT_TRUE(plain) << error_of(plain);
  EXPECT_EQ(floats_of(plain->points[1]), std::vector<float>{2});
  EXPECT_EQ(plain->points[0].payload, R"({"a":1})");
  const auto named = upsert(R"({"batch":{"ids":[1,2],"vectors":{"x":[[1],[2]],"y":[[3],[4]]}}})");
  ASSERT_TRUE(named) << error_of(named);
  EXPECT_EQ(named->points[1].vectors[1].first, "y");
  EXPECT_EQ(floats_of(named->points[1], 1), std::vector<float>{4});
  for (const char* uneven :
       {R"({"batch":{"ids":[1,2],"vectors":[[1]]}})", R"({"batch":{"ids":[1],"vectors":[[1]],"payloads":[{},{}]}})"}) {
    EXPECT_TRUE(error_of(upsert(uneven)).starts_with("Validation error in JSON body: ")) << uneven;
  }
}

TEST(ParseWrite, ReadsTextsAndTheirOptions) {
  const auto request = upsert(R"({"points":[{"id":1,"vector":{"text":"hello","model":"m"}},
    {"id":2,"vector":{"title":{"text":"x"}}},{"id":3,"vector":{"title":{"text":"x","options":{"truncate":false}}}}]})");
  ASSERT_TRUE(request) << error_of(request);
  const auto& text = std::get<TextInput>(request->points[0].vectors[0].second);
  EXPECT_EQ(text.text, "hello");
  EXPECT_EQ(text.model, "m");
  EXPECT_EQ(std::get<TextInput>(request->points[1].vectors[0].second).model, "");
  EXPECT_TRUE(request->refuse_truncation);
  EXPECT_TRUE(error_of(upsert(R"({"points":[{"id":1,"vector":{"text":""}}]})")).contains("points[0].vector.text"));
}

TEST(ParseWrite, ReadsReadyCodesWhereTheCollectionTakesThem) {
  const CodeForms forms = {{"", VectorForm::kUbinary}, {"i", VectorForm::kInt8}};
  const auto request =
      upsert(R"({"points":[{"id":1,"vector":[0,255]},{"id":2,"vector":"AP8="},{"id":3,"vector":{"i":[-128,127]}}]})", forms);
  ASSERT_TRUE(request) << error_of(request);
  EXPECT_EQ(std::get<CodeInput>(request->points[0].vectors[0].second).bytes, (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(std::get<CodeInput>(request->points[1].vectors[0].second).bytes, (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(std::get<CodeInput>(request->points[2].vectors[0].second).bytes, (std::vector<std::uint8_t>{0x80, 0x7f}));
  EXPECT_TRUE(error_of(upsert(R"({"points":[{"id":1,"vector":[256]}]})", forms)).contains("must be from 0 to 255"));
  EXPECT_TRUE(error_of(upsert(R"({"points":[{"id":1,"vector":"A"}]})", forms)).contains("not base64"));
}

TEST(ParseWrite, NamesTheFieldOfWrongInput) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "points"},
      {R"({"points":{}})", "points"},
      {R"({"points":[{"vector":[1]}]})", "id"},
      {R"({"points":[{"id":1}]})", "vector"},
      {R"({"points":[{"id":-1,"vector":[1]}]})", "points[0].id"},
      {R"({"points":[{"id":"x","vector":[1]}]})", "points[0].id"},
      {R"({"points":[{"id":1.5,"vector":[1]}]})", "points[0].id"},
      {R"({"points":[{"id":1,"vector":[1,null]}]})", "points[0].vector[1]"},
      {R"({"points":[{"id":1,"vector":[1e39]}]})", "points[0].vector[0]"},
      {R"({"points":[{"id":1,"vector":[[1],[2,3]]}]})", "points[0].vector.data: all vectors must have the same dimension"},
      {R"({"points":[{"id":1,"vector":[[1],[]]}]})", "points[0].vector.data: all vectors must be non-empty"},
      {R"({"points":[{"id":1,"vector":[[1],2]}]})", "points[0].vector[1]"},
      {R"({"points":[{"id":1,"vector":[[1,null]]}]})", "points[0].vector[0][1]"},
      {R"({"points":[{"id":1,"vector":{"s":{"indices":[1,1],"values":[1,2]}}}]})",
       "points[0].vector.?.indices: Validation error: must be unique [{}]"},
      {R"({"points":[{"id":1,"vector":{"s":{"indices":[1,2],"values":[1]}}}]})",
       "points[0].vector.?.values: Validation error: must be the same length as indices [{}]"},
      {R"({"points":[{"id":1,"vector":{"s":{"indices":[4294967296],"values":[1]}}}]})", "s.indices[0]"},
      {R"({"points":[{"id":1,"vector":{"s":{"indices":[-1],"values":[1]}}}]})", "s.indices[0]"},
      {R"({"points":[{"id":1,"vector":{"s":{"indices":[1]}}}]})", "missing field `values`"},
      {R"({"points":[{"id":1,"vector":{"s":{"text":"a","model":"qdrant/bm25","options":{"k":"x"}}}}]})", "options.k"},
      {R"({"points":[{"id":1,"vector":{"s":{"text":"a","model":"bm25","options":{"tokenizer":"x"}}}}]})", "unknown variant `x`"},
      {R"({"points":[{"id":1,"vector":[1],"payload":[]}]})", "points[0].payload"},
      {R"({"points":[{"id":1,"vector":[1]}],"update_mode":"sometimes"})", "update_mode"},
      {R"({"points":[{"id":1,"vector":[1]}]} trailing)", "line 1"},
      {"", "JSON"},
  };
  for (const auto& [text, part] : cases) {
    const auto result = upsert(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(result.error().message.contains(part)) << text << " -> " << result.error().message;
  }
}

TEST(ParseWrite, ReadsSparseVectorsAndMultivectors) {
  const auto request = upsert(
      R"({"points":[{"id":1,"vector":{"s":{"indices":[9,3],"values":[1,2]},"m":[[1,2],[3,4]],"e":{"indices":[],"values":[]},
          "d":{"text":"a b","model":"BM25","options":{"avg_len":10,"language":"german","stemmer":{"type":"none"},
               "stopwords":{"languages":["english"],"custom":["b"]}}}}}]})");
  ASSERT_TRUE(request) << error_of(request);
  const NamedVectors& vectors = request->points[0].vectors;
  EXPECT_EQ(std::get<SparseVector>(vectors[0].second), (SparseVector{{3, 9}, {2, 1}}));
  EXPECT_EQ(std::get<MultiVector>(vectors[1].second), (MultiVector{{1, 2, 3, 4}, 2}));
  EXPECT_EQ(std::get<SparseVector>(vectors[2].second), SparseVector());
  const auto& text = std::get<TextInput>(vectors[3].second);
  ASSERT_TRUE(text.bm25);
  EXPECT_EQ(text.bm25->avg_len, 10);
  EXPECT_EQ(text.bm25->language, "german");
  EXPECT_EQ(text.bm25->stemmer, "");
  EXPECT_EQ(text.bm25->stop_word_languages, std::vector<std::string>{"english"});
  EXPECT_EQ(text.bm25->text.stopwords, std::vector<std::string>{"b"});
}

TEST(ParseWrite, WantsASelectorOfPoints) {
  const auto none = parse_json(R"({"payload":{}})", parse_set_payload);
  EXPECT_TRUE(error_of(none).starts_with("Validation error in JSON body: ")) << error_of(none);
  EXPECT_TRUE(error_of(none).contains("At least one parameter should be specified"));
  const auto ids = parse_json(R"({"points":[1,2]})", parse_delete);
  EXPECT_EQ(std::get<std::vector<PointId>>(ids->points).size(), 2);
  const auto filter = parse_json(R"({"filter":{"must":[{"has_id":[3]}]}})", parse_clear_payload);
  EXPECT_EQ(std::get<Filter>(filter->points).must.size(), 1);
}

TEST(ParseWrite, ReadsEveryKindOfBatchedOperation) {
  const auto batch = parse_json(R"({"operations":[
    {"upsert":{"points":[{"id":1,"vector":[1]}]}}, {"delete":{"points":[1]}},
    {"set_payload":{"payload":{"a":1},"points":[1],"key":"b.c"}}, {"overwrite_payload":{"payload":{},"points":[1]}},
    {"delete_payload":{"keys":["a"],"points":[1]}}, {"clear_payload":{"points":[1]}},
    {"update_vectors":{"points":[{"id":1,"vector":[2]}]}}, {"delete_vectors":{"points":[1],"vector":["x"]}}]})",
                                [](JsonValue body) { return parse_write_batch(body, {}); });
  ASSERT_TRUE(batch) << error_of(batch);
  for (std::size_t i = 0; i < batch->size(); ++i) EXPECT_EQ((*batch)[i].index(), (std::array{0, 1, 4, 5, 6, 7, 2, 3})[i]) << i;
  EXPECT_EQ(std::get<SetPayload>((*batch)[2]).key, "b.c");
  const auto unknown =
      parse_json(R"({"operations":[{"truncate":{}}]})", [](JsonValue body) { return parse_write_batch(body, {}); });
  EXPECT_TRUE(error_of(unknown).contains("operations[0]"));
}

TEST(ParseWrite, DecodesBase64InBothAlphabets) {
  EXPECT_EQ(decode_base64("+/8=").value(), (std::vector<std::uint8_t>{0xfb, 0xff}));
  EXPECT_EQ(decode_base64("-_8").value(), (std::vector<std::uint8_t>{0xfb, 0xff}));
  EXPECT_EQ(decode_base64("").value().size(), 0);
  EXPECT_FALSE(decode_base64("ab!d"));
  EXPECT_FALSE(decode_base64("abcde"));
}

TEST(ParseWrite, TellsOperationsOnNoPoints) {
  const auto named = [](const char* operation) {
    const auto requests = parse_json(fmt::format(R"({{"operations":[{}]}})", operation), parse_write_batch, CodeForms());
    EXPECT_TRUE(requests) << operation << error_of(requests);
    return requests && check_has_points(requests->front()).has_value();
  };
  for (const char* empty : {R"({"upsert":{"points":[]}})", R"({"upsert":{"batch":{"ids":[],"vectors":[]}}})",
                            R"({"delete":{"points":[]}})", R"({"set_payload":{"payload":{},"points":[]}})",
                            R"({"clear_payload":{"points":[]}})", R"({"delete_vectors":{"points":[],"vector":["x"]}})"}) {
    EXPECT_FALSE(named(empty)) << empty;
  }
  EXPECT_TRUE(named(R"({"delete":{"points":[1]}})"));
  EXPECT_TRUE(named(R"({"delete":{"filter":{}}})"));
}

}  // namespace
}  // namespace orthant::qdrant
