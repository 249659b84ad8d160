#include "index/snapshot.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using test::clustered_rows;
using test::fill_index;
using test::FilledIndex;

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

void expect_same_answers(const VectorIndex& a, const VectorIndex& b, std::mt19937_64& random) {
  for (SearchStages stages :
       {SearchStages::kAuto, SearchStages::kInt8, SearchStages::kBinary, SearchStages::kAsymmetricInt8Float}) {
    const auto query = clustered_rows(1, a.config().dim, random);
    const auto expected = a.search(query, {.limit = 30, .stages = stages}).value();
    const auto found = b.search(query, {.limit = 30, .stages = stages}).value();
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].ordinal, expected[i].ordinal);
      EXPECT_EQ(found[i].score, expected[i].score);
    }
  }
}

class Snapshot : public testing::Test {
 protected:
  Result<std::unique_ptr<VectorIndex>> load(const IndexConfig& config, const FilledIndex& filled) const {
    return VectorIndex::load(file_, config, filled.stored.get());
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path file_ = directory_.path() / "index";
  std::mt19937_64 random_{test::random_seed()};
};

TEST_F(Snapshot, LoadsWhatWasSavedForAllMetricsAndSizes) {
  for (Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid}) {
    for (FloatResidency residency : {FloatResidency::kMemory, FloatResidency::kDisk}) {
      for (std::size_t count : {0, 1, 63, 64, 65, 1000}) {
        const IndexConfig config = {.dim = 37, .metric = metric, .residency = residency};
        FilledIndex filled = fill_index(config, clustered_rows(count, 37, random_));
        if (count > 2) filled.index->bury(2);
        ASSERT_TRUE(filled.index->save(file_));
        auto loaded = load(config, filled).value();
        EXPECT_EQ(loaded->row_count(), count);
        EXPECT_EQ(loaded->live_count(), filled.index->live_count());
        EXPECT_EQ(loaded->memory().total(), filled.index->memory().total());
        expect_same_answers(*filled.index, *loaded, random_);
        const auto more = clustered_rows(70, 37, random_);
        filled.add(more);
        loaded->append(*loaded->encode_rows(std::vector<float>(filled.stored->dim() * 70)).value());
        EXPECT_EQ(loaded->row_count(), count + 70);
      }
    }
  }
}

TEST_F(Snapshot, KeepsTheCalibration) {
  const IndexConfig config = {.dim = 16, .residency = FloatResidency::kDisk};
  FilledIndex filled = fill_index(config, clustered_rows(3000, 16, random_));
  EXPECT_TRUE(filled.index->needs_calibration());
  ASSERT_TRUE(filled.index->calibrate(nullptr));
  EXPECT_FALSE(filled.index->needs_calibration());
  ASSERT_TRUE(filled.index->save(file_));
  const auto loaded = load(config, filled).value();
  EXPECT_FALSE(loaded->needs_calibration());
  expect_same_answers(*filled.index, *loaded, random_);
}

TEST_F(Snapshot, ReplacesAnOlderOneAndLeavesNothingBeside) {
  const IndexConfig config = {.dim = 4};
  FilledIndex filled = fill_index(config, clustered_rows(10, 4, random_));
  ASSERT_TRUE(filled.index->save(file_));
  filled.add(clustered_rows(5, 4, random_));
  ASSERT_TRUE(filled.index->save(file_));
  EXPECT_EQ(load(config, filled).value()->row_count(), 15u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}), 1);
}

TEST_F(Snapshot, DetectsDamagedBytesAndTruncation) {
  const IndexConfig config = {.dim = 5, .metric = Metric::kEuclid, .residency = FloatResidency::kDisk};
  FilledIndex filled = fill_index(config, clustered_rows(70, 5, random_));
  ASSERT_TRUE(filled.index->save(file_));
  const std::string whole = read_file(file_);
  for (std::size_t position = 0; position < whole.size(); position += position < 300 ? 1 : 1 + random_() % 40) {
    std::string damaged = whole;
    damaged[position] = static_cast<char>(damaged[position] ^ (1 << random_() % 8));
    write_file(file_, damaged);
    const auto loaded = load(config, filled);
    ASSERT_FALSE(loaded) << "byte " << position;
    ASSERT_EQ(loaded.error().code, ErrorCode::kDataCorruption) << "byte " << position;
  }
  for (std::size_t size = 0; size < whole.size(); size += 1 + random_() % 40) {
    write_file(file_, whole.substr(0, size));
    ASSERT_EQ(load(config, filled).error().code, ErrorCode::kDataCorruption) << "cut at " << size;
  }
  write_file(file_, whole + "x");
  EXPECT_EQ(load(config, filled).error().code, ErrorCode::kDataCorruption);
  write_file(file_, whole);
  EXPECT_TRUE(load(config, filled));
}

