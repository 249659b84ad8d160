// What Tokenizer::load makes of files that are unusual, unsupported or hostile.

#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "encoder/tokenizer/tokenizer.h"
#include "tests/encoder/tokenizer/golden_tokens.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using test::Ids;

void write(const std::filesystem::path& file, std::string_view content) {
  std::ofstream(file, std::ios::binary) << content;
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// A whole, small tokenizer.json.
const std::string kTokenizerJson = R"({
  "truncation": null, "padding": null,
  "added_tokens": [{"id": 0, "content": "[UNK]", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false},
                   {"id": 6, "content": "<new>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 2}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}},
  "decoder": null,
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "hello": 3, "##s": 4, "Hello": 5}}
})";

class TokenizerFiles : public testing::Test {
 protected:
  Result<std::unique_ptr<Tokenizer>> load() const { return Tokenizer::load(directory_.path()); }

  void write_json(std::string_view content) const { write(directory_.path() / "tokenizer.json", content); }
  void write_config(std::string_view content) const { write(directory_.path() / "tokenizer_config.json", content); }

  Ids ids(std::string_view text) const {
    const auto tokenizer = load();
    EXPECT_TRUE(tokenizer) << tokenizer.error().message;
    return tokenizer ? (*tokenizer)->tokenize(text, 0).ids : Ids();
  }

  // The error's message holds the file's name and each of the `parts`.
  void expect_error(ErrorCode code, std::initializer_list<std::string_view> parts) const {
    const auto tokenizer = load();
    ASSERT_FALSE(tokenizer);
    EXPECT_EQ(error_code_name(tokenizer.error().code), error_code_name(code)) << tokenizer.error().message;
    for (const std::string_view part : parts) {
      EXPECT_NE(tokenizer.error().message.find(part), std::string::npos) << tokenizer.error().message << "\nwithout: " << part;
    }
  }

  void expect_json_error(std::string_view from, std::string_view to, std::initializer_list<std::string_view> parts,
                         ErrorCode code = ErrorCode::kDataCorruption) const {
    SCOPED_TRACE(to);
    write_json(replaced(kTokenizerJson, from, to));
    expect_error(code, parts);
  }

  test::TemporaryDirectory directory_;
};

TEST_F(TokenizerFiles, LoadAsTheyAre) {
  write_json(kTokenizerJson);
  EXPECT_EQ(ids("Hello hellos <new>x"), (Ids{1, 3, 3, 4, 6, 0, 2}));
}

TEST_F(TokenizerFiles, AreNamedWhenAbsent) {
  expect_error(ErrorCode::kNotFound, {"tokenizer.json", "vocab.txt"});
}

TEST_F(TokenizerFiles, WithUnknownPartsAreRefusedByName) {
  expect_json_error(R"("type": "WordPiece")", R"("type": "Morfessor")",
                    {"tokenizer.json", "model.type", "Morfessor", "BPE", "Unigram"}, ErrorCode::kInvalidArgument);
  expect_json_error("BertNormalizer", "Cyrillic", {"normalizer.type", "Cyrillic", "BertNormalizer"}, ErrorCode::kInvalidArgument);
  expect_json_error("BertPreTokenizer", "UnicodeScripts", {"pre_tokenizer.type", "UnicodeScripts", "Metaspace"},
                    ErrorCode::kInvalidArgument);
  expect_json_error("TemplateProcessing", "Other", {"post_processor.type", "Other", "RobertaProcessing"},
                    ErrorCode::kInvalidArgument);
}

