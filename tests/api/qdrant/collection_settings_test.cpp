#include "api/qdrant/collection_settings.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/api/qdrant/parse_text.h"

namespace orthant::qdrant {
namespace {

using test::parse_json;

std::string error_of(const auto& result) {
  return result ? "no error" : result.error().message;
}

std::string info_text(const CollectionConfig& config) {
  CollectionInfo info;
  info.config = config;
  std::string text;
  JsonWriter json(text);
  write_collection_info(json, info, CollectionSettings::from_json(config.dialect_json).value(), {{"k", 5}});
  return text;
}

TEST(CollectionSettings, ReadsOneUnnamedVector) {
  const auto config = parse_json(R"({"vectors":{"size":384,"distance":"Dot","on_disk":true}})", parse_create_collection);
  ASSERT_TRUE(config) << error_of(config);
  const IndexConfig& index = config->vectors.at("").index;
  EXPECT_EQ(index.dim, 384);
  EXPECT_EQ(index.metric, Metric::kDot);
  EXPECT_EQ(index.residency, FloatResidency::kDisk);
  EXPECT_TRUE(info_text(*config).contains(R"("vectors":{"distance":"Dot","on_disk":true,"size":384})")) << info_text(*config);
}

TEST(CollectionSettings, ReadsNamedVectorsAndTheirForms) {
  const auto config = parse_json(
      R"({"vectors":{"size":{"size":4,"distance":"Euclid","on_disk":false},"b":{"size":16,"distance":"Manhattan","form":"ubinary"}}})",
      parse_create_collection);
  ASSERT_TRUE(config) << error_of(config);
  EXPECT_EQ(config->vectors.at("size").index.residency, FloatResidency::kMemory);
  EXPECT_EQ(config->vectors.at("b").index.form, VectorForm::kUbinary);
  // Clients parse the vectors' parameters strictly: what is ours stands elsewhere.
  EXPECT_TRUE(info_text(*config).contains(R"("b":{"distance":"Manhattan","size":16})")) << info_text(*config);
  EXPECT_TRUE(info_text(*config).contains(R"("b":{"kind":"dense","form":"ubinary")"));
}

TEST(CollectionSettings, ReadsHowVectorsAreCodedAndFound) {
  const auto config =
      parse_json(R"({"vectors":{"size":4,"distance":"Dot","structure":"graph","binary_codes":"rotated","code_bits":2}})",
                 parse_create_collection);
  ASSERT_TRUE(config) << error_of(config);
  const IndexConfig& index = config->vectors.at("").index;
  EXPECT_EQ(index.structure, IndexStructure::kGraph);
  EXPECT_EQ(index.binary_codes, BinaryCodes::kRotated);
  EXPECT_EQ(index.code_bits, 2U);
  EXPECT_TRUE(info_text(*config).contains(R"("structure":"graph","binary_codes":"rotated","code_bits":2)")) << info_text(*config);
  for (const char* bad :
       {R"("structure":"tree")", R"("binary_codes":7)", R"("code_bits":3)", R"("binary_codes":"sign","code_bits":2)"}) {
    const auto refused = parse_json(std::string(R"({"vectors":{"size":4,"distance":"Dot",)") + bad + "}}", parse_create_collection);
    EXPECT_FALSE(refused) << bad;
  }
}

TEST(CollectionSettings, ReadsTheRangesOfInt8Codes) {
  const auto config = parse_json(R"({"vectors":{"a":{"size":4,"distance":"Dot","int8_codes":"dimension"},)"
                                 R"("b":{"size":4,"distance":"Dot","quantization_config":{"scalar":{"type":"int8"}}}},)"
                                 R"("quantization_config":{"scalar":{"type":"int8","quantile":0.99}}})",
                                 parse_create_collection);
  ASSERT_TRUE(config) << error_of(config);
  EXPECT_EQ(config->vectors.at("a").index.int8_codes, Int8Codes::kDimension);
  EXPECT_EQ(config->vectors.at("a").index.int8_quantile, 0.99);
  EXPECT_EQ(config->vectors.at("b").index.int8_codes, Int8Codes::kVector);
  EXPECT_EQ(config->vectors.at("b").index.int8_quantile, 1);
  EXPECT_TRUE(info_text(*config).contains(R"("code_bits":1,"int8_codes":"dimension")")) << info_text(*config);
  for (const char* bad : {R"("int8_codes":"row")", R"("int8_codes":1)", R"("int8_codes":"dimension","form":"int8")",
                          R"("int8_codes":"dimension","multivector_config":{"comparator":"max_sim"})"}) {
    const auto refused = parse_json(std::string(R"({"vectors":{"size":4,"distance":"Dot",)") + bad + "}}", parse_create_collection);
    EXPECT_FALSE(refused) << bad;
  }
}

TEST(CollectionSettings, GivesBackWhatWasGivenOverQdrantsDefaults) {
  const auto config = parse_json(
      R"({"vectors":{"size":4,"distance":"Cosine","hnsw_config":{"m":8,"unknown":1}},"hnsw_config":{"ef_construct":200},"shard_number":3,
          "wal_config":{"wal_capacity_mb":1},"metadata":{"owner":"me"},
          "quantization_config":{"binary":{"always_ram":true,"unknown":1}},"optimizers_config":{"max_optimization_threads":"auto"}})",
      parse_create_collection);
  ASSERT_TRUE(config) << error_of(config);
  const std::string info = info_text(*config);
  for (const char* part :
       {R"("hnsw_config":{"m":8})", R"("ef_construct":200)", R"("full_scan_threshold":10000)", R"("shard_number":3)",
        R"("wal_capacity_mb":1)", R"("quantization_config":{"binary":{"always_ram":true}})", R"("metadata":{"owner":"me"})",
        R"("max_optimization_threads":null)", R"("indexing_threshold":10000)"}) {
    EXPECT_TRUE(info.contains(part)) << part << "\n" << info;
  }
  EXPECT_FALSE(info.contains("unknown"));
}

