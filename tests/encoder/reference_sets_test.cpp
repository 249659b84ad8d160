// Every text of the reference sets, through the batcher, against the embeddings that Sentence Transformers gave.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/npy.h"
#include "encoder/encode_batcher.h"
#include "tests/support/paths.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

struct ReferenceSet {
  const char* name;    // of the files in reference/
  const char* folder;  // in data/
  bool queries;
};

std::string stripped(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string field(simdjson::dom::element line, const char* name) {
  std::string_view value;
  return line[name].get_string().get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

std::vector<std::string> read_documents(const fs::path& file) {
  std::vector<std::string> texts;
  simdjson::dom::parser parser;
  simdjson::dom::document_stream lines = parser.load_many(file.string()).value();
  for (simdjson::dom::element line : lines) {
    texts.push_back(stripped(field(line, "title") + " " + field(line, "text")));
  }
  return texts;
}

std::vector<std::string> read_queries(const fs::path& file, const fs::path& ids_file) {
  std::unordered_map<std::string, std::string> by_id;
  simdjson::dom::parser parser;
  simdjson::dom::document_stream lines = parser.load_many(file.string()).value();
  for (simdjson::dom::element line : lines) by_id[field(line, "_id")] = field(line, "text");
  std::vector<std::string> texts;
  std::ifstream ids(ids_file);
  for (std::string id; std::getline(ids, id);) texts.push_back(by_id.at(id));
  return texts;
}

class ReferenceSets : public testing::TestWithParam<ReferenceSet> {};

TEST_P(ReferenceSets, HaveTheEmbeddingsOfSentenceTransformersForEveryText) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  ORTHANT_REQUIRE_SHARED_DATA();
  const fs::path data = test::shared_dir() / "data" / GetParam().folder;
  const fs::path reference = test::shared_dir() / "reference";
  const std::string name = GetParam().name;
  EncodeRequest request;
  request.bulk = true;
  request.texts = GetParam().queries ? read_queries(data / "queries.jsonl", reference / (name + "-query-ids.txt"))
                                     : read_documents(data / "corpus.jsonl");
  const auto expected = read_npy_floats(reference / (name + (GetParam().queries ? "-queries.npy" : "-documents.npy")));
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  ASSERT_EQ(request.texts.size(), expected->rows);

  const auto encoder = Encoder::load(test::default_model_dir(), {});
  ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
  ThreadPool pool("encode", std::max(1U, std::thread::hardware_concurrency()), 64);
  EncodeBatcher batcher(**encoder, pool, {.max_queued_tokens = std::size_t{1} << 30});
  std::promise<Result<EncodeResult>> promise;
  batcher.submit(std::move(request), [&](Result<EncodeResult> result) { promise.set_value(std::move(result)); });
  const Result<EncodeResult> encoded = promise.get_future().get();
  ASSERT_TRUE(encoded.has_value()) << encoded.error().message;

  double worst_cosine = 1;
  double worst_difference = 0;
  for (std::size_t row = 0; row < expected->rows; ++row) {
    double product = 0;
    double squares = 0;
    double expected_squares = 0;
    for (std::size_t i = 0; i < expected->columns; ++i) {
      const double found = encoded->embeddings.row(row)[i];
      const double wanted = expected->values[row * expected->columns + i];
      product += found * wanted;
      squares += found * found;
      expected_squares += wanted * wanted;
      worst_difference = std::max(worst_difference, std::abs(found - wanted));
    }
    worst_cosine = std::min(worst_cosine, product / std::sqrt(squares * expected_squares));
  }
  EXPECT_GE(worst_cosine, 0.99999);
  EXPECT_LE(worst_difference, 1e-6);
  std::cout << name << ": " << expected->rows << " texts, worst cosine " << worst_cosine << ", largest difference "
            << worst_difference << '\n';
}

INSTANTIATE_TEST_SUITE_P(Sets, ReferenceSets,
                         testing::Values(ReferenceSet{"xquad-en", "xquad/en", false}, ReferenceSet{"xquad-en", "xquad/en", true},
                                         ReferenceSet{"scifact", "scifact", true}, ReferenceSet{"scifact", "scifact", false}),
                         [](const auto& set) {
                           std::string name = set.param.name;
                           std::erase(name, '-');
                           return name + (set.param.queries ? "queries" : "documents");
                         });

}  // namespace
}  // namespace orthant
