// The values of a column that was read: arrow_format.h.

#include "api/bulk/arrow_format.h"
#include "base/half.h"

namespace orthant::bulk {
namespace {

bool bit_at(std::string_view bytes, std::size_t i) {
  return ((static_cast<unsigned char>(bytes[i / 8]) >> (i % 8)) & 1) != 0;
}

}  // namespace

bool ArrowColumn::is_null_here(std::size_t row) const {
  return !validity_.empty() && !bit_at(validity_, row);
}

bool ArrowColumn::is_null(std::size_t row) const {
  if (is_null_here(row)) return true;
  if (field_->dictionary) return !dictionary_ || dictionary_->is_null(static_cast<std::size_t>(index(row)));
  return field_->kind == ArrowKind::kNull;
}

std::uint64_t ArrowColumn::index(std::size_t row) const {
  switch (field_->index_bits) {
    case 8:
      return field_->index_is_signed ? static_cast<std::uint64_t>(std::int64_t{at<std::int8_t>(values_, row)})
                                     : at<std::uint8_t>(values_, row);
    case 16:
      return field_->index_is_signed ? static_cast<std::uint64_t>(std::int64_t{at<std::int16_t>(values_, row)})
                                     : at<std::uint16_t>(values_, row);
    case 32:
      return field_->index_is_signed ? static_cast<std::uint64_t>(std::int64_t{at<std::int32_t>(values_, row)})
                                     : at<std::uint32_t>(values_, row);
    default: return at<std::uint64_t>(values_, row);
  }
}

std::int64_t ArrowColumn::offset(std::size_t row) const {
  return field_->bits == 64 ? at<std::int64_t>(values_, row) : std::int64_t{at<std::int32_t>(values_, row)};
}

std::int64_t ArrowColumn::integer(std::size_t row) const {
  if (dictionary_) return dictionary_->integer(static_cast<std::size_t>(index(row)));
  const bool is_signed = field_->kind != ArrowKind::kUnsigned;
  switch (field_->bits) {
    case 8: return is_signed ? std::int64_t{at<std::int8_t>(values_, row)} : std::int64_t{at<std::uint8_t>(values_, row)};
    case 16: return is_signed ? std::int64_t{at<std::int16_t>(values_, row)} : std::int64_t{at<std::uint16_t>(values_, row)};
    case 32: return is_signed ? std::int64_t{at<std::int32_t>(values_, row)} : std::int64_t{at<std::uint32_t>(values_, row)};
    default: return at<std::int64_t>(values_, row);
  }
}

double ArrowColumn::real(std::size_t row) const {
  if (dictionary_) return dictionary_->real(static_cast<std::size_t>(index(row)));
  switch (field_->bits) {
    case 16: return float_from_float16(at<std::uint16_t>(values_, row));
    case 32: return at<float>(values_, row);
    default: return at<double>(values_, row);
  }
}

bool ArrowColumn::boolean(std::size_t row) const {
  return dictionary_ ? dictionary_->boolean(static_cast<std::size_t>(index(row))) : bit_at(values_, row);
}

std::string_view ArrowColumn::text(std::size_t row) const {
  if (dictionary_) return dictionary_->text(static_cast<std::size_t>(index(row)));
  if (!field_->is_view) {
    const auto first = static_cast<std::size_t>(offset(row));
    return bytes_.substr(first, static_cast<std::size_t>(offset(row + 1)) - first);
  }
  const auto length = static_cast<std::size_t>(at<std::int32_t>(values_, row * 4));
  if (length <= 12) return values_.substr(row * 16 + 4, length);
  const std::string_view bytes = view_bytes_[static_cast<std::size_t>(at<std::int32_t>(values_, row * 4 + 2))];
  return bytes.substr(static_cast<std::size_t>(at<std::int32_t>(values_, row * 4 + 3)), length);
}

const ArrowColumn& ArrowColumn::children_owner(std::size_t& row) const {
  const ArrowColumn* owner = this;
  while (owner->dictionary_) {
    row = static_cast<std::size_t>(owner->index(row));
    owner = owner->dictionary_.get();
  }
  return *owner;
}

std::pair<std::size_t, std::size_t> ArrowColumn::elements(std::size_t row) const {
  if (field_->bits == 0) return {row * field_->fixed_size, (row + 1) * field_->fixed_size};
  return {static_cast<std::size_t>(offset(row)), static_cast<std::size_t>(offset(row + 1))};
}

std::optional<std::string_view> ArrowColumn::float32_bytes(std::size_t first, std::size_t last) const {
  if (field_->dictionary || field_->kind != ArrowKind::kFloat || field_->bits != 32 || !validity_.empty()) return std::nullopt;
  return values_.substr(first * sizeof(float), (last - first) * sizeof(float));
}

}  // namespace orthant::bulk