TEST_F(TokenizerFiles, WithWrongTypesNameTheField) {
  expect_json_error(R"("unk_token": "[UNK]")", R"("unk_token": 7)", {"tokenizer.json", "model.unk_token", "a number", "a string"});
  expect_json_error(R"("lowercase": true)", R"("lowercase": "yes")", {"normalizer.lowercase", "a boolean"});
  expect_json_error(R"("strip_accents": null)", R"("strip_accents": [])", {"normalizer.strip_accents", "an array"});
  expect_json_error(R"("max_input_chars_per_word": 100)", R"("max_input_chars_per_word": -1)", {"model.max_input_chars_per_word"});
  expect_json_error(R"("content": "<new>")", R"("content": 3)", {"added_tokens.1.content"});
  expect_json_error(R"("single": [)", R"("single": {}, "x": [)", {"post_processor.single", "an object", "an array"});
  expect_json_error(R"("id": "A")", R"("id": "C")", {"post_processor.single.1.Sequence.id", "'C'"});
  expect_json_error(R"("id": "A")", R"("id": "B")", {"post_processor.single", "'A'", "0 times"});
  expect_json_error(R"("id": "B")", R"("id": "A")", {"post_processor.pair", "'A'", "2 times"});
  expect_json_error(R"("type_id": 2)", R"("type_id": 256)", {"post_processor.pair.1", "type_id", "256"});
  write_json(R"(["model"])");
  expect_error(ErrorCode::kDataCorruption, {"tokenizer.json", "an array"});
  write_json(
      R"({"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9, "vocab": ["a"]}})");
  expect_error(ErrorCode::kDataCorruption, {"model.vocab", "an array", "an object"});
}

TEST_F(TokenizerFiles, WithBadIdsNameTheToken) {
  expect_json_error(R"("hello": 3)", R"("hello": 4)", {"model.vocab", "hello", "##s", "4"});
  expect_json_error(R"("hello": 3)", R"("hello": -3)", {"model.vocab.hello"});
  expect_json_error(R"("hello": 3)", R"("hello": 4294967296)", {"model.vocab.hello", "out of range"});
  expect_json_error(R"("hello": 3)", R"("hello": 2.5)", {"model.vocab.hello"});
  expect_json_error(R"("hello": 3)", R"("Hello": 3)", {"model.vocab", "'Hello'", "twice"});
  expect_json_error(R"("vocab": {"[UNK]": 0)", R"("vocab": {"[unk]": 0)", {"model.unk_token", "[UNK]"});
  expect_json_error(R"({"id": 6,)", R"({"id": 7,)", {"added_tokens.1", "<new>", "7", "expected 6"});
  expect_json_error(R"({"id": 0,)", R"({"id": 3,)", {"added_tokens.0", "[UNK]", "expected 0"});
  expect_json_error(R"("ids": [2])", R"("ids": [99])", {"post_processor", "99"});
  expect_json_error(R"("SpecialToken": {"id": "[SEP]")", R"("SpecialToken": {"id": "[END]")", {"special_tokens.[END]", "missing"});
}

// A whole byte-pair tokenizer with a little of everything; each of its fields is spoilt in turn.
const std::string kBytePairJson = R"({
  "added_tokens": [],
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": true, "strip_right": false},
                 {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Isolated"},
                    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": true}]},
  "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "RobertaProcessing", "sep": ["b", 2], "cls": ["a", 1]}]},
  "model": {"type": "BPE", "dropout": null, "unk_token": "?", "fuse_unk": false, "byte_fallback": false,
            "vocab": {"?": 0, "a": 1, "b": 2, "ab": 3, "_": 4, "_ab": 5}, "merges": ["a b", ["_", "ab"]]}
})";

