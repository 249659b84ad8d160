#include "base/npy.h"

#include <cmath>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

// Files that NumPy wrote (scripts/make_golden_npy.py).
std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests" / "base" / "golden" / (std::string(name) + ".npy");
}

const std::vector<std::uint8_t> kCodes = {0x80, 0xFF, 0, 1, 2, 127};

void write(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

std::string npy_bytes(std::string_view header, std::string_view elements, char major = 1) {
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  if (major == 1) {
    append_value(file, static_cast<std::uint16_t>(header.size()));
  } else {
    append_value(file, static_cast<std::uint32_t>(header.size()));
  }
  file += header;
  file += elements;
  return file;
}

TEST(Npy, ReadsFloatsOfEverySizeThatNumpyWrites) {
  for (const std::string_view name : {"float32", "float64", "float16"}) {
    SCOPED_TRACE(name);
    const auto matrix = read_npy_floats(golden(name));
    ASSERT_TRUE(matrix) << matrix.error().message;
    ASSERT_EQ(matrix->rows, 2u);
    ASSERT_EQ(matrix->columns, 4u);
    const std::vector<float>& values = matrix->values;
    EXPECT_EQ((std::vector<float>(values.begin(), values.begin() + 5)),
              (std::vector<float>{0.0f, -1.5f, 0.25f, 65504.0f, INFINITY}));
    EXPECT_NEAR(values[5], 6e-8, 3e-8);  // the smallest float16 is 5.96e-8
    EXPECT_GT(values[5], 0.0f);
    EXPECT_TRUE(values[6] == 0.0f && std::signbit(values[6]));
    EXPECT_EQ(values[7], 3.0f);
  }
}

TEST(Npy, ReadsCodesAndEveryFormatVersion) {
  const std::pair<std::string_view, NpyType> kFiles[] = {
      {"int8", NpyType::kInt8}, {"uint8", NpyType::kUint8}, {"version_2", NpyType::kInt8}, {"version_3", NpyType::kInt8}};
  for (const auto& [name, type] : kFiles) {
    SCOPED_TRACE(name);
    const auto array = read_npy(golden(name));
    ASSERT_TRUE(array) << array.error().message;
    EXPECT_EQ(array->type, type);
    EXPECT_EQ(array->rows, 2u);
    EXPECT_EQ(array->columns, 3u);
    EXPECT_EQ(array->bytes, kCodes);
  }
  const auto nothing = read_npy_floats(golden("no_rows"));
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_EQ(nothing->rows, 0u);
  EXPECT_EQ(nothing->columns, 5u);
}

TEST(Npy, NamesWhatItCannotRead) {
  const std::pair<std::string_view, std::string_view> kFiles[] = {{"big_endian", "'>f4'"},
                                                                  {"complex64", "'<c8'"},
                                                                  {"int64", "'<i8'"},
                                                                  {"fortran_order", "Fortran order"},
                                                                  {"one_dimension", "1 dimension"},
                                                                  {"three_dimensions", "3 dimensions"}};
  for (const auto& [name, part] : kFiles) {
    const auto array = read_npy(golden(name));
    ASSERT_FALSE(array) << name;
    EXPECT_EQ(array.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(array.error().message.find(part), std::string::npos) << array.error().message;
    EXPECT_NE(array.error().message.find(golden(name).string()), std::string::npos) << array.error().message;
  }
  EXPECT_EQ(read_npy_floats(golden("int8")).error().code, ErrorCode::kInvalidArgument);
}

TEST(Npy, WritesWhatNumpyWrites) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "codes.npy";
  ASSERT_TRUE(write_npy(file, NpyType::kInt8, 2, 3, kCodes));
  const auto read_all = [](const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(in)), {});
  };
  EXPECT_EQ(read_all(file), read_all(golden("int8")));
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".partial"));
}

TEST(Npy, ReadsBackWhatIsAppendedRowByRow) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "floats.npy";
  auto writer = NpyWriter::create(file, NpyType::kFloat32, 2);
  ASSERT_TRUE(writer) << writer.error().message;
  std::vector<float> expected;
  for (int i = 0; i < 300; ++i) {
    const float row[] = {static_cast<float>(i), -1.0f / static_cast<float>(i + 1)};
    expected.insert(expected.end(), std::begin(row), std::end(row));
    ASSERT_TRUE(writer->append({reinterpret_cast<const std::uint8_t*>(row), sizeof row}));
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  ASSERT_TRUE(writer->finish());
  const auto matrix = read_npy_floats(file);
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_EQ(matrix->rows, 300u);
  EXPECT_EQ(matrix->values, expected);
}

TEST(Npy, LeavesNoFileBehindWhenWritingIsGivenUp) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "floats.npy";
  {
    auto writer = NpyWriter::create(file, NpyType::kFloat32, 2);
    ASSERT_TRUE(writer);
    ASSERT_FALSE(writer->append(std::vector<std::uint8_t>(7)));  // no whole row
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  EXPECT_EQ(NpyWriter::create(directory.path() / "absent" / "x.npy", NpyType::kInt8, 1).error().code, ErrorCode::kIoError);
}

TEST(Npy, RefusesHostileHeaders) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "hostile.npy";
  const std::string_view kShapes[] = {"(2, 4)",
                                      "(1, 4611686018427387904)",
                                      "(4611686018427387904, 1)",
                                      "(4294967296, 4294967296)",
                                      "(2, -3)",
                                      "(99999999999999999999, 1)",
                                      "(a, b)",
                                      "2, 3",
                                      "(",
                                      ""};
  for (const std::string_view shape : kShapes) {
    SCOPED_TRACE(shape);
    for (const std::string_view type : {"<f4", "|i1"}) {
      const auto header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}\n", type, shape);
      for (const std::string_view elements : {"", "123456"}) {
        write(file, npy_bytes(header, elements));
        EXPECT_FALSE(read_npy_floats(file));
        const auto array = read_npy(file);
        ASSERT_FALSE(array) << array->rows << " x " << array->columns;
        EXPECT_EQ(array.error().code, ErrorCode::kInvalidArgument);
      }
    }
  }
  for (const std::string& bytes :
       {std::string(), std::string("\x93NUMPY"), std::string("\x93NUMPY\x01\x00\xff\xff", 10),
        npy_bytes(std::string(70'000, ' '), "", 2), std::string("PK\x03\x04 zip"), npy_bytes("{}", "")}) {
    write(file, bytes);
    EXPECT_EQ(read_npy(file).error().code, ErrorCode::kInvalidArgument);
  }
}

// Worth most under AddressSanitizer.
TEST(Npy, SurvivesDamagedFiles) {
  std::mt19937_64 random(test::random_seed());
  const test::TemporaryDirectory directory;
  std::ifstream in(golden("float32"), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  for (int round = 0; round < 400; ++round) {
    std::string bytes = whole.substr(0, 1 + random() % whole.size());
    for (std::uint64_t i = random() % 4; i > 0; --i) bytes[random() % bytes.size()] = static_cast<char>(random());
    write(directory.path() / "damaged.npy", bytes);
    const auto array = read_npy(directory.path() / "damaged.npy");
    if (array) {
      EXPECT_EQ(array->rows * array->columns * npy_element_bytes(array->type), array->bytes.size());
    }
  }
}

TEST(Npy, ThatCannotBeOpenedIsAnIoError) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(read_npy(directory.path() / "absent.npy").error().code, ErrorCode::kIoError);
  EXPECT_EQ(read_npy(directory.path()).error().code, ErrorCode::kIoError);
}

}  // namespace
}  // namespace orthant
