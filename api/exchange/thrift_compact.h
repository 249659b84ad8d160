#pragma once
// Thrift's compact protocol, as far as Parquet's metadata needs it: structs of numbered fields, lists, integers, binaries, booleans
// and doubles. Source: thrift/doc/specs/thrift-compact-protocol.md. The reader is for hostile bytes: after the first fault all
// reads give zeros, lists are no longer than the bytes that are left, and failed() tells. One thread at a time.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace orthant {

enum class ThriftType : std::uint8_t {
  kStop = 0,
  kTrue = 1,
  kFalse = 2,
  kI8 = 3,
  kI16 = 4,
  kI32 = 5,
  kI64 = 6,
  kDouble = 7,
  kBinary = 8,
  kList = 9,
  kSet = 10,
  kMap = 11,
  kStruct = 12,
};

class ThriftReader {
 public:
  explicit ThriftReader(std::string_view bytes) : rest_(bytes) {}

  bool failed() const { return failed_; }
  // Bytes that are not read yet.
  std::string_view rest() const { return rest_; }

  // Calls on_field(id, type) for each field of a struct; it reads the value and returns true, or returns false to have it skipped.
  template <typename OnField>
  void fields(OnField on_field) {
    if (++depth_ > kMaxDepth) fail();
    std::int16_t id = 0;
    while (!failed_) {
      const std::uint8_t head = byte();
      const auto type = static_cast<ThriftType>(head & 0x0f);
      if (failed_ || type == ThriftType::kStop) break;
      id = head >> 4 != 0 ? static_cast<std::int16_t>(id + (head >> 4)) : static_cast<std::int16_t>(zigzag());
      if (!on_field(id, type)) skip(type);
    }
    --depth_;
  }
  // Calls on_element(type) so often as the list has elements.
  template <typename OnElement>
  void elements(ThriftType list, OnElement on_element) {
    ThriftType type = ThriftType::kStop;
    for (std::uint64_t left = list_head(list, type); left > 0 && !failed_; --left) on_element(type);
  }

  // Each fails on a value of another type.
  std::int64_t integer(ThriftType type);
  bool boolean(ThriftType type);
  std::string_view binary(ThriftType type);
  void expect_struct(ThriftType type);
  void skip(ThriftType type, bool in_list = false);

 private:
  static constexpr int kMaxDepth = 32;
  void fail();
  std::uint8_t byte();
  std::uint64_t varint();
  std::int64_t zigzag();
  std::uint64_t list_head(ThriftType list, ThriftType& element);
  void step_over(std::uint64_t bytes);

  std::string_view rest_;
  bool failed_ = false;
  int depth_ = 0;
};

// Appends to a string that it owns. Calls must nest as the format does.
class ThriftWriter {
 public:
  void begin_struct();  // the top, or an element of a list of structs
  void end_struct();
  void i32(std::int16_t field, std::int32_t value) { number(field, ThriftType::kI32, value); }
  void i64(std::int16_t field, std::int64_t value) { number(field, ThriftType::kI64, value); }
  void i8(std::int16_t field, std::int8_t value);
  void boolean(std::int16_t field, bool value);
  void binary(std::int16_t field, std::string_view value);
  void begin_struct_field(std::int16_t field);
  void begin_list(std::int16_t field, ThriftType element, std::size_t size);
  // Elements of lists.
  void i32_element(std::int32_t value) { zigzag(value); }
  void binary_element(std::string_view value);

  const std::string& bytes() const { return out_; }

 private:
  void head(std::int16_t field, ThriftType type);
  void number(std::int16_t field, ThriftType type, std::int64_t value);
  void varint(std::uint64_t value);
  void zigzag(std::int64_t value);

  std::string out_;
  std::vector<std::int16_t> last_fields_;
};

}  // namespace orthant
