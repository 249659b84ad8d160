#include "api/exchange/vector_file.h"

#include <cmath>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "api/exchange/ids_file.h"
#include "api/json/json_reader.h"
#include "base/npy.h"
#include "tests/api/exchange/golden_files.h"

namespace orthant {
namespace {

// All rows, read so many at a time, behind the first `skipped`.
VectorRows read_all(VectorFile& file, std::size_t rows_at_once, std::uint64_t skipped = 0) {
  VectorRows all;
  EXPECT_TRUE(file.skip(skipped).has_value());
  while (true) {
    auto part = file.read(rows_at_once);
    EXPECT_TRUE(part.has_value()) << (part ? "" : part.error().message);
    if (!part || part->rows == 0) return all;
    for (RowError& error : part->errors) all.errors.push_back({error.row + all.rows, error.reason});
    all.rows += part->rows;
    all.floats.insert(all.floats.end(), part->floats.begin(), part->floats.end());
    all.codes.insert(all.codes.end(), part->codes.begin(), part->codes.end());
    all.ids.insert(all.ids.end(), part->ids.begin(), part->ids.end());
    all.payloads.insert(all.payloads.end(), part->payloads.begin(), part->payloads.end());
    all.texts.insert(all.texts.end(), part->texts.begin(), part->texts.end());
  }
}

// Members by name, values as they are written; numbers as numbers, for 1.5 and 1.50 are the same.
std::map<std::string, std::string> members_of(const std::string& json) {
  std::map<std::string, std::string> members;
  const auto document = JsonDocument::parse(json);
  EXPECT_TRUE(document.has_value()) << json;
  if (!document) return members;
  for (const JsonValue member : document->root().items()) {
    std::string value(member.raw());
    if (member.is_number() && !member.is_integer()) value = std::to_string(member.as_double().value());
    if (member.is_string()) value = member.as_string().value();
    if (member.is_array()) std::erase(value, ' ');
    members[member.key()] = value;
  }
  return members;
}

void expect_golden(const std::filesystem::path& path, const VectorFileInfo& info, const VectorRows& rows, std::size_t skipped) {
  const NpyArray expected = read_npy(path.string() + ".vectors.npy").value();
  ASSERT_EQ(rows.rows, expected.rows - skipped);
  EXPECT_TRUE(rows.errors.empty());
  if (expected.type == NpyType::kUint8) {
    EXPECT_EQ(info.form, VectorForm::kUbinary);
    EXPECT_EQ(info.dim, expected.columns * 8);
    const auto from = expected.bytes.begin() + static_cast<std::ptrdiff_t>(skipped * expected.columns);
    EXPECT_EQ(rows.codes, std::vector<std::uint8_t>(from, expected.bytes.end()));
  } else {
    EXPECT_EQ(info.form, VectorForm::kFloat32);
    ASSERT_EQ(info.dim, expected.columns);
    ASSERT_EQ(rows.floats.size() * sizeof(float), expected.bytes.size() - skipped * expected.columns * sizeof(float));
    for (std::size_t i = 0; i < rows.floats.size(); ++i) {
      float value = 0;
      std::memcpy(&value, expected.bytes.data() + (skipped * expected.columns + i) * sizeof value, sizeof value);
      ASSERT_NEAR(rows.floats[i], value, 1e-5f * (1 + std::abs(value))) << "element " << i;
    }
  }
  const auto ids = lines_of(path.string() + ".ids");
  EXPECT_EQ(info.has_ids, !ids.empty());
  for (std::size_t row = 0; row < rows.ids.size(); ++row) ASSERT_EQ(rows.ids[row].to_string(), ids.at(row + skipped));
  const auto payloads = lines_of(path.string() + ".payloads");
  for (std::size_t row = 0; row < rows.payloads.size(); ++row) {
    ASSERT_EQ(members_of(rows.payloads[row]), members_of(payloads.empty() ? "{}" : payloads.at(row + skipped))) << "row " << row;
  }
}

TEST(VectorFile, ReadsWhatTheRealPackagesWrite) {
  const auto files = golden_files();
  ASSERT_EQ(files.size(), 53u);
  for (const auto& path : files) {
    SCOPED_TRACE(path.filename().string());
    for (const std::size_t rows_at_once : {std::size_t{1}, std::size_t{5}, std::size_t{10'000}}) {
      auto file = open_golden(path);
      ASSERT_TRUE(file.has_value()) << file.error().message;
      const VectorRows rows = read_all(**file, rows_at_once);
      expect_golden(path, (*file)->info(), rows, 0);
    }
  }
}

TEST(VectorFile, GoesOnBehindRowsThatAreSkipped) {
  for (const auto& path : golden_files()) {
    SCOPED_TRACE(path.filename().string());
    for (const std::uint64_t skipped : {1, 6, 11}) {
      auto file = open_golden(path);
      ASSERT_TRUE(file.has_value()) << file.error().message;
      if ((*file)->info().rows < skipped) continue;
      expect_golden(path, (*file)->info(), read_all(**file, 4, skipped), static_cast<std::size_t>(skipped));
    }
  }
}

TEST(VectorFile, KnowsTheMetricOfAnIndex) {
  const auto metric = [](const char* name) { return open_golden(golden_folder() / name).value()->info().metric; };
  EXPECT_EQ(metric("flat.faiss"), Metric::kDot);
  EXPECT_EQ(metric("sq8.faiss"), Metric::kEuclid);
  EXPECT_EQ(metric("idmap_ivf.faiss"), Metric::kEuclid);
  EXPECT_EQ(metric("float32.npy"), std::nullopt);
}

TEST(VectorFile, RefusesKindsThatItCannotReadByName) {
  const auto refused = [](const char* name) {
    auto file = open_golden(golden_folder() / name);
    return file ? (*file)->read(100).error().message : file.error().message;
  };
  EXPECT_NE(refused("refused_pq.faiss").find("index of kind 'IxPq'"), std::string::npos) << refused("refused_pq.faiss");
  EXPECT_NE(refused("refused_whitened.faiss").find("not orthonormal"), std::string::npos);
  EXPECT_NE(refused("refused_nested.parquet").find("column `deep`: nested deeper"), std::string::npos);
  EXPECT_NE(refused("refused_lz4.parquet").find("compression"), std::string::npos);
  EXPECT_NE(refused("ids_int64.ids.npy").find("expected a two-dimensional array"), std::string::npos);
}

TEST(VectorFile, LeavesOutDeepColumnsThatNobodyNames) {
  VectorFileOptions options;
  options.format = FileFormat::kParquet;
  options.payload_columns.emplace();
  auto file = VectorFile::open(golden_folder() / "refused_nested.parquet", options).value();
  EXPECT_EQ(read_all(*file, 100).rows, 12u);
}

TEST(VectorFile, ReportsRowsWithoutAProperVector) {
  auto file = open_golden(golden_folder() / "bad_rows.parquet").value();
  const VectorRows rows = read_all(*file, 5);
  ASSERT_EQ(rows.rows, 12u);
  ASSERT_EQ(rows.errors.size(), 3u);
  EXPECT_EQ(rows.errors[0].row, 1u);
  EXPECT_EQ(rows.errors[0].reason, "column `vector` is null");
  EXPECT_EQ(rows.errors[1].row, 4u);
  EXPECT_EQ(rows.errors[1].reason, "column `vector`: 7 values, expected 8");
  EXPECT_EQ(rows.errors[2].row, 6u);
  // Those behind stand at their places.
  const auto expected = read_npy_floats(golden_folder() / "float32.npy").value();
  EXPECT_EQ(std::vector<float>(rows.floats.end() - 8, rows.floats.end()),
            std::vector<float>(expected.values.end() - 8, expected.values.end()));
}

TEST(VectorFile, TakesTheColumnsThatAreNamed) {
  VectorFileOptions options;
  options.format = FileFormat::kParquet;
  options.id_column = "number";
  options.text_column = "text";
  options.payload_columns = {"share", "text"};
  auto file = VectorFile::open(golden_folder() / "arrow.parquet", options).value();
  const VectorRows rows = read_all(*file, 100);
  EXPECT_EQ(rows.ids[5].to_string(), "1000000000000");
  EXPECT_EQ(rows.texts[0], "plain");
  EXPECT_EQ(rows.payloads[0], R"({"share":0.0,"text":"plain"})");
  // Row 1 has no number, rows 0, 2 and 3 negative ones.
  EXPECT_EQ(rows.errors.size(), 4u);
  options.vector_column = "nowhere";
  const auto refused = VectorFile::open(golden_folder() / "arrow.parquet", options);
  EXPECT_NE(refused.error().message.find("no column `nowhere`, only id, vector, flag"), std::string::npos);
}

TEST(VectorFile, TakesBytesAsReadyCodes) {
  VectorFileOptions options;
  options.format = FileFormat::kBvecs;
  options.codes = VectorForm::kUbinary;
  auto file = VectorFile::open(golden_folder() / "rows.bvecs", options).value();
  EXPECT_EQ(file->info().dim, 64u);
  EXPECT_EQ(read_all(*file, 5).codes.size(), 12u * 8);
  options.format = FileFormat::kNpy;
  EXPECT_FALSE(VectorFile::open(golden_folder() / "float32.npy", options).has_value());
}

TEST(IdsFile, ReadsIntegersAndTexts) {
  VectorRows rows;
  rows.rows = 5;
  const auto integers = IdsFile::open(golden_folder() / "ids_int64.ids.npy").value();
  EXPECT_EQ(integers.rows(), 12u);
  ASSERT_TRUE(integers.put_ids(4, rows).has_value());
  EXPECT_EQ(rows.ids[4].to_string(), "1099511627776");
  EXPECT_TRUE(rows.payloads.empty());
  const auto few = IdsFile::open(golden_folder() / "rows.ivecs").value();
  ASSERT_TRUE(few.put_ids(7, rows).has_value());
  EXPECT_EQ(rows.ids[4].to_string(), "33");
  EXPECT_FALSE(few.put_ids(8, rows).has_value());
  const auto texts = IdsFile::open(golden_folder() / "ids_text.ids.npy").value();
  ASSERT_TRUE(texts.put_ids(2, rows).has_value());
  EXPECT_EQ(rows.ids[0].to_string(), "00000000-0000-0000-0000-000000000002");
  EXPECT_EQ(rows.payloads[0], "{}");
  EXPECT_EQ(rows.ids[1], PointId::from_name("é3"));
  EXPECT_EQ(rows.payloads[1], R"({"_id":"é3"})");
}

}  // namespace
}  // namespace orthant