TEST(CollectionSettings, AlwaysRamSaysWhereCodesLive) {
  const auto codes = [](const std::string& own, const std::string& common) {
    const std::string body = R"({"vectors":{"v":{"size":4,"distance":"Dot")" + own + "}}" + common + "}";
    return parse_json(body, parse_create_collection).value().vectors.at("v").index.code_residency;
  };
  const std::string in_memory = R"(,"quantization_config":{"scalar":{"type":"int8","always_ram":true}})";
  const std::string on_disk = R"(,"quantization_config":{"binary":{"always_ram":false}})";
  EXPECT_EQ(codes("", ""), CodeResidency::kAuto);
  EXPECT_EQ(codes("", R"(,"quantization_config":{"binary":{}})"), CodeResidency::kAuto);
  EXPECT_EQ(codes("", in_memory), CodeResidency::kMemory);
  EXPECT_EQ(codes("", on_disk), CodeResidency::kDisk);
  EXPECT_EQ(codes(in_memory, on_disk), CodeResidency::kMemory);
  EXPECT_EQ(codes(on_disk, in_memory), CodeResidency::kDisk);
}

TEST(CollectionSettings, AVectorMayHaveAMemoryBudget) {
  const auto parse = [](const char* budget) {
    return parse_json(std::string(R"({"vectors":{"size":4,"distance":"Dot","memory_budget_bytes":)") + budget + "}}",
                      parse_create_collection);
  };
  EXPECT_EQ(parse("1000000").value().vectors.at("").index.memory_budget_bytes, 1'000'000U);
  EXPECT_TRUE(error_of(parse("-1")).contains("memory_budget_bytes")) << error_of(parse("-1"));
}

TEST(CollectionSettings, IndexingThresholdSetsWhereSearchesAreExact) {
  const auto bytes = [](const char* threshold) {
    const std::string body =
        std::string(R"({"vectors":{"size":4,"distance":"Dot"},"optimizers_config":{"indexing_threshold":)") + threshold + "}}";
    return parse_json(body, parse_create_collection).value().vectors.at("").index.exact_below_bytes;
  };
  EXPECT_EQ(bytes("20"), 20U << 10);
  EXPECT_EQ(bytes("0"), std::numeric_limits<std::size_t>::max());
}