TEST_F(TokenizerFiles, OfBytePairsNameWhatIsWrong) {
  write_json(kBytePairJson);
  EXPECT_EQ(ids("  ab x"), (Ids{1, 5, 4, 0, 2}));
  const struct {
    std::string_view from, to;
    std::initializer_list<std::string_view> parts;
  } kCases[] = {{R"("a b")", R"("a")", {"model.merges.0", "'a'", "two tokens"}},
                {R"("a b")", R"("a b c")", {"model.merges.0", "two tokens"}},
                {R"("a b")", R"("a c")", {"model.merges.0", "'c'", "not in the vocabulary"}},
                {R"("a b")", R"("b a")", {"model.merges.0", "'ba'"}},
                {R"(["_", "ab"])", R"(["_"])", {"model.merges.1"}},
                {R"(["_", "ab"])", R"(["_", 7])", {"model.merges.1"}},
                {R"("unk_token": "?")", R"("unk_token": "!")", {"model.unk_token", "'!'"}},
                {R"("merges": [)", R"("merges": {}, "x": [)", {"model.merges", "an array"}},
                {R"("Isolated")", R"("Alone")", {"pre_tokenizer.pretokenizers.0", "Alone", "MergedWithNext"}},
                {R"("always")", R"("often")", {"pre_tokenizer.pretokenizers.1.prepend_scheme", "often", "first"}},
                {R"("replacement": "_")", R"("replacement": "__")", {"pre_tokenizer.pretokenizers.1", "one character"}},
                {R"("Regex": " {2,}")", R"("Regex": "(")", {"normalizer.normalizers.1.pattern.Regex", "parenthesis"}},
                {R"("Regex": " {2,}")", R"("Other": " ")", {"normalizer.normalizers.1.pattern.Regex", "missing"}},
                {R"("strip_left": true, )", "", {"normalizer.normalizers.0.strip_left", "missing"}},
                {R"("sep": ["b", 2])", R"("sep": ["b"])", {"post_processor.processors.1.sep"}},
                {R"("sep": ["b", 2])", R"("sep": ["b", 9])", {"post_processor", "id 9"}}};
  for (const auto& [from, to, parts] : kCases) {
    SCOPED_TRACE(to);
    write_json(replaced(kBytePairJson, from, to));
    expect_error(ErrorCode::kDataCorruption, parts);
  }
  write_json(replaced(kBytePairJson, R"("dropout": null)", R"("dropout": 0.1)"));
  expect_error(ErrorCode::kInvalidArgument, {"model.dropout"});
  write_json(
      replaced(kBytePairJson, R"({"type": "ByteLevel"})", R"({"type": "BertProcessing", "sep": ["b", 2], "cls": ["a", 1]})"));
  expect_error(ErrorCode::kInvalidArgument, {"post_processor.processors.1", "one part"});
}

TEST_F(TokenizerFiles, OfUnigramsNameWhatIsWrong) {
  const std::string json = R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "CAAAAAAAAAAAAAAAYQA="},
    "pre_tokenizer": null, "model": {"type": "Unigram", "unk_id": 0, "vocab": [["?", 0.0], ["a", -1.5], ["b", -2]]}})";
  write_json(json);
  EXPECT_EQ(ids("abc"), (Ids{1, 2, 0}));
  const struct {
    std::string_view from, to;
    std::initializer_list<std::string_view> parts;
  } kCases[] = {{R"("unk_id": 0)", R"("unk_id": 3)", {"model.unk_id", "3"}},
                {R"("unk_id": 0)", R"("unk_id": null)", {"model.unk_id", "missing"}},
                {R"(["a", -1.5])", R"(["a"])", {"model.vocab.1", "score"}},
                {R"(["a", -1.5])", R"([-1.5, "a"])", {"model.vocab.1"}},
                {R"("CAAAAAAAAAAAAAAAYQA=")", R"("CAA*")", {"normalizer.precompiled_charsmap", "base64"}},
                {R"("CAAAAAAAAAAAAAAAYQA=")", R"("")", {"normalizer.precompiled_charsmap", "four bytes"}},
                {R"("CAAAAAAAAAAAAAAAYQA=")", R"("/////wAAAAAAAAAA")", {"normalizer.precompiled_charsmap", "trie"}},
                {R"("CAAAAAAAAAAAAAAAYQA=")", R"("CAAAAAAAAAAAAAAA//8=")", {"normalizer.precompiled_charsmap", "UTF-8"}}};
  for (const auto& [from, to, parts] : kCases) {
    SCOPED_TRACE(to);
    write_json(replaced(json, from, to));
    expect_error(ErrorCode::kDataCorruption, parts);
  }
}

TEST_F(TokenizerFiles, TakeTheConfigsAddedTokensWhereTheirOwnLackThem) {
  write_json(kTokenizerJson);
  write_config(
      R"({"added_tokens_decoder": {"0": {"content": "[UNK]", "special": true}, "7": {"content": "<more>", "lstrip": true}}})");
  EXPECT_EQ(ids("hello <more> <new>"), (Ids{1, 3, 7, 6, 2}));
  write_config(R"({"added_tokens_decoder": {"9": {"content": "<more>"}}})");
  expect_error(ErrorCode::kDataCorruption, {"tokenizer_config.json", "added_tokens_decoder", "<more>", "expected 7"});
  write_config(R"({"added_tokens_decoder": {"x": {"content": "<more>"}}})");
  expect_error(ErrorCode::kDataCorruption, {"tokenizer_config.json", "added_tokens_decoder", "x"});
  write_config(R"({"added_tokens_decoder": {"7": {"content": 5}}})");
  expect_error(ErrorCode::kDataCorruption, {"tokenizer_config.json", "added_tokens_decoder", "7", "content"});
  write_config(R"({"added_tokens_decoder": {"7": {"content": "<more>", "special": "yes"}}})");
  expect_error(ErrorCode::kDataCorruption, {"added_tokens_decoder", "special", "a boolean"});
}

TEST_F(TokenizerFiles, CutAtAnyByteAreErrors) {
  const std::size_t whole = kTokenizerJson.rfind('}') + 1;
  for (std::size_t bytes = 0; bytes < whole; bytes += 7) {
    write_json(kTokenizerJson.substr(0, bytes));
    expect_error(ErrorCode::kDataCorruption, {"tokenizer.json"});
  }
}

// Whatever happens, nothing crashes, and what loads can be used. Worth most under AddressSanitizer.
TEST_F(TokenizerFiles, WithFlippedBytesLoadOrFail) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 500; ++round) {
    std::string content = kTokenizerJson;
    for (std::uint64_t i = 1 + random() % 3; i > 0; --i) content[random() % content.size()] = static_cast<char>(random());
    write_json(content);
    const auto tokenizer = load();
    if (!tokenizer) continue;
    for (const std::uint32_t id : (*tokenizer)->tokenize("Hello hellos <new> \xC3\xA9 \xFF", 0).ids) {
      EXPECT_LT(id, (*tokenizer)->vocabulary_size()) << content;
    }
  }
}

