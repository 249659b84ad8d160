#include "api/exchange/thrift_compact.h"

namespace orthant {

void ThriftReader::fail() {
  failed_ = true;
  rest_ = {};
}

std::uint8_t ThriftReader::byte() {
  if (rest_.empty()) {
    fail();
    return 0;
  }
  const auto value = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

std::uint64_t ThriftReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t part = byte();
    value |= std::uint64_t{part & 0x7fu} << shift;
    if ((part & 0x80) == 0) return value;
  }
  fail();
  return 0;
}

std::int64_t ThriftReader::zigzag() {
  const std::uint64_t value = varint();
  return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

void ThriftReader::step_over(std::uint64_t bytes) {
  if (bytes > rest_.size()) return fail();
  rest_.remove_prefix(bytes);
}

// Elements of every type take a byte or more, so a list is no longer than what is left.
std::uint64_t ThriftReader::list_head(ThriftType list, ThriftType& element) {
  if (list != ThriftType::kList && list != ThriftType::kSet) fail();
  const std::uint8_t head = byte();
  element = static_cast<ThriftType>(head & 0x0f);
  const std::uint64_t size = head >> 4 != 15 ? std::uint64_t{head} >> 4 : varint();
  if (size > rest_.size()) fail();
  return failed_ ? 0 : size;
}

std::int64_t ThriftReader::integer(ThriftType type) {
  switch (type) {
    case ThriftType::kI8: return static_cast<std::int8_t>(byte());
    case ThriftType::kI16:
    case ThriftType::kI32:
    case ThriftType::kI64: return zigzag();
    default: fail(); return 0;
  }
}

bool ThriftReader::boolean(ThriftType type) {
  if (type != ThriftType::kTrue && type != ThriftType::kFalse) fail();
  return type == ThriftType::kTrue;
}

std::string_view ThriftReader::binary(ThriftType type) {
  if (type != ThriftType::kBinary) fail();
  const std::uint64_t size = varint();
  const std::string_view value = rest_.substr(0, size);
  step_over(size);
  return failed_ ? std::string_view() : value;
}

void ThriftReader::expect_struct(ThriftType type) {
  if (type != ThriftType::kStruct) fail();
}

void ThriftReader::skip(ThriftType type, bool in_list) {
  switch (type) {
    case ThriftType::kTrue:
    case ThriftType::kFalse:
      if (in_list) byte();
      return;
    case ThriftType::kI8: byte(); return;
    case ThriftType::kI16:
    case ThriftType::kI32:
    case ThriftType::kI64: varint(); return;
    case ThriftType::kDouble: return step_over(8);
    case ThriftType::kBinary: return step_over(varint());
    case ThriftType::kList:
    case ThriftType::kSet:
      if (++depth_ > kMaxDepth) fail();
      elements(type, [this](ThriftType element) { skip(element, true); });
      --depth_;
      return;
    case ThriftType::kStruct: return fields([](std::int16_t, ThriftType) { return false; });
    default: fail();  // maps do not occur in Parquet's metadata
  }
}

void ThriftWriter::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
  out_ += static_cast<char>(value);
}

void ThriftWriter::zigzag(std::int64_t value) {
  varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

void ThriftWriter::head(std::int16_t field, ThriftType type) {
  const int step = field - last_fields_.back();
  last_fields_.back() = field;
  if (step > 0 && step < 16) {
    out_ += static_cast<char>(step << 4 | static_cast<int>(type));
    return;
  }
  out_ += static_cast<char>(type);
  zigzag(field);
}

void ThriftWriter::begin_struct() {
  last_fields_.push_back(0);
}
void ThriftWriter::end_struct() {
  out_ += '\0';
  last_fields_.pop_back();
}
void ThriftWriter::begin_struct_field(std::int16_t field) {
  head(field, ThriftType::kStruct);
  begin_struct();
}
void ThriftWriter::number(std::int16_t field, ThriftType type, std::int64_t value) {
  head(field, type);
  zigzag(value);
}
void ThriftWriter::i8(std::int16_t field, std::int8_t value) {
  head(field, ThriftType::kI8);
  out_ += static_cast<char>(value);
}
void ThriftWriter::boolean(std::int16_t field, bool value) {
  head(field, value ? ThriftType::kTrue : ThriftType::kFalse);
}
void ThriftWriter::binary(std::int16_t field, std::string_view value) {
  head(field, ThriftType::kBinary);
  binary_element(value);
}
void ThriftWriter::binary_element(std::string_view value) {
  varint(value.size());
  out_ += value;
}
void ThriftWriter::begin_list(std::int16_t field, ThriftType element, std::size_t size) {
  head(field, ThriftType::kList);
  if (size < 15) {
    out_ += static_cast<char>(size << 4 | static_cast<std::size_t>(element));
  } else {
    out_ += static_cast<char>(0xf0 | static_cast<int>(element));
    varint(size);
  }
}

}  // namespace orthant
