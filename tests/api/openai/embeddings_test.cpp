#include "api/openai/embeddings.h"

#include <gtest/gtest.h>

#include "tests/api/qdrant/parse_text.h"

namespace orthant::openai {
namespace {

using test::parse_json;

TEST(OpenAiEmbeddings, ReadsOneTextOrMany) {
  const auto one = parse_json(R"({"model":"m","input":"hello","user":"u"})", parse_embeddings).value();
  EXPECT_EQ(one.input, std::vector<std::string>{"hello"});
  EXPECT_FALSE(one.base64);
  const auto many =
      parse_json(
          R"({"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":64,"output_precision":"ubinary","purpose":"query"})",
          parse_embeddings)
          .value();
  EXPECT_EQ(many.input.size(), 2);
  EXPECT_TRUE(many.base64);
  EXPECT_EQ(many.dimensions, 64);
  EXPECT_EQ(many.precision, OutputPrecision::kUbinary);
  EXPECT_EQ(many.purpose, Purpose::kQuery);
}

TEST(OpenAiEmbeddings, RefusesWrongInputInOpenAisForm) {
  for (const char* text :
       {R"({"input":"x"})", R"({"model":"m"})", R"({"model":"m","input":""})", R"({"model":"m","input":[]})",
        R"({"model":"m","input":[1,2]})", R"({"model":"m","input":[[1,2]]})", R"({"model":"m","input":["a",""]})",
        R"({"model":"m","input":"x","dimensions":0})", R"({"model":"m","input":"x","encoding_format":"hex"})",
        R"({"model":"m","input":"x","output_precision":"int4"})"}) {
    const auto request = parse_json(text, parse_embeddings);
    ASSERT_FALSE(request) << text;
    const Response response = error_response(request.error());
    EXPECT_EQ(response.status, 400);
    EXPECT_TRUE(response.body.contains(R"("type":"invalid_request_error")")) << response.body;
  }
  EXPECT_TRUE(error_response({ErrorCode::kNotFound, "x"}).body.contains(R"("code":"model_not_found")"));
}

TEST(OpenAiEmbeddings, EncodesBase64) {
  const auto encode = [](std::string_view text) {
    return encode_base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  // RFC 4648, section 10.
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foo"), "Zm9v");
  EXPECT_EQ(encode("foob"), "Zm9vYg==");
  EXPECT_EQ(encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
}

TEST(OpenAiEmbeddings, WritesSignedAndUnsignedCodes) {
  EmbeddingsRequest request;
  request.model = "m";
  request.input = {"x"};
  EncodeResult encoded;
  encoded.token_counts = {3};
  encoded.truncated = {true};
  const std::vector<std::uint8_t> rows = {0, 128, 255};
  request.precision = OutputPrecision::kInt8;
  EXPECT_TRUE(render_embeddings(request, encoded, rows, 3).contains(R"("embedding":[0,-128,-1])"));
  request.precision = OutputPrecision::kUint8;
  const std::string text = render_embeddings(request, encoded, rows, 3);
  EXPECT_TRUE(text.contains(R"("embedding":[0,128,255])"));
  EXPECT_TRUE(text.ends_with(R"("usage":{"prompt_tokens":3,"total_tokens":3},"truncated":[0]})")) << text;
}

}  // namespace
}  // namespace orthant::openai
