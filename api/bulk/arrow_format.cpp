#include "api/bulk/arrow_format.h"

#include <algorithm>
#include <utility>

#include <lz4frame.h>
#include <zstd.h>

#include <fmt/format.h>

namespace orthant::bulk {
namespace {

// Deeper nesting is nobody's; it would cost stack.
constexpr unsigned kDeepest = 32;
constexpr std::size_t kMostFields = 10'000;

std::unexpected<Error> damaged(std::string_view what) {
  return invalid_argument(fmt::format("Arrow: {}", what));
}

// Numbers of Schema.fbs, union Type.
enum FlatType : std::uint8_t {
  kFlatNull = 1,
  kFlatInt = 2,
  kFlatFloatingPoint = 3,
  kFlatBinary = 4,
  kFlatUtf8 = 5,
  kFlatBool = 6,
  kFlatDecimal = 7,
  kFlatDate = 8,
  kFlatTime = 9,
  kFlatTimestamp = 10,
  kFlatInterval = 11,
  kFlatList = 12,
  kFlatStruct = 13,
  kFlatFixedSizeBinary = 15,
  kFlatFixedSizeList = 16,
  kFlatDuration = 18,
  kFlatLargeBinary = 19,
  kFlatLargeUtf8 = 20,
  kFlatLargeList = 21,
  kFlatBinaryView = 23,
  kFlatUtf8View = 24,
};

Status read_int(const FlatTable& type, ArrowKind& kind, unsigned& bits) {
  bits = static_cast<unsigned>(type.number<std::int32_t>(0, 0));
  kind = type.number<std::uint8_t>(1, 0) != 0 ? ArrowKind::kSigned : ArrowKind::kUnsigned;
  if (bits == 8 || bits == 16 || bits == 32 || bits == 64) return {};
  return damaged(fmt::format("an integer type of {} bits", bits));
}

void read_text_type(ArrowField& field, std::uint8_t type) {
  const bool text = type == kFlatUtf8 || type == kFlatLargeUtf8 || type == kFlatUtf8View;
  field.kind = text ? ArrowKind::kText : ArrowKind::kBytes;
  field.is_view = type == kFlatUtf8View || type == kFlatBinaryView;
  field.bits = field.is_view ? 0 : (type == kFlatLargeUtf8 || type == kFlatLargeBinary ? 64 : 32);
}

Status read_type(const FlatTable& flat, ArrowField& field) {
  const auto type = flat.number<std::uint8_t>(2, 0);
  const std::optional<FlatTable> details = flat.table(3);
  if (!details) return damaged(fmt::format("column `{}` has no type", field.name));
  switch (type) {
    case kFlatNull: field.kind = ArrowKind::kNull; return {};
    case kFlatBool: field.kind = ArrowKind::kBool; return {};
    case kFlatInt: return read_int(*details, field.kind, field.bits);
    case kFlatFloatingPoint: {
      const auto precision = details->number<std::int16_t>(0, 0);
      if (precision < 0 || precision > 2) return damaged(fmt::format("column `{}`: float precision {}", field.name, precision));
      field.kind = ArrowKind::kFloat;
      field.bits = 16U << precision;
      return {};
    }
    case kFlatUtf8:
    case kFlatLargeUtf8:
    case kFlatUtf8View:
    case kFlatBinary:
    case kFlatLargeBinary:
    case kFlatBinaryView: read_text_type(field, type); return {};
    case kFlatDate:
      field.kind = ArrowKind::kDate;
      field.bits = details->number<std::int16_t>(0, 1) == 0 ? 32 : 64;
      field.units_a_second = 1'000;
      return {};
    case kFlatTimestamp: {
      const auto unit = details->number<std::int16_t>(0, 0);
      constexpr std::uint32_t kUnits[] = {1, 1'000, 1'000'000, 1'000'000'000};
      if (unit < 0 || unit > 3) return damaged(fmt::format("column `{}`: timestamp unit {}", field.name, unit));
      field.kind = ArrowKind::kTimestamp;
      field.bits = 64;
      field.units_a_second = kUnits[unit];
      field.in_utc = details->text(1).has_value();
      return {};
    }
    case kFlatList:
    case kFlatLargeList:
      field.kind = ArrowKind::kList;
      field.bits = type == kFlatList ? 32 : 64;
      return {};
    case kFlatFixedSizeList: {
      const auto size = details->number<std::int32_t>(0, 0);
      if (size < 0) return damaged(fmt::format("column `{}`: lists of {} elements", field.name, size));
      field.kind = ArrowKind::kList;
      field.fixed_size = static_cast<std::uint32_t>(size);
      return {};
    }
    case kFlatStruct: field.kind = ArrowKind::kStruct; return {};
    case kFlatTime:
    case kFlatDuration:
    case kFlatInterval:
    case kFlatDecimal:
    case kFlatFixedSizeBinary:
      field.problem = "times of day, durations, intervals, decimals and bytes of a fixed size are not read";
      return {};
    default: return damaged(fmt::format("column `{}`: type {} of Arrow is not read", field.name, type));
  }
}

Result<ArrowField> read_field(const FlatTable& flat, ArrowSchema& schema, unsigned depth, std::size_t& fields) {
  if (depth > kDeepest || ++fields > kMostFields) return damaged("the schema is nested too deep or has too many columns");
  ArrowField field;
  field.name = flat.text(0).value_or("");
  ORTHANT_TRY(read_type(flat, field));
  if (const auto children = flat.vector(5, 4)) {
    for (std::size_t i = 0; i < children->size(); ++i) {
      const auto child = children->table(i);
      if (!child) return damaged("a column's child is damaged");
      field.children.push_back(ORTHANT_TRY(read_field(*child, schema, depth + 1, fields)));
    }
  }
  if (field.kind == ArrowKind::kList && field.children.size() != 1) {
    return damaged(fmt::format("column `{}`: a list with {} children", field.name, field.children.size()));
  }
  const auto dictionary = flat.table(4);
  if (!dictionary) return field;
  ArrowField values = field;
  field.dictionary = dictionary->number<std::int64_t>(0, 0);
  field.index_bits = 32;
  if (const auto index = dictionary->table(1)) {
    ArrowKind kind = ArrowKind::kSigned;
    ORTHANT_TRY(read_int(*index, kind, field.index_bits));
    field.index_is_signed = kind == ArrowKind::kSigned;
  }
  schema.dictionaries.insert_or_assign(*field.dictionary, std::move(values));
  return field;
}

// Unpacks a whole LZ4 frame of a size that is known.
bool unpack_lz4(std::string_view packed, std::string& out) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0) return false;
  std::size_t made = 0;
  std::size_t read = 0;
  bool whole = false;
  while (read < packed.size()) {
    std::size_t out_bytes = out.size() - made;
    std::size_t in_bytes = packed.size() - read;
    const std::size_t hint = LZ4F_decompress(context, out.data() + made, &out_bytes, packed.data() + read, &in_bytes, nullptr);
    if (LZ4F_isError(hint) != 0) break;
    made += out_bytes;
    read += in_bytes;
    whole = hint == 0;
    if (whole || (out_bytes == 0 && in_bytes == 0)) break;
  }
  LZ4F_freeDecompressionContext(context);
  return whole && made == out.size();
}

}  // namespace