// A byte changed, a stretch lost, a stretch twice, or another digit.
void mutate(std::string& content, std::mt19937_64& random) {
  const std::size_t at = random() % content.size();
  const std::size_t bytes = 1 + random() % 40;
  const std::size_t digit = content.find_first_of("0123456789", at);
  switch (random() % 4) {
    case 0: content[at] = static_cast<char>(random()); break;
    case 1: content.erase(at, bytes); break;
    case 2: content.insert(at, content.substr(at, bytes)); break;
    default: content[digit == std::string::npos ? at : digit] = static_cast<char>('0' + random() % 10); break;
  }
}

TEST_F(TokenizerFiles, OfEveryKindLoadOrFailWhenTheyAreDamaged) {
  std::mt19937_64 random(test::random_seed());
  std::size_t loaded = 0;
  for (const auto& folder : std::filesystem::directory_iterator(test::golden_dir() / "tokenizers")) {
    SCOPED_TRACE(folder.path().filename().string());
    const std::string whole = read_file(folder.path() / "tokenizer.json");
    for (int round = 0; round < 15; ++round) {
      std::string content = whole;
      for (std::uint64_t i = 1 + random() % 2; i > 0; --i) mutate(content, random);
      write_json(content);
      const auto tokenizer = load();
      if (!tokenizer) continue;
      ++loaded;
      const std::string_view text =
          "Hello, <a> 12 \xE2\x96\x81 caf\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87 \xCC\x81\xFF don't\n\n the  end";
      for (const std::uint32_t id : (*tokenizer)->tokenize_pair(text, text, 0).ids) {
        ASSERT_LT(id, (*tokenizer)->vocabulary_size());
      }
    }
  }
  EXPECT_GT(loaded, 20u);  // some 70 do: far fewer would mean that nothing past the loading is tested
}

