#include "engine/collection/catalog.h"

#include <gtest/gtest.h>

namespace orthant::test {
namespace {

CollectionRecord sample() {
  CollectionRecord record;
  record.table = 7;
  record.slot_names = SlotNames({"", "b", "a"});  // slot order need not be name order
  record.config.dialect_json = R"({"x":1})";
  record.config.vectors[""].index = {.dim = 384,
                                     .metric = Metric::kDot,
                                     .residency = FloatResidency::kDisk,
                                     .exact_below_bytes = 5,
                                     .target_recall = 0.5,
                                     .code_residency = CodeResidency::kDisk,
                                     .memory_budget_bytes = 77};
  record.config.vectors[""].encoder = EncoderIdentity{"model", "abc", "float32", "mean", 384, "query: ", ""};
  record.config.vectors[""].index.binary_codes = BinaryCodes::kRotated;
  record.config.vectors[""].index.code_bits = 2;
  record.config.vectors[""].index.int8_codes = Int8Codes::kDimension;
  record.config.vectors[""].index.int8_quantile = 0.99;
  record.config.vectors[""].index.structure = IndexStructure::kGraph;
  record.config.vectors[""].generation = 2;
  record.config.vectors[""].last_generation = 4;
  record.config.vectors[""].reembedding = Reembedding{{"next", "def", "int8", "cls", 768, "", std::nullopt}, true};
  record.config.vectors["a"].index = {.dim = 8, .form = VectorForm::kInt8};
  record.config.vectors["b"].index = {.dim = 9, .form = VectorForm::kUbinary};
  record.slot_names.add_removed();
  record.config.vectors["sparse"].kind = VectorKind::kSparse;
  record.config.vectors["sparse"].modifier = SparseModifier::kIdf;
  record.slot_names.add("sparse");
  record.config.vectors["multi"].index.dim = 4;
  record.config.vectors["multi"].kind = VectorKind::kMulti;
  record.config.vectors["multi"].datatype = VectorDatatype::kUint8;
  record.slot_names.add("multi");
  record.config.field_indexes["a.b[]"] = {FieldType::kDatetime, {}};
  record.config.field_indexes["t"] = {FieldType::kText,
                                      {.tokenizer = TextTokenizer::kPrefix,
                                       .lowercase = false,
                                       .ascii_folding = true,
                                       .phrase_matching = true,
                                       .min_token_length = 2,
                                       .max_token_length = {},
                                       .stopwords = {"the", ""},
                                       .stemmer = "english",
                                       .scoring = true}};
  return record;
}

TEST(Catalog, RecordComesBackFromItsBytes) {
  const CollectionRecord record = sample();
  const CollectionRecord found = decode_collection_record(encode(record)).value();
  EXPECT_EQ(found.table, 7U);
  EXPECT_EQ(found.slot_names, record.slot_names);
  EXPECT_EQ(found.config.dialect_json, record.config.dialect_json);
  EXPECT_EQ(found.config.vectors.at("").encoder, record.config.vectors.at("").encoder);
  EXPECT_EQ(found.config.vectors.at("").generation, 2U);
  EXPECT_EQ(found.config.vectors.at("").last_generation, 4U);
  EXPECT_EQ(found.config.vectors.at("").reembedding->encoder, record.config.vectors.at("").reembedding->encoder);
  EXPECT_TRUE(found.config.vectors.at("").reembedding->drop_without_text);
  EXPECT_FALSE(found.config.vectors.at("a").reembedding.has_value());
  EXPECT_EQ(found.config.field_indexes, record.config.field_indexes);
  EXPECT_EQ(found.config.vectors.at("").index, record.config.vectors.at("").index);
  EXPECT_FALSE(found.slot_names.has(3));
  EXPECT_EQ(found.slot_names.find("sparse"), Slot{4});
  EXPECT_EQ(found.config.vectors.at("sparse").kind, VectorKind::kSparse);
  EXPECT_EQ(found.config.vectors.at("sparse").modifier, SparseModifier::kIdf);
  EXPECT_EQ(found.config.vectors.at("multi").kind, VectorKind::kMulti);
  EXPECT_EQ(found.config.vectors.at("multi").datatype, VectorDatatype::kUint8);
  EXPECT_EQ(encode(found), encode(record));
}

// A record as version 1 wrote it, up to its encoder.
std::string version_one_record() {
  using namespace std::string_literals;
  return "\x01"
         "\x07\0\0\0"s +
         "\x02\0\0\0"s + "{}" + "\x01\0"s + "\x01\0\0\0"s + "v" + "\x80\x01\0\0"s + "\x02" + "\0"s + "\x01" +
         "\x10\0\0\0\0\0\0\0"s + "\0\0\0\0\0\0\xe0\x3f"s;
}

TEST(Catalog, ReadsARecordOfVersionOneForEver) {
  using namespace std::string_literals;
  const CollectionRecord found = decode_collection_record(version_one_record() + "\0"s).value();
  EXPECT_EQ(found.slot_names, SlotNames({"v"}));
  const IndexConfig& index = found.config.vectors.at("v").index;
  EXPECT_EQ(index.dim, 384U);
  EXPECT_EQ(index.metric, Metric::kEuclid);
  EXPECT_EQ(index.form, VectorForm::kFloat32);
  EXPECT_EQ(index.residency, FloatResidency::kMemory);
  EXPECT_EQ(index.exact_below_bytes, 16U);
  EXPECT_EQ(index.target_recall, 0.5);
  EXPECT_FALSE(found.config.vectors.at("v").encoder.has_value());
  EXPECT_TRUE(found.config.field_indexes.empty());
}

TEST(Catalog, ReadsARecordOfVersionThreeForEver) {
  using namespace std::string_literals;
  std::string bytes = version_one_record() + "\0"s + "\0\0"s;
  bytes.front() = 3;
  const IndexConfig index = decode_collection_record(bytes)->config.vectors.at("v").index;
  EXPECT_EQ(index.binary_codes, BinaryCodes::kAuto);
  EXPECT_EQ(index.code_bits, 1U);
  EXPECT_EQ(index.structure, IndexStructure::kAuto);
  EXPECT_EQ(index.code_residency, CodeResidency::kAuto);
  EXPECT_EQ(index.memory_budget_bytes, 0U);
  EXPECT_EQ(index.int8_codes, Int8Codes::kVector);
  EXPECT_EQ(index.int8_quantile, 1);
}

TEST(Catalog, ReadsAnEncoderOfVersionOneWithoutPrompts) {
  using namespace std::string_literals;
  const std::string encoder = "\x01"s + "\x05\0\0\0"s + "model" + "\x03\0\0\0"s + "abc" + "\x07\0\0\0"s + "float32" +
                              "\x04\0\0\0"s + "mean" + "\x80\x01\0\0"s;
  const CollectionRecord found = decode_collection_record(version_one_record() + encoder).value();
  const EncoderIdentity expected{"model", "abc", "float32", "mean", 384, std::nullopt, std::nullopt};
  EXPECT_EQ(found.config.vectors.at("v").encoder, expected);
  // Written again in the format of today, it still says that nothing is known.
  EXPECT_EQ(decode_collection_record(encode(found))->config.vectors.at("v").encoder, expected);
}

// Without an encoder the bytes are those of version 1.
TEST(Catalog, ReadsARecordOfVersionTwoForEver) {
  using namespace std::string_literals;
  std::string bytes = version_one_record() + "\0"s;
  bytes.front() = 2;
  const CollectionRecord found = decode_collection_record(bytes).value();
  EXPECT_EQ(found.slot_names, SlotNames({"v"}));
  EXPECT_TRUE(found.config.field_indexes.empty());
}

// With stemmers and without generations.
TEST(Catalog, ReadsARecordOfVersionSevenForEver) {
  using namespace std::string_literals;
  const std::string bytes =
      "\x07"s + "\x07\0\0\0"s + "\x02\0\0\0"s + "{}" + "\x01\0"s + "\x01" + "\x01\0\0\0"s + "s" + "\x01\0\x01"s + "\0"s + "\0\0"s;
  const CollectionRecord found = decode_collection_record(bytes).value();
  EXPECT_EQ(found.config.vectors.at("s").kind, VectorKind::kSparse);
  EXPECT_EQ(found.config.vectors.at("s").modifier, SparseModifier::kIdf);
  EXPECT_EQ(found.config.vectors.at("s").generation, 0U);
  EXPECT_FALSE(found.config.vectors.at("s").reembedding.has_value());
}

// With generations and without scoring, which is the last byte of the last index.
TEST(Catalog, ReadsARecordOfVersionEightForEver) {
  CollectionRecord record;
  FieldSchema& schema = record.config.field_indexes["t"];
  schema.type = FieldType::kText;
  schema.text.stemmer = "english";
  std::string bytes = encode(record);
  bytes.front() = 8;
  bytes.pop_back();
  EXPECT_EQ(decode_collection_record(bytes).value().config.field_indexes, record.config.field_indexes);
}

TEST(Catalog, RecordThatIsCutOrHasAByteTooManyIsDamaged) {
  const std::string bytes = encode(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto decoded = decode_collection_record(std::string_view(bytes).substr(0, length));
    ASSERT_FALSE(decoded.has_value()) << length;
    EXPECT_EQ(decoded.error().code, ErrorCode::kDataCorruption);
  }
  EXPECT_FALSE(decode_collection_record(bytes + "x").has_value());
}

TEST(Catalog, RecordOfANewerVersionIsRefused) {
  std::string bytes = encode(sample());
  ++bytes.front();
  EXPECT_EQ(decode_collection_record(bytes).error().code, ErrorCode::kFailedPrecondition);
}

}  // namespace
}  // namespace orthant::test