// ---- reading a batch ----

class ArrowBatchReader {
 public:
  ArrowBatchReader(const FlatTable& header, std::shared_ptr<const std::string> body,
                   const std::map<std::int64_t, ArrowDictionary>& dictionaries, std::size_t max_unpacked_bytes)
      : header_(header), dictionaries_(dictionaries), unpacked_left_(max_unpacked_bytes) {
    batch_.body = std::move(body);
  }

  Result<ArrowBatch> read(std::span<const ArrowField> fields) {
    const auto length = header_.number<std::int64_t>(0, 0);
    const auto nodes = header_.vector(1, 16);
    const auto buffers = header_.vector(2, 16);
    if (length < 0 || length > INT32_MAX || !nodes || !buffers) return damaged("a record batch is damaged");
    nodes_ = *nodes;
    buffers_ = *buffers;
    variadic_ = header_.vector(4, 8);
    if (const auto compression = header_.table(3)) {
      codec_ = compression->number<std::int8_t>(0, 0);
      if (*codec_ != 0 && *codec_ != 1) return damaged(fmt::format("compression {} is not understood", *codec_));
    }
    batch_.rows = static_cast<std::size_t>(length);
    for (const ArrowField& field : fields) {
      batch_.columns.push_back(ORTHANT_TRY(read_column(field)));
      if (batch_.columns.back().rows_ != batch_.rows) {
        return damaged(fmt::format("column `{}` has {} rows, its batch {}", field.name, batch_.columns.back().rows_, batch_.rows));
      }
    }
    return std::move(batch_);
  }

