#include "base/point_id.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/hex_digit.h"
#include "base/parse_number.h"

namespace orthant {
namespace {

constexpr std::size_t kUuidDigits = 32;

std::optional<PointId::Uuid> parse_digits(std::string_view digits) {
  if (digits.size() != kUuidDigits) return std::nullopt;
  PointId::Uuid bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_digit_value(digits[2 * i]);
    const int low = hex_digit_value(digits[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return bytes;
}

}  // namespace

PointId PointId::number(std::uint64_t value) {
  PointId id;
  const std::uint64_t ordered = to_big_endian(value);
  std::memcpy(id.bytes_.data() + 8, &ordered, sizeof ordered);
  return id;
}

PointId PointId::uuid(const Uuid& bytes) {
  PointId id;
  id.is_uuid_ = true;
  id.bytes_ = bytes;
  return id;
}

std::optional<PointId> PointId::parse(std::string_view text) {
  const auto value = parse_number<std::uint64_t>(text);
  if (value && (text.size() == 1 || text.front() != '0')) return number(*value);
  return parse_uuid(text);
}

std::optional<PointId> PointId::parse_uuid(std::string_view text) {
  if (text.starts_with("urn:uuid:")) text.remove_prefix(9);
  if (text.size() == 38 && text.front() == '{' && text.back() == '}') text = text.substr(1, 36);
  std::string digits(text);
  if (text.size() == 36) {
    for (std::size_t dash : {std::size_t{8}, std::size_t{13}, std::size_t{18}, std::size_t{23}}) {
      if (text[dash] != '-') return std::nullopt;
    }
    std::erase(digits, '-');
  }
  const std::optional<Uuid> bytes = parse_digits(digits);
  if (!bytes) return std::nullopt;
  return uuid(*bytes);
}

PointId PointId::from_name(std::string_view name) {
  static constexpr Uuid kUrlNamespace = {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
                                         0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
  std::string hashed(reinterpret_cast<const char*>(kUrlNamespace.data()), kUrlNamespace.size());
  hashed.append(name);
  const auto digest = sha1(hashed);
  Uuid bytes{};
  std::copy_n(digest.begin(), bytes.size(), bytes.begin());
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x50);  // version 5
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);  // RFC 4122 variant
  return uuid(bytes);
}

std::uint64_t PointId::as_number() const {
  std::uint64_t ordered = 0;
  std::memcpy(&ordered, bytes_.data() + 8, sizeof ordered);
  return to_big_endian(ordered);
}

std::string PointId::to_string() const {
  if (!is_uuid_) return std::to_string(as_number());
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[bytes_[i] >> 4];
    text += kDigits[bytes_[i] & 15];
  }
  return text;
}

}  // namespace orthant

std::size_t std::hash<orthant::PointId>::operator()(const orthant::PointId& id) const noexcept {
  const auto& bytes = id.bytes();
  return orthant::checksum64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) ^ (id.is_uuid() ? 1 : 0);
}
