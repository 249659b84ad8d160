#pragma once
// PointId: what users call a point: an unsigned 64-bit integer or a UUID. A plain value; ordered integers first, ascending, then
// UUIDs by value, which is the order of scrolling.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace orthant {

class PointId {
 public:
  using Uuid = std::array<std::uint8_t, 16>;

  PointId() = default;
  static PointId number(std::uint64_t value);
  static PointId uuid(const Uuid& bytes);
  // Hyphenated, simple (32 digits), braced or urn:uuid: form, any case. Nothing for any other text.
  static std::optional<PointId> parse_uuid(std::string_view text);
  // A number as it would be printed ("007" is none: it would collide with "7"), or a UUID. Nothing for any other text.
  static std::optional<PointId> parse(std::string_view text);
  // UUIDv5 (RFC 4122, section 4.3, SHA-1) in the URL namespace: the stable id of a document that has a string id.
  static PointId from_name(std::string_view name);

  bool is_uuid() const { return is_uuid_; }
  // Only when !is_uuid().
  std::uint64_t as_number() const;
  const Uuid& bytes() const { return bytes_; }

  // Decimal, or lower-case hyphenated.
  std::string to_string() const;

  auto operator<=>(const PointId&) const = default;

 private:
  bool is_uuid_ = false;
  Uuid bytes_{};  // a number stands big-endian in the last 8 bytes, so that the default order is the wanted one
};

}  // namespace orthant

template <>
struct std::hash<orthant::PointId> {
  std::size_t operator()(const orthant::PointId& id) const noexcept;
};
