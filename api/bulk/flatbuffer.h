#pragma once
// FlatTable: reads tables of FlatBuffers as Arrow's metadata uses them, without generated code. Nothing is trusted: every offset is
// compared with the bytes that are there, and what cannot be is read as absent or as an error. A light view; the bytes outlive it.
// Source: FlatBuffers' internals (google.github.io/flatbuffers): a table is an i32 offset back to its vtable and then its fields;
// the vtable is u16 its bytes, u16 the table's bytes, and a u16 a field: its place in the table, 0 where it is absent.

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace orthant::bulk {

class FlatVector;

class FlatTable {
 public:
  // The root table of a buffer. Nothing: damaged.
  static std::optional<FlatTable> root(std::string_view bytes) {
    const auto offset = read<std::uint32_t>(bytes, 0);
    return offset ? at(bytes, *offset) : std::nullopt;
  }

  // A number of field `field`, or what is meant where it is absent.
  template <typename T>
  T number(unsigned field, T absent) const {
    const auto place = place_of(field);
    return place ? read<T>(bytes_, *place).value_or(absent) : absent;
  }
  std::optional<FlatTable> table(unsigned field) const {
    const auto target = target_of(field);
    return target ? at(bytes_, *target) : std::nullopt;
  }
  std::optional<std::string_view> text(unsigned field) const {
    const auto target = target_of(field);
    const auto length = target ? read<std::uint32_t>(bytes_, *target) : std::nullopt;
    if (!length || *length > bytes_.size() - *target - 4) return std::nullopt;
    return bytes_.substr(*target + 4, *length);
  }
  // Nothing: absent. A damaged one has no elements.
  std::optional<FlatVector> vector(unsigned field, std::size_t element_bytes) const;

 private:
  friend class FlatVector;
  FlatTable(std::string_view bytes, std::size_t begin, std::size_t vtable, std::size_t vtable_bytes)
      : bytes_(bytes), begin_(begin), vtable_(vtable), vtable_bytes_(vtable_bytes) {}

  template <typename T>
  static std::optional<T> read(std::string_view bytes, std::size_t at) {
    if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }
  static std::optional<FlatTable> at(std::string_view bytes, std::size_t begin) {
    const auto back = read<std::int32_t>(bytes, begin);
    if (!back) return std::nullopt;
    const std::int64_t vtable = static_cast<std::int64_t>(begin) - *back;
    if (vtable < 0) return std::nullopt;
    const auto vtable_bytes = read<std::uint16_t>(bytes, static_cast<std::size_t>(vtable));
    if (!vtable_bytes || *vtable_bytes < 4) return std::nullopt;
    return FlatTable(bytes, begin, static_cast<std::size_t>(vtable), *vtable_bytes);
  }
  std::optional<std::size_t> place_of(unsigned field) const {
    const std::size_t entry = 4 + 2 * std::size_t{field};
    if (entry + 2 > vtable_bytes_) return std::nullopt;
    const auto offset = read<std::uint16_t>(bytes_, vtable_ + entry);
    if (!offset || *offset == 0) return std::nullopt;
    return begin_ + *offset;
  }
  // Where the u32 offset of a field leads.
  std::optional<std::size_t> target_of(unsigned field) const {
    const auto place = place_of(field);
    const auto offset = place ? read<std::uint32_t>(bytes_, *place) : std::nullopt;
    if (!offset) return std::nullopt;
    const std::size_t target = *place + *offset;
    if (target >= bytes_.size()) return std::nullopt;
    return target;
  }

  std::string_view bytes_;
  std::size_t begin_;
  std::size_t vtable_;
  std::size_t vtable_bytes_;
};

// A vector of tables, numbers or structs.
class FlatVector {
 public:
  std::size_t size() const { return size_; }
  // Of structs and numbers: a number inside element i (i < size()).
  template <typename T>
  T number(std::size_t i, std::size_t byte = 0) const {
    return FlatTable::read<T>(bytes_, begin_ + i * element_bytes_ + byte).value_or(T{});
  }
  // Of tables.
  std::optional<FlatTable> table(std::size_t i) const {
    const std::size_t place = begin_ + i * element_bytes_;
    const auto offset = FlatTable::read<std::uint32_t>(bytes_, place);
    return offset ? FlatTable::at(bytes_, place + *offset) : std::nullopt;
  }

 private:
  friend class FlatTable;
  std::string_view bytes_;
  std::size_t begin_ = 0;
  std::size_t element_bytes_ = 1;
  std::size_t size_ = 0;
};

inline std::optional<FlatVector> FlatTable::vector(unsigned field, std::size_t element_bytes) const {
  const auto target = target_of(field);
  if (!target) return std::nullopt;
  FlatVector vector;
  vector.bytes_ = bytes_;
  vector.begin_ = *target + 4;
  vector.element_bytes_ = element_bytes;
  const auto count = read<std::uint32_t>(bytes_, *target);
  if (count && *count <= (bytes_.size() - *target - 4) / element_bytes) vector.size_ = *count;
  return vector;
}

}  // namespace orthant::bulk