TEST(CollectionSettings, RefusesWrongInputWithTheRightKindOfError) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"vectors":{"size":0,"distance":"Dot"}})",
       "Validation error in JSON body: [vectors.size: value 0 invalid, must be from 1 to 65536]"},
      {R"({"vectors":{"size":65537,"distance":"Dot"}})", "Validation error"},
      {R"({"vectors":{"size":4}})", "missing field `distance`"},
      {R"({"vectors":{"size":4,"distance":"Hamming"}})", "unknown variant `Hamming`"},
      {R"({"vectors":{"size":-4,"distance":"Dot"}})", "Format error"},
      {R"({"vectors":{"size":4,"distance":"Dot"},"shard_number":0})",
       "Validation error in JSON body: [shard_number: value 0 invalid"},
      {R"({"vectors":{"size":4,"distance":"Dot"},"hnsw_config":{"ef_construct":1}})", "hnsw_config.ef_construct"},
      {R"({"vectors":{"size":4,"distance":"Dot"},"quantization_config":{"scalar":{}}})", "missing field `type`"},
      {R"({"vectors":{"size":4,"distance":"Dot"},"quantization_config":{"scalar":{"type":"int8","quantile":0.1}}})",
       "must be from 0.5 to 1"},
      {R"({"vectors":{"size":4,"distance":"Dot"},"quantization_config":{"product":{"compression":"x5"}}})", "unknown variant `x5`"},
      {R"({"vectors":{"size":4,"distance":"Dot"},"quantization_config":{"magic":{}}})", "quantization_config"},
      {R"({"vectors":{"size":4,"distance":"Dot","multivector_config":{"comparator":"sum"}}})", "unknown variant `sum`"},
      {R"({"vectors":{"size":4,"distance":"Dot","multivector_config":{}}})", "missing field `comparator`"},
      {R"({"vectors":{"size":4,"distance":"Dot","datatype":"int4"}})", "unknown variant `int4`"},
      {R"({"vectors":{"size":4,"distance":"Dot","form":"int8","datatype":"uint8"}})", "ready codes go with"},
      {R"({"sparse_vectors":{"s":{"modifier":"log"}}})", "unknown variant `log`"},
      {R"({"sparse_vectors":{"s":{"index":{"on_disk":1}}}})", "sparse_vectors.s.index.on_disk"},
      {R"({"vectors":{"s":{"size":4,"distance":"Dot"}},"sparse_vectors":{"s":{}}})", "a dense vector has the same name"},
      {R"({"vectors":[]})", "vectors"},
  };
  for (const auto& [text, part] : cases) {
    const auto config = parse_json(text, parse_create_collection);
    EXPECT_TRUE(error_of(config).contains(part)) << text << " -> " << error_of(config);
  }
}

TEST(CollectionSettings, KeepsKindsAndDatatypes) {
  CollectionConfig config =
      parse_json(
          R"({"vectors":{"m":{"size":4,"distance":"Dot","multivector_config":{"comparator":"max_sim"},"datatype":"float16"}},
              "sparse_vectors":{"i":{"modifier":"idf"},"s":{"index":{"on_disk":true,"unknown":1}},"n":null}})",
          parse_create_collection)
          .value();
  EXPECT_EQ(config.vectors.at("m").kind, VectorKind::kMulti);
  EXPECT_EQ(config.vectors.at("m").datatype, VectorDatatype::kFloat16);
  EXPECT_EQ(config.vectors.at("i").modifier, SparseModifier::kIdf);
  EXPECT_EQ(config.vectors.at("s").kind, VectorKind::kSparse);
  const std::string info = info_text(config);
  EXPECT_TRUE(info.contains(R"("sparse_vectors":{"i":{"modifier":"idf"},"n":{},"s":{"index":{"on_disk":true}}})")) << info;
  EXPECT_TRUE(
      info.contains(R"("m":{"datatype":"float16","distance":"Dot","multivector_config":{"comparator":"max_sim"},"size":4})"))
      << info;
  ASSERT_TRUE(add_named_vector("late", parse_json(R"({"sparse":{"modifier":"idf"}})", parse_named_vector).value(), config));
  ASSERT_TRUE(add_named_vector("late", parse_json(R"({"sparse":{"modifier":"idf"}})", parse_named_vector).value(), config));
  EXPECT_FALSE(add_named_vector("late", parse_json(R"({"sparse":{}})", parse_named_vector).value(), config));
  ASSERT_TRUE(remove_named_vector("m", config));
  EXPECT_FALSE(remove_named_vector("m", config));
  EXPECT_TRUE(info_text(config).contains(R"("vectors":{},"sparse_vectors":{"i")")) << info_text(config);
  EXPECT_TRUE(error_of(parse_json(R"({"dense":{"size":0,"distance":"Dot"}})", parse_named_vector)).contains("dense.size"));
  EXPECT_TRUE(error_of(parse_json(R"({})", parse_named_vector)).contains("expected `dense` or `sparse`"));
}