TEST_F(TokenizerFiles, NestedTooDeeplyAreErrors) {
  write_json(std::string(1'000'000, '['));
  expect_error(ErrorCode::kDataCorruption, {"tokenizer.json"});
  write_json(replaced(kTokenizerJson, R"("decoder": null)", R"("decoder": )" + std::string(5000, '[') + std::string(5000, ']')));
  expect_error(ErrorCode::kDataCorruption, {"tokenizer.json"});
}

TEST_F(TokenizerFiles, TooLargeAreErrors) {
  write_json(kTokenizerJson);
  std::filesystem::resize_file(directory_.path() / "tokenizer.json", std::uintmax_t{1} << 40);  // sparse
  expect_error(ErrorCode::kInvalidArgument, {"tokenizer.json", "bytes"});
}

TEST_F(TokenizerFiles, ThatAreFoldersAreErrors) {
  std::filesystem::create_directory(directory_.path() / "tokenizer.json");
  expect_error(ErrorCode::kIoError, {"tokenizer.json"});
}

TEST_F(TokenizerFiles, HoldVocabulariesOfAnySize) {
  std::string entries;
  for (int i = 6; i < 200'000; ++i) entries += fmt::format(R"(, "t{}": {})", i * 7919, i);
  std::string json = replaced(kTokenizerJson, R"("Hello": 5)", R"("Hello": 5)" + entries);
  write_json(replaced(json, R"({"id": 6,)", R"({"id": 200000,)"));
  EXPECT_EQ(ids(fmt::format("T{} <new>", 7919 * 123'456)), (Ids{1, 123'456, 200'000, 2}));
}

TEST_F(TokenizerFiles, LetTheConfigSetFlagsAndLength) {
  write_json(kTokenizerJson);
  write_config(R"({"do_lower_case": false, "strip_accents": true, "model_max_length": 384, "cls_token": {"content": "[CLS]"}})");
  EXPECT_EQ(ids("Hello h\xC3\xA9llo"), (Ids{1, 5, 3, 2}));
  EXPECT_EQ((*load())->model_max_length(), 384u);
  write_config(R"({"strip_accents": null, "model_max_length": 1000000000000000019884624838656})");
  EXPECT_EQ(ids("Hello h\xC3\xA9llo"), (Ids{1, 3, 3, 2}));
  EXPECT_EQ((*load())->model_max_length(), 0u);
  write_config(R"({"model_max_length": 4000000000})");
  EXPECT_EQ((*load())->model_max_length(), 0u);
}

TEST_F(TokenizerFiles, WithABadConfigNameTheField) {
  write_json(kTokenizerJson);
  write_config(R"({"do_lower_case": "no"})");
  expect_error(ErrorCode::kDataCorruption, {"tokenizer_config.json", "do_lower_case", "a boolean"});
  write_config(R"({"model_max_length": "long"})");
  expect_error(ErrorCode::kDataCorruption, {"tokenizer_config.json", "model_max_length"});
  write_config(R"({"model_max_length": -5})");
  expect_error(ErrorCode::kDataCorruption, {"tokenizer_config.json", "model_max_length"});
  write_config(R"({"unk_token": 5})");
  expect_error(ErrorCode::kDataCorruption, {"tokenizer_config.json", "unk_token"});
  for (const std::string_view broken : {"", "[]", "{", R"({"do_lower_case": tru)", R"({"do_lower_case": true)"}) {
    SCOPED_TRACE(broken);
    write_config(broken);
    expect_error(ErrorCode::kDataCorruption, {"tokenizer_config.json"});
  }
}

TEST_F(TokenizerFiles, WithAVocabularyAloneServe) {
  write(directory_.path() / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\r\n[SEP]\n[MASK]\nhello\n##s\n");
  EXPECT_EQ(ids("HELLOS [MASK] x"), (Ids{2, 5, 6, 4, 1, 3}));
  write_config(R"({"do_lower_case": false})");
  EXPECT_EQ(ids("HELLO hello"), (Ids{2, 1, 5, 3}));
}

// Writes vocab.json and merges.txt out of RoBERTa's golden tokenizer.json, by its text: [["a","b"],["c","d"]] becomes lines.
void write_roberta_parts(const std::filesystem::path& folder) {
  const std::string json = read_file(test::golden_dir() / "tokenizers" / "roberta" / "tokenizer.json");
  const std::size_t vocab = json.find(R"("vocab":{)") + 8;
  const std::size_t merges = json.find(R"(,"merges":[)");
  std::string content = json.substr(vocab, merges - vocab);
  content.insert(content.size() - 1, R"(,"<mask>":2000)");
  write(folder / "vocab.json", content);
  std::string lines = "#version: 0.2\n";
  for (std::size_t at = json.find(R"([")", merges); at != std::string::npos; at = json.find(R"([")", at + 1)) {
    const std::size_t middle = json.find(R"(",")", at);
    const std::size_t end = json.find(R"("])", middle);
    for (const std::string& token : {json.substr(at + 2, middle - at - 2), json.substr(middle + 3, end - middle - 3)}) {
      for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] == '\\') ++i;  // JSON's quote and backslash
        lines += token[i];
      }
      lines += ' ';
    }
    lines.back() = '\n';
  }
  write(folder / "merges.txt", lines);
}

// The files that RoBERTa had before tokenizer.json give what tokenizer.json gives.
TEST_F(TokenizerFiles, WithMergesInAFileOfTheirOwnServe) {
  write_roberta_parts(directory_.path());
  const auto whole = Tokenizer::load(test::golden_dir() / "tokenizers" / "roberta");
  const auto parts = load();
  ASSERT_TRUE(whole && parts) << parts.error().message;
  for (const std::string_view text : {"", "Hello, World!  <mask>", "don't stop\n\n the <s> caf\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87"}) {
    EXPECT_EQ((*parts)->tokenize(text, 0).ids, (*whole)->tokenize(text, 0).ids) << text;
    EXPECT_EQ((*parts)->tokenize_pair(text, text, 0).ids, (*whole)->tokenize_pair(text, text, 0).ids) << text;
  }
  write(directory_.path() / "merges.txt", "#version: 0.2\nt h\nnot two tokens\n");
  expect_error(ErrorCode::kDataCorruption, {"merges.txt", "line 3"});
  write(directory_.path() / "merges.txt", "t \xE2\x82\xAC\n");
  expect_error(ErrorCode::kDataCorruption, {"merges.txt", "line 1", "not in the vocabulary"});
  write(directory_.path() / "vocab.json", R"({"a": 0})");
  write(directory_.path() / "merges.txt", "");
  expect_error(ErrorCode::kDataCorruption, {"vocab.json", "byte"});
}

TEST_F(TokenizerFiles, WithABadVocabularyNameTheLine) {
  write(directory_.path() / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nhello\n");
  expect_error(ErrorCode::kDataCorruption, {"vocab.txt", "line 7", "'hello'"});
  write(directory_.path() / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[MASK]\n");
  expect_error(ErrorCode::kDataCorruption, {"vocab.txt", "[SEP]"});
  write(directory_.path() / "vocab.txt", "[PAD]\n\xFF\n");
  expect_error(ErrorCode::kDataCorruption, {"vocab.txt", "line 2", "UTF-8"});
  write(directory_.path() / "vocab.txt", "");
  expect_error(ErrorCode::kDataCorruption, {"vocab.txt", "[UNK]"});
}

}  // namespace
}  // namespace orthant
