// Files of vectors that are damaged in any way: an error or other vectors, never more.

#include <fstream>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "api/exchange/ids_file.h"
#include "base/whole_file.h"
#include "tests/api/exchange/golden_files.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

// Some bytes other than they were, often those that mean small or huge numbers; now and then the end is missing.
std::string damaged(std::string bytes, std::mt19937_64& random) {
  const auto below = [&](std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random); };
  const std::size_t changes = 1 + below(3);
  for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
    // Headers and footers are where sizes stand.
    const std::size_t near = std::min<std::size_t>(bytes.size(), 400);
    const std::size_t where = below(3);
    const std::size_t at = where == 0 ? below(near) : where == 1 ? bytes.size() - 1 - below(near) : below(bytes.size());
    constexpr unsigned char kTelling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe};
    bytes[at] = static_cast<char>(below(2) == 0 ? kTelling[below(std::size(kTelling))] : below(256));
  }
  if (below(8) == 0) bytes.resize(below(bytes.size() + 1));
  return bytes;
}

// As a new file each time: file systems write files at once that are cut to nothing and filled again.
void write_anew(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);
  ASSERT_TRUE(write_whole_file(path, bytes).has_value());
}

// Walks through all rows; what comes out may be anything.
void read_whatever(const std::filesystem::path& path) {
  auto file = open_golden(path);
  if (!file) {
    EXPECT_FALSE(file.error().message.empty());
    return;
  }
  const VectorFileInfo info = (*file)->info();
  for (int calls = 0; calls < 100; ++calls) {
    const auto rows = (*file)->read(8);
    if (!rows || rows->rows == 0) return;
    const std::size_t row_bytes = vector_bytes(info.form, info.dim);
    ASSERT_EQ(rows->floats.size() * sizeof(float) + rows->codes.size(), rows->rows * row_bytes);
    ASSERT_EQ(rows->ids.size(), info.has_ids ? rows->rows : 0);
  }
}

TEST(DamagedFiles, AreAnErrorOrOtherVectors) {
  const std::uint64_t seed = test::random_seed();
  std::mt19937_64 random(seed);
  const test::TemporaryDirectory folder;
  for (const auto& path : golden_files()) {
    SCOPED_TRACE(path.filename().string());
    const std::string good = read_whole_file(path).value();
    const auto copy = folder.path() / ("damaged" + path.extension().string());
    for (int i = 0; i < 60; ++i) {
      write_anew(copy, damaged(good, random));
      read_whatever(copy);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(DamagedFiles, CutOffAnywhereAreRefused) {
  const test::TemporaryDirectory folder;
  for (const char* name : {"idmap_ivf.faiss", "rotated_sq8.faiss", "arrow_delta.parquet", "rows.fvecs", "float16.npy"}) {
    SCOPED_TRACE(name);
    const std::string good = read_whole_file(golden_folder() / name).value();
    const auto copy = folder.path() / name;
    for (std::size_t bytes = 0; bytes < good.size(); bytes += 1 + bytes / 40) {
      write_anew(copy, good.substr(0, bytes));
      const bool whole_rows = std::string(name) == "rows.fvecs" && bytes > 0 && bytes % 36 == 0;
      EXPECT_EQ(open_golden(copy).has_value(), whole_rows) << bytes << " bytes";
    }
  }
}

// Sizes that a careless reader would allocate.
TEST(DamagedFiles, ThatClaimHugeSizesAreRefusedAtOnce) {
  const test::TemporaryDirectory folder;
  std::string index = read_whole_file(golden_folder() / "sq8.faiss").value();
  for (std::size_t at = 4; at + 8 < index.size(); ++at) {
    std::string huge = index;
    for (std::size_t i = 0; i < 6; ++i) huge[at + i] = '\x7f';
    write_anew(folder.path() / "huge.faiss", huge);
    read_whatever(folder.path() / "huge.faiss");
  }
  const std::string header = "\x93NUMPY\x01\0v";
  std::string npy(header.data(), 9);
  npy += '\0';
  npy += "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }";
  npy.resize(128, ' ');
  write_anew(folder.path() / "huge.npy", npy);
  EXPECT_FALSE(open_golden(folder.path() / "huge.npy").has_value());
}

}  // namespace
}  // namespace orthant