// Version 2 ended its header before the rows that the quantizer was trained on, version 3 before the ranges of int8 codes, of which
// there are none here but their length.
TEST_F(Snapshot, ReadsOlderVersions) {
  const IndexConfig config = {.dim = 24, .metric = Metric::kDot};
  const FilledIndex filled = fill_index(config, clustered_rows(300, 24, random_));
  for (const auto& [version, missing_bytes] : {std::pair{2U, 12U}, std::pair{3U, 4U}}) {
    ASSERT_TRUE(filled.index->save(file_));
    std::string bytes = read_file(file_);
    constexpr std::size_t kVersionAt = 8, kLengthAt = 12, kRestAt = 16;
    std::uint32_t rest_bytes = 0;
    std::memcpy(&rest_bytes, bytes.data() + kLengthAt, sizeof rest_bytes);
    std::memcpy(bytes.data() + kVersionAt, &version, sizeof version);
    bytes.erase(kRestAt + rest_bytes - 8 - missing_bytes, missing_bytes);
    rest_bytes -= missing_bytes;
    std::memcpy(bytes.data() + kLengthAt, &rest_bytes, sizeof rest_bytes);
    const std::uint64_t checksum = checksum64(std::string_view(bytes).substr(0, kRestAt + rest_bytes - 8));
    std::memcpy(bytes.data() + kRestAt + rest_bytes - 8, &checksum, sizeof checksum);
    write_file(file_, bytes);
    const auto loaded = load(config, filled);
    ASSERT_TRUE(loaded) << loaded.error().message;
    expect_same_answers(**loaded, *filled.index, random_);
  }
}

// The worked example of docs/code_formats.md.
TEST_F(Snapshot, HasTheDocumentedSize) {
  FilledIndex filled = fill_index({.dim = 8}, clustered_rows(100, 8, random_));
  ASSERT_TRUE(filled.index->save(file_));
  EXPECT_EQ(std::filesystem::file_size(file_), 1'634u);
}

TEST_F(Snapshot, RefusesAnotherConfiguration) {
  FilledIndex filled = fill_index({.dim = 8, .metric = Metric::kDot}, clustered_rows(70, 8, random_));
  ASSERT_TRUE(filled.index->save(file_));
  EXPECT_EQ(load({.dim = 8, .metric = Metric::kEuclid}, filled).error().code, ErrorCode::kDataCorruption);
  MemoryFloatVectors nine(9);
  EXPECT_EQ(VectorIndex::load(file_, {.dim = 9, .metric = Metric::kDot}, &nine).error().code, ErrorCode::kDataCorruption);
  EXPECT_EQ(VectorIndex::load(file_, {.dim = 8, .metric = Metric::kDot, .form = VectorForm::kInt8}, nullptr).error().code,
            ErrorCode::kDataCorruption);
}

TEST_F(Snapshot, SaysSoWhenThereIsNone) {
  FilledIndex filled = fill_index({.dim = 8}, {});
  EXPECT_EQ(load({.dim = 8}, filled).error().code, ErrorCode::kNotFound);
}

TEST_F(Snapshot, NeedsResidentFloatsToBeInTheStore) {
  const IndexConfig config = {.dim = 8};
  FilledIndex filled = fill_index(config, clustered_rows(20, 8, random_));
  ASSERT_TRUE(filled.index->save(file_));
  filled.stored->erase(7);
  EXPECT_EQ(load(config, filled).error().code, ErrorCode::kDataCorruption);
  filled.index->bury(7);
  ASSERT_TRUE(filled.index->save(file_));
  EXPECT_EQ(load(config, filled).value()->live_count(), 19u);
}

TEST_F(Snapshot, ReportsAFolderThatIsNotThere) {
  FilledIndex filled = fill_index({.dim = 8}, {});
  EXPECT_EQ(filled.index->save(directory_.path() / "no" / "index").error().code, ErrorCode::kIoError);
}

}  // namespace
}  // namespace orthant
