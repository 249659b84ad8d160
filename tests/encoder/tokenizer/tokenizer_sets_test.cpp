// The ids of every text of every set in ../shared/data, against digests of Hugging Face's.

#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <simdjson.h>
#include <zstd.h>

#include "encoder/tokenizer/tokenizer.h"
#include "tests/encoder/tokenizer/golden_tokens.h"
#include "tests/support/paths.h"

namespace orthant {
namespace {

using test::Ids;

std::string unpacked(const std::string& packed) {
  ZSTD_DStream* stream = ZSTD_createDStream();
  std::string content, buffer(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  while (in.pos < in.size) {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    const std::size_t state = ZSTD_decompressStream(stream, &out, &in);
    if (ZSTD_isError(state) != 0) {
      ADD_FAILURE() << ZSTD_getErrorName(state);
      break;
    }
    content.append(buffer, 0, out.pos);
  }
  ZSTD_freeDStream(stream);
  return content;
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(in)), {});
  if (file.extension() == ".zst") content = unpacked(content);
  std::vector<std::string> lines;
  std::istringstream all(std::move(content));
  for (std::string line; std::getline(all, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

// What is a text: texts_of() in scripts/make_golden_tokens.py.
void append_texts_of_json(simdjson::dom::parser& parser, const std::string& line, std::vector<std::string>& texts) {
  const simdjson::dom::element document = parser.parse(line);
  const auto field = [&](std::string_view key) { return std::string(document[key].get_string().value()); };
  if (document["query"].error() == simdjson::SUCCESS) {
    texts.push_back(field("query"));
    texts.push_back(field("positive"));
    return;
  }
  const bool titled = document["title"].error() == simdjson::SUCCESS;
  texts.push_back(titled ? field("title") + ' ' + field("text") : field("text"));
}

std::vector<std::string> columns_of(const std::string& line) {
  std::vector<std::string> columns;
  std::istringstream in(line);
  for (std::string column; std::getline(in, column, '\t');) columns.push_back(column);
  columns.resize(std::max<std::size_t>(columns.size(), 7));
  return columns;
}

std::vector<std::string> texts_of(const std::filesystem::path& file) {
  std::vector<std::string> texts;
  simdjson::dom::parser parser;
  bool header = file.extension() == ".tsv";
  for (const std::string& line : lines_of(file)) {
    if (std::exchange(header, false)) continue;
    if (file.filename().string().find(".jsonl") != std::string::npos) {
      append_texts_of_json(parser, line, texts);
    } else if (file.extension() == ".tsv") {
      texts.push_back(columns_of(line)[0]);
    } else {
      texts.push_back(columns_of(line)[5]);
      texts.push_back(columns_of(line)[6]);
    }
  }
  return texts;
}

struct Chunk {
  std::size_t first = 0, texts = 0, tokens = 0;
  std::string digest;
};

using Chunks = std::map<std::string, std::vector<Chunk>>;  // by file

Chunks golden_chunks(const std::filesystem::path& digests) {
  Chunks by_file;
  for (const std::string& line : test::golden_lines(digests)) {
    std::istringstream in(line);
    std::string file;
    Chunk chunk;
    in >> file >> chunk.first >> chunk.texts >> chunk.tokens >> chunk.digest;
    by_file[file].push_back(chunk);
  }
  return by_file;
}

void expect_golden_chunks(const Tokenizer& tokenizer, const std::vector<std::string>& texts, const std::vector<Chunk>& chunks) {
  ASSERT_EQ(texts.size(), chunks.back().first + chunks.back().texts);
  for (const Chunk& chunk : chunks) {
    std::vector<Ids> lists;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < chunk.texts; ++i) {
      lists.push_back(tokenizer.tokenize(texts[chunk.first + i], 0).ids);
      tokens += lists.back().size();
    }
    EXPECT_EQ(tokens, chunk.tokens) << "texts from " << chunk.first;
    EXPECT_EQ(test::digest_of(lists), chunk.digest) << "texts from " << chunk.first;
  }
}

struct GoldenTokenizer {
  std::string name;
  std::unique_ptr<Tokenizer> tokenizer;
  Chunks chunks;
};

GoldenTokenizer golden_tokenizer(const std::filesystem::path& folder, const std::filesystem::path& digests) {
  auto tokenizer = Tokenizer::load(folder);
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return {folder.filename().string(), std::move(*tokenizer), golden_chunks(digests)};
}

// The small ones whose ids over the sets are known.
std::vector<GoldenTokenizer> small_tokenizers() {
  std::vector<GoldenTokenizer> tokenizers;
  for (const auto& folder : std::filesystem::directory_iterator(test::golden_dir() / "tokenizers")) {
    const std::filesystem::path digests = folder.path() / "set_digests.txt";
    if (std::filesystem::exists(digests)) tokenizers.push_back(golden_tokenizer(folder, digests));
  }
  return tokenizers;
}

void expect_golden_sets(const std::vector<GoldenTokenizer>& tokenizers, std::initializer_list<std::string_view> prefixes,
                        std::size_t file_count) {
  std::size_t files = 0;
  for (const auto& [name, ignored] : tokenizers.front().chunks) {
    const bool wanted = std::ranges::any_of(prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
    if (!wanted) continue;
    const std::vector<std::string> texts = texts_of(test::shared_dir() / "data" / name);
    for (const GoldenTokenizer& golden : tokenizers) {
      SCOPED_TRACE(golden.name + ", " + name);
      expect_golden_chunks(*golden.tokenizer, texts, golden.chunks.at(name));
    }
    ++files;
  }
  EXPECT_EQ(files, file_count);
}

void expect_golden_sets(std::initializer_list<std::string_view> prefixes, std::size_t file_count) {
  std::vector<GoldenTokenizer> tokenizers;
  tokenizers.push_back(golden_tokenizer(test::default_model_dir(), test::golden_dir() / "token_set_digests.txt"));
  expect_golden_sets(tokenizers, prefixes, file_count);
}

TEST(TokenizerSets, RetrievalTextsHaveTheIdsOfHuggingFace) {
  ORTHANT_REQUIRE_SHARED_DATA();
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  expect_golden_sets({"scifact/", "medquad/"}, 4);
}

TEST(TokenizerSets, TextsOfFiveLanguagesHaveTheIdsOfHuggingFace) {
  ORTHANT_REQUIRE_SHARED_DATA();
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  expect_golden_sets({"xquad/"}, 10);
}

TEST(TokenizerSets, SentencesHaveTheIdsOfHuggingFace) {
  ORTHANT_REQUIRE_SHARED_DATA();
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  expect_golden_sets({"sst2/", "stsb/"}, 6);
}

TEST(TokenizerSets, PostsHaveTheIdsOfHuggingFace) {
  ORTHANT_REQUIRE_SHARED_DATA();
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  expect_golden_sets({"reddit-"}, 2);
}

// Byte-level BPE without and with NFC, BPE over whole texts with bytes for unknown characters, Unigram with a charsmap.
TEST(TokenizerSets, AllTextsHaveTheIdsOfHuggingFaceForEveryKindOfTokenizer) {
  ORTHANT_REQUIRE_SHARED_DATA();
  const std::vector<GoldenTokenizer> tokenizers = small_tokenizers();
  ASSERT_EQ(tokenizers.size(), 4u);
  expect_golden_sets(tokenizers, {"scifact/", "medquad/", "xquad/", "sst2/", "stsb/", "reddit-"}, 22);
}

}  // namespace
}  // namespace orthant