TEST(CollectionSettings, ChangesMergeIntoWhatIsThere) {
  CollectionConfig config =
      parse_json(
          R"({"vectors":{"size":4,"distance":"Cosine","on_disk":true},"hnsw_config":{"m":8},"metadata":{"a":1,"b":2},
          "quantization_config":{"binary":{"always_ram":false}}})",
          parse_create_collection)
          .value();
  EXPECT_EQ(config.vectors.at("").index.code_residency, CodeResidency::kDisk);
  const auto change = parse_json(
      R"({"vectors":{"":{"on_disk":false}},"hnsw_config":{"ef_construct":50},"metadata":{"b":null,"c":3},"params":{"replication_factor":2},
          "quantization_config":"Disabled"})",
      parse_update_collection);
  ASSERT_TRUE(change) << error_of(change);
  ASSERT_TRUE(apply_change(*change, config));
  const std::string info = info_text(config);
  EXPECT_EQ(config.vectors.at("").index.code_residency, CodeResidency::kAuto);
  EXPECT_EQ(config.vectors.at("").index.residency, FloatResidency::kMemory);
  for (const char* part : {R"("on_disk":false,"size":4)", R"("m":8)", R"("ef_construct":50)", R"("metadata":{"a":1,"c":3})",
                           R"("replication_factor":2)", R"("quantization_config":null)"}) {
    EXPECT_TRUE(info.contains(part)) << part << "\n" << info;
  }
  const auto unknown = parse_json(R"({"vectors":{"nope":{"on_disk":false}}})", parse_update_collection);
  EXPECT_TRUE(error_of(apply_change(*unknown, config)).contains("Not existing vector name error: nope"));
}

TEST(CollectionSettings, RecordsFieldIndexes) {
  CollectionConfig config = parse_json(R"({"vectors":{"size":4,"distance":"Dot"}})", parse_create_collection).value();
  const auto add = [&](const char* body) { return add_field_index(parse_json(body, parse_field_index).value(), config); };
  ASSERT_TRUE(add(R"({"field_name":"k","field_schema":"keyword"})"));
  ASSERT_TRUE(add(R"({"field_name":"t","field_schema":{"type":"text","lowercase":true}})"));
  EXPECT_TRUE(info_text(config).contains(R"("k":{"data_type":"keyword","points":5})")) << info_text(config);
  EXPECT_TRUE(info_text(config).contains(R"("t":{"data_type":"text","params":{"lowercase":true,"type":"text"},"points":0})"));
  EXPECT_EQ(config.field_indexes.at("k"), (FieldSchema{FieldType::kKeyword, {}}));
  EXPECT_EQ(config.field_indexes.at("t"), (FieldSchema{FieldType::kText, {}}));
  ASSERT_TRUE(remove_field_index("k", config));
  EXPECT_FALSE(info_text(config).contains("keyword"));
  EXPECT_FALSE(config.field_indexes.contains("k"));
  EXPECT_FALSE(parse_json(R"({"field_name":"k","field_schema":"colour"})", parse_field_index));
  EXPECT_FALSE(parse_json(R"({"field_name":"k"})", parse_field_index));
}

}  // namespace
}  // namespace orthant::qdrant