 private:
  Result<std::string_view> next_buffer() {
    if (next_buffer_ >= buffers_.size()) return damaged("a record batch has too few buffers");
    const auto at = buffers_.number<std::int64_t>(next_buffer_, 0);
    const auto bytes = buffers_.number<std::int64_t>(next_buffer_, 8);
    ++next_buffer_;
    const std::string_view body = *batch_.body;
    if (at < 0 || bytes < 0 || static_cast<std::uint64_t>(at) > body.size() ||
        static_cast<std::uint64_t>(bytes) > body.size() - static_cast<std::uint64_t>(at)) {
      return damaged("a buffer lies outside of its batch");
    }
    const std::string_view raw = body.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(bytes));
    if (!codec_ || raw.empty()) return raw;
    return unpack(raw);
  }

  // A size that is made up must not cost memory.
  bool can_unpack_to(std::string_view packed, std::uint64_t size) const {
    constexpr std::uint64_t kMostOfLz4 = 255;
    if (*codec_ == 0) return size / kMostOfLz4 <= packed.size();
    return ZSTD_getFrameContentSize(packed.data(), packed.size()) == size;
  }

  // In front stands the unpacked size, -1 where the rest is not packed.
  Result<std::string_view> unpack(std::string_view packed) {
    std::int64_t size = 0;
    if (packed.size() < sizeof size) return damaged("a compressed buffer is too short");
    std::memcpy(&size, packed.data(), sizeof size);
    packed.remove_prefix(sizeof size);
    if (size == -1) return packed;
    if (size < 0 || static_cast<std::uint64_t>(size) > unpacked_left_) {
      return damaged("a batch unpacks to too many bytes: make batches of fewer rows");
    }
    if (!can_unpack_to(packed, static_cast<std::uint64_t>(size))) return damaged("a compressed buffer is damaged");
    unpacked_left_ -= static_cast<std::size_t>(size);
    auto out = std::make_shared<std::string>(static_cast<std::size_t>(size), '\0');
    bool whole = false;
    if (*codec_ == 0) {
      whole = unpack_lz4(packed, *out);
    } else {
      const std::size_t made = ZSTD_decompress(out->data(), out->size(), packed.data(), packed.size());
      whole = ZSTD_isError(made) == 0 && made == out->size();
    }
    if (!whole) return damaged("a compressed buffer is damaged");
    batch_.unpacked.push_back(out);
    return std::string_view(*out);
  }

  static Status check_bytes(const ArrowField& field, std::string_view bytes, std::uint64_t needed) {
    if (bytes.size() >= needed) return {};
    return damaged(fmt::format("column `{}`: a buffer of {} bytes, {} are needed", field.name, bytes.size(), needed));
  }

  Result<ArrowColumn> read_column(const ArrowField& field) {
    if (next_node_ >= nodes_.size()) return damaged("a record batch has too few columns");
    const auto rows = nodes_.number<std::int64_t>(next_node_, 0);
    const auto nulls = nodes_.number<std::int64_t>(next_node_, 8);
    ++next_node_;
    if (rows < 0 || rows > INT32_MAX || nulls < 0 || nulls > rows)
      return damaged(fmt::format("column `{}` is damaged", field.name));
    ArrowColumn column;
    column.field_ = &field;
    column.rows_ = static_cast<std::size_t>(rows);
    if (field.kind == ArrowKind::kNull && !field.dictionary) return column;
    const std::string_view validity = ORTHANT_TRY(next_buffer());
    if (nulls > 0) {
      ORTHANT_TRY(check_bytes(field, validity, (column.rows_ + 7) / 8));
      column.validity_ = validity;
    }
    ORTHANT_TRY(field.dictionary ? read_indices(column) : read_values(column));
    return column;
  }

  Status read_indices(ArrowColumn& column) {
    const ArrowField& field = *column.field_;
    column.values_ = ORTHANT_TRY(next_buffer());
    ORTHANT_TRY(check_bytes(field, column.values_, column.rows_ * field.index_bits / 8));
    const auto found = dictionaries_.find(*field.dictionary);
    const std::size_t entries = found == dictionaries_.end() ? 0 : found->second.values->size();
    for (std::size_t row = 0; row < column.rows_; ++row) {
      if (column.is_null_here(row)) continue;
      if (column.index(row) >= entries) return damaged(fmt::format("column `{}`: an index beyond its dictionary", field.name));
    }
    if (found != dictionaries_.end()) column.dictionary_ = found->second.values;
    return {};
  }

  Status read_values(ArrowColumn& column) {
    const ArrowField& field = *column.field_;
    switch (field.kind) {
      case ArrowKind::kList: return read_lists(column);
      case ArrowKind::kStruct:
        for (const ArrowField& child : field.children) {
          column.children_.push_back(ORTHANT_TRY(read_column(child)));
          if (column.children_.back().rows_ < column.rows_)
            return damaged(fmt::format("column `{}`: a child is too short", field.name));
        }
        return {};
      case ArrowKind::kText:
      case ArrowKind::kBytes: return field.is_view ? read_views(column) : read_texts(column);
      case ArrowKind::kBool:
        column.values_ = ORTHANT_TRY(next_buffer());
        return check_bytes(field, column.values_, (column.rows_ + 7) / 8);
      default:
        column.values_ = ORTHANT_TRY(next_buffer());
        return check_bytes(field, column.values_, std::uint64_t{column.rows_} * field.bits / 8);
    }
  }

  // Offsets ascend and end within `limit`.
  static Status check_offsets(const ArrowColumn& column, std::uint64_t limit) {
    const ArrowField& field = *column.field_;
    if (column.rows_ == 0) return {};
    ORTHANT_TRY(check_bytes(field, column.values_, (std::uint64_t{column.rows_} + 1) * field.bits / 8));
    std::int64_t last = 0;
    for (std::size_t i = 0; i <= column.rows_; ++i) {
      const std::int64_t offset = column.offset(i);
      if (offset < last) return damaged(fmt::format("column `{}`: offsets do not ascend", field.name));
      last = offset;
    }
    if (static_cast<std::uint64_t>(last) <= limit) return {};
    return damaged(fmt::format("column `{}`: an offset beyond its values", field.name));
  }

  Status read_texts(ArrowColumn& column) {
    column.values_ = ORTHANT_TRY(next_buffer());
    column.bytes_ = ORTHANT_TRY(next_buffer());
    return check_offsets(column, column.bytes_.size());
  }

  // A view: i32 length, then 12 bytes of the text itself, or 4 bytes of its begin, i32 buffer and i32 place.
  Status read_views(ArrowColumn& column) {
    const ArrowField& field = *column.field_;
    column.values_ = ORTHANT_TRY(next_buffer());
    ORTHANT_TRY(check_bytes(field, column.values_, std::uint64_t{column.rows_} * 16));
    if (!variadic_ || next_variadic_ >= variadic_->size()) return damaged("a record batch does not count its buffers of texts");
    const auto count = variadic_->number<std::int64_t>(next_variadic_++);
    if (count < 0 || static_cast<std::uint64_t>(count) > buffers_.size()) return damaged("a record batch has too few buffers");
    for (std::int64_t i = 0; i < count; ++i) column.view_bytes_.push_back(ORTHANT_TRY(next_buffer()));
    for (std::size_t row = 0; row < column.rows_; ++row) {
      if (column.is_null_here(row)) continue;
      const auto length = column.at<std::int32_t>(column.values_, row * 4);
      const auto buffer = column.at<std::int32_t>(column.values_, row * 4 + 2);
      const auto place = column.at<std::int32_t>(column.values_, row * 4 + 3);
      if (length >= 0 && length <= 12) continue;
      const bool good = length >= 0 && buffer >= 0 && static_cast<std::size_t>(buffer) < column.view_bytes_.size() && place >= 0 &&
                        static_cast<std::uint64_t>(place) + static_cast<std::uint64_t>(length) <=
                            column.view_bytes_[static_cast<std::size_t>(buffer)].size();
      if (!good) return damaged(fmt::format("column `{}`: a text outside of its bytes", field.name));
    }
    return {};
  }

  Status read_lists(ArrowColumn& column) {
    const ArrowField& field = *column.field_;
    if (field.bits != 0) column.values_ = ORTHANT_TRY(next_buffer());
    column.children_.push_back(ORTHANT_TRY(read_column(field.children.front())));
    const std::uint64_t elements = column.children_.front().rows_;
    if (field.bits != 0) return check_offsets(column, elements);
    if (std::uint64_t{column.rows_} * field.fixed_size <= elements) return {};
    return damaged(fmt::format("column `{}`: too few elements for its lists", field.name));
  }

  const FlatTable& header_;
  const std::map<std::int64_t, ArrowDictionary>& dictionaries_;
  std::size_t unpacked_left_;
  ArrowBatch batch_;
  FlatVector nodes_;
  FlatVector buffers_;
  std::optional<FlatVector> variadic_;
  std::optional<std::int8_t> codec_;
  std::size_t next_node_ = 0;
  std::size_t next_buffer_ = 0;
  std::size_t next_variadic_ = 0;
};

Result<ArrowSchema> parse_arrow_schema(const FlatTable& header) {
  if (header.number<std::int16_t>(0, 0) != 0) return damaged("big-endian data is not read");
  ArrowSchema schema;
  const auto fields = header.vector(1, 4);
  if (!fields) return damaged("the schema has no columns");
  std::size_t count = 0;
  for (std::size_t i = 0; i < fields->size(); ++i) {
    const auto field = fields->table(i);
    if (!field) return damaged("the schema is damaged");
    schema.fields.push_back(ORTHANT_TRY(read_field(*field, schema, 0, count)));
  }
  return schema;
}

Result<ArrowBatch> read_arrow_batch(const FlatTable& header, std::shared_ptr<const std::string> body,
                                    std::span<const ArrowField> fields, const std::map<std::int64_t, ArrowDictionary>& dictionaries,
                                    std::size_t max_unpacked_bytes) {
  return ArrowBatchReader(header, std::move(body), dictionaries, max_unpacked_bytes).read(fields);
}

}  // namespace orthant::bulk
