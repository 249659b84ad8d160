#pragma once
// Reading and writing bytes of stored records and keys. Values are little-endian; keys are big-endian, so that byte order is
// number order. Readers check bounds and never trust a length. Free functions and small value types: no shared state.

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace orthant {

using ByteSpan = std::span<const std::uint8_t>;

inline ByteSpan as_byte_span(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_string_view(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

static_assert(std::endian::native == std::endian::little, "stored values are copied as little-endian");

template <std::integral T>
T to_big_endian(T value) {
  return std::byteswap(value);
}

template <typename T>
  requires std::is_trivially_copyable_v<T>
void append_value(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <std::unsigned_integral T>
void append_big_endian(std::string& out, T value) {
  append_value(out, to_big_endian(value));
}
// u32 length, then the bytes.
inline void append_sized(std::string& out, std::string_view bytes) {
  append_value(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

// A cursor over bytes that somebody else owns. Each read gives nothing once the bytes run out.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> read() {
    if (rest_.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  template <std::unsigned_integral T>
  std::optional<T> read_big_endian() {
    auto value = read<T>();
    if (value) *value = to_big_endian(*value);
    return value;
  }
  std::optional<std::string_view> read_bytes(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  // The counterpart of append_sized.
  std::optional<std::string_view> read_sized() {
    auto count = read<std::uint32_t>();
    if (!count) return std::nullopt;
    return read_bytes(*count);
  }

  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace orthant
