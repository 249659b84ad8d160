// Reading safetensors files: number formats, and files that are cut off, lie or attack.

#include "encoder/model/safetensors.h"

#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/paths.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

class SafeTensorsFile : public testing::Test {
 protected:
  std::filesystem::path path() const { return scratch_.path() / "model.safetensors"; }
  void write(const std::string& bytes) { std::ofstream(path(), std::ios::binary) << bytes; }
  void write(const std::string& header, const std::string& data) {
    std::uint64_t length = header.size();
    std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
    write(bytes + header + data);
  }
  // The message of the refusal; the test fails when the file is accepted.
  std::string refusal(ErrorCode code = ErrorCode::kDataCorruption) {
    const auto opened = SafeTensors::open(path());
    if (opened.has_value()) {
      ADD_FAILURE() << "the file was accepted";
      return "";
    }
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    EXPECT_NE(opened.error().message.find(path().string()), std::string::npos) << opened.error().message;
    return opened.error().message;
  }
  void expect_refused(const std::string& header, const std::string& data, const std::string& reason) {
    write(header, data);
    const std::string message = refusal();
    EXPECT_NE(message.find(reason), std::string::npos) << message;
  }

  test::TemporaryDirectory scratch_;
};

template <typename T>
std::string bytes_of(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  return bytes;
}

TEST_F(SafeTensorsFile, GivesOutItsTensors) {
  write(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},)"
        R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"none":{"dtype":"F32","shape":[0,3],"data_offsets":[12,12]}})",
        bytes_of({7.0F, 1.0F, 2.0F}));
  const auto file = SafeTensors::open(path());
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->tensors().size(), 3U);
  EXPECT_EQ(file->read_floats("b", std::array<std::size_t, 2>{2, 1}).value(), (std::vector<float>{1.0F, 2.0F}));
  EXPECT_EQ(file->read_floats("a", {}).value(), std::vector<float>{7.0F});
  EXPECT_TRUE(file->read_floats("none", std::array<std::size_t, 2>{0, 3}).value().empty());
}

TEST_F(SafeTensorsFile, ReadsHalfPrecision) {
  // One, the largest, the smallest normal, the smallest subnormal, -2, both zeros and infinity.
  write(R"({"h":{"dtype":"F16","shape":[8],"data_offsets":[0,16]}})",
        bytes_of<std::uint16_t>({0x3C00, 0x7BFF, 0x0400, 0x0001, 0xC000, 0x0000, 0x8000, 0x7C00}));
  const auto values = SafeTensors::open(path())->read_floats("h", std::array<std::size_t, 1>{8}).value();
  EXPECT_EQ(values,
            (std::vector<float>{1.0F, 65504.0F, 0x1p-14F, 0x1p-24F, -2.0F, 0.0F, -0.0F, std::numeric_limits<float>::infinity()}));
  EXPECT_TRUE(std::signbit(values[6]));
}

TEST_F(SafeTensorsFile, ReadsBfloat16) {
  write(R"({"b":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}})", bytes_of<std::uint16_t>({0x3F80, 0xC049, 0x0001}));
  const auto values = SafeTensors::open(path())->read_floats("b", std::array<std::size_t, 1>{3}).value();
  EXPECT_EQ(values, (std::vector<float>{1.0F, -3.140625F, 0x1p-133F}));
}

TEST_F(SafeTensorsFile, ReadsFloatsThatAreNotAligned) {
  write(R"({"i":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"f":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
        "x" + bytes_of({3.5F}));
  EXPECT_EQ(SafeTensors::open(path())->read_floats("f", std::array<std::size_t, 1>{1}).value(), std::vector<float>{3.5F});
}

TEST_F(SafeTensorsFile, NamesTheTensorThatIsNotAsExpected) {
  write(R"({"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"f":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
        std::string(12, '\0'));
  const auto file = SafeTensors::open(path());
  ASSERT_TRUE(file.has_value());
  const auto message = [&](const char* name, std::size_t size) {
    return file->read_floats(name, std::array<std::size_t, 1>{size}).error().message;
  };
  EXPECT_NE(message("gone", 1).find("\"gone\" is missing"), std::string::npos);
  EXPECT_NE(message("f", 2).find("\"f\" has shape [1], expected [2]"), std::string::npos) << message("f", 2);
  EXPECT_NE(message("i", 1).find("type I64"), std::string::npos);
}

TEST_F(SafeTensorsFile, RefusesLengthsThatTheFileDoesNotHave) {
  write("");
  refusal();
  write("1234567");
  refusal();
  write(std::string(8, '\xff') + "{}");
  EXPECT_NE(refusal().find("announced"), std::string::npos);
  std::string cut(8, '\0');
  cut[0] = 100;
  write(cut + "{}");
  EXPECT_NE(refusal().find("100 bytes"), std::string::npos);
  std::filesystem::remove(path());
  refusal(ErrorCode::kIoError);
}

TEST_F(SafeTensorsFile, RefusesHeadersThatAreNotObjects) {
  expect_refused("", "", "no JSON object");
  expect_refused("{\"a\"", "", "no JSON object");
  expect_refused("[]", "", "no JSON object");
  expect_refused("{} {}", "", "no JSON object");
  expect_refused("\xff\xfe{}", "", "no JSON object");
  expect_refused(std::string(5000, '['), "", "no JSON object");
}

TEST_F(SafeTensorsFile, RefusesEntriesThatAreNotTensors) {
  expect_refused(R"({"a":1})", "", "not an object");
  expect_refused(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", "1234", "dtype");
  expect_refused(R"({"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}})", "1234", "\"F99\" is not known");
  expect_refused(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", "1234", "shape is missing");
  expect_refused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234", "whole numbers");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", "1234", "whole numbers");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", "1234", "8 dimensions");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "1234", "pair");
}

TEST_F(SafeTensorsFile, RefusesDataThatDoesNotFitTheHeader) {
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", "12345678", "needs 4");
  expect_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "1234", "outside");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "1234", "outside");
  expect_refused(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "", "overflows");
  expect_refused(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", "", "overflows");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,0]}})", "1234", "outside");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "12345678", "belong to no tensor");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "12345678", "hole");
  expect_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                 "12345678", "overlaps");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                 "12345678", "twice");
}

TEST_F(SafeTensorsFile, SurvivesRandomDamage) {
  const std::filesystem::path whole =
      std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests/encoder/golden/models/cls/model.safetensors";
  std::ifstream stream(whole, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  ASSERT_FALSE(bytes.empty());
  std::mt19937_64 generator(test::random_seed());
  for (int round = 0; round < 500; ++round) {
    std::string damaged = bytes;
    for (std::size_t i = generator() % 4 + 1; i > 0; --i) damaged[generator() % 4000] = static_cast<char>(generator());
    if (generator() % 4 == 0) damaged.resize(generator() % damaged.size());
    write(damaged);
    const auto opened = SafeTensors::open(path());
    if (!opened) continue;
    std::size_t sum = 0;  // every byte that is given out can be read
    for (const auto& [name, tensor] : opened->tensors()) {
      for (const std::uint8_t byte : tensor.bytes) sum += byte;
    }
    EXPECT_GT(sum, 0U);
  }
}

}  // namespace
}  // namespace orthant
