#include "api/exchange/parquet_writer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "api/exchange/output_file.h"
#include "api/exchange/parquet_format.h"
#include "api/exchange/thrift_compact.h"
#include "api/http/content_coding.h"
#include "api/json/json_reader.h"
#include "base/bytes.h"

namespace orthant {
namespace {

constexpr std::size_t kRowGroupBytes = std::size_t{16} << 20;  // of vectors and payloads
constexpr std::int32_t kRequired = 0;
constexpr std::int32_t kOptional = 1;
constexpr std::int32_t kRepeated = 2;
constexpr std::int32_t kNoConversion = -1;
// Converted types, and the fields of the logical types that mean the same.
constexpr std::int32_t kUtf8 = 0, kList = 3, kUint8 = 11, kUint64 = 14, kInt8 = 15, kJson = 19;

struct WrittenColumn {
  std::string name;
  ParquetType type = ParquetType::kByteArray;
  std::int32_t conversion = kNoConversion;
  bool is_list = false;
  bool optional = false;
  bool packed = true;

  // The row group that is being filled.
  std::string repetitions{};  // encoded
  std::string definitions{};  // encoded; of optional columns
  std::string values{};       // encoded
  std::size_t entries = 0;
  std::optional<bool> run_value{};  // of definitions
  std::size_t run_length = 0;
  std::string bits{};  // booleans, a byte each
};

struct WrittenChunk {
  std::uint64_t at = 0;
  std::uint64_t bytes = 0;
  std::uint64_t unpacked_bytes = 0;
  std::size_t values = 0;
};
struct WrittenGroup {
  std::vector<WrittenChunk> chunks;
  std::uint64_t rows = 0;
};

// A run of the hybrid encoding: so often this value of one bit.
void append_run(std::string& out, std::uint64_t length, bool value) {
  if (length == 0) return;
  std::uint64_t head = length << 1;
  for (; head >= 0x80; head >>= 7) out += static_cast<char>(head | 0x80);
  out += static_cast<char>(head);
  out += value ? '\1' : '\0';
}

void close_run(WrittenColumn& column) {
  if (column.run_value) append_run(column.definitions, column.run_length, *column.run_value);
  column.run_value.reset();
  column.run_length = 0;
}

void note_presence(WrittenColumn& column, bool present) {
  ++column.entries;
  if (!column.optional) return;
  if (column.run_value != present) close_run(column);
  column.run_value = present;
  ++column.run_length;
}

std::string packed_bits(const std::string& bits) {
  std::string bytes((bits.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bits[i] != 0) bytes[i / 8] = static_cast<char>(static_cast<std::uint8_t>(bytes[i / 8]) | 1u << i % 8);
  }
  return bytes;
}

class ParquetWriter final : public VectorWriter {
 public:
  ParquetWriter(OutputFile file, const VectorWriterOptions& options) : file_(std::move(file)), options_(options) {
    columns_.push_back({.name = "id",
                        .type = options.has_uuids ? ParquetType::kByteArray : ParquetType::kInt64,
                        .conversion = options.has_uuids ? kUtf8 : kUint64});
    const bool floats = options.form == VectorForm::kFloat32;
    columns_.push_back({.name = "vector",
                        .type = floats ? ParquetType::kFloat : ParquetType::kInt32,
                        .conversion = floats                              ? kNoConversion
                                      : options.form == VectorForm::kInt8 ? kInt8
                                                                          : kUint8,
                        .is_list = true,
                        .packed = !floats});
    if (options.fields.empty() && options.all_payload) columns_.push_back({.name = "payload", .conversion = kJson});
    for (const FieldColumn& field : options.fields) columns_.push_back(column_of(field));
  }

  Status append(const VectorRows& rows) override {
    for (std::size_t row = 0; row < rows.rows; ++row) {
      append_id(rows.ids[row]);
      append_vector({rows.floats.data() + row * options_.dim, options_.dim});
      if (options_.fields.empty() && options_.all_payload) {
        append_sized(columns_[kFirstField].values, rows.payloads[row]);
        note_presence(columns_[kFirstField], true);
      } else if (!options_.fields.empty()) {
        ORTHANT_TRY(append_fields(rows.payloads[row]));
      }
      ++group_rows_;
      std::size_t bytes = 0;
      for (const WrittenColumn& column : columns_) bytes += column.values.size();
      if (bytes >= kRowGroupBytes) ORTHANT_TRY(write_group());
    }
    return {};
  }

  Status finish() override {
    if (group_rows_ > 0) ORTHANT_TRY(write_group());
    const std::string metadata = footer();
    ORTHANT_TRY(file_.append(metadata));
    ORTHANT_TRY(file_.append_value(static_cast<std::uint32_t>(metadata.size())));
    ORTHANT_TRY(file_.append("PAR1"));
    return file_.finish();
  }

 private:
  static constexpr std::size_t kFirstField = 2;

  static WrittenColumn column_of(const FieldColumn& field) {
    WrittenColumn column{.name = field.name, .optional = true};
    switch (field.kind) {
      case FieldKind::kBoolean: column.type = ParquetType::kBoolean; break;
      case FieldKind::kInteger: column.type = ParquetType::kInt64; break;
      case FieldKind::kNumber: column.type = ParquetType::kDouble; break;
      case FieldKind::kText: column.conversion = kUtf8; break;
      case FieldKind::kJson: column.conversion = kJson; break;
    }
    return column;
  }

  void append_id(const PointId& id) {
    WrittenColumn& column = columns_[0];
    if (options_.has_uuids) {
      append_sized(column.values, id.to_string());
    } else {
      append_value(column.values, id.as_number());
    }
    note_presence(column, true);
  }

  void append_vector(std::span<const float> vector) {
    WrittenColumn& column = columns_[1];
    std::size_t length = vector.size();
    if (options_.form == VectorForm::kFloat32) {
      column.values.append(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
    } else {
      const bool is_signed = options_.form == VectorForm::kInt8;
      const auto codes = codes_of_floats(options_.form, options_.dim, vector);
      for (const std::uint8_t code : codes) {
        append_value(column.values, is_signed ? std::int32_t{static_cast<std::int8_t>(code)} : std::int32_t{code});
      }
      length = codes.size();
    }
    append_run(column.repetitions, 1, false);
    append_run(column.repetitions, length - 1, true);
    column.entries += length;
  }

  Status append_fields(const std::string& payload) {
    const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(payload));
    for (std::size_t i = 0; i < options_.fields.size(); ++i) {
      const auto value = document.root().find(options_.fields[i].name);
      WrittenColumn& column = columns_[kFirstField + i];
      note_presence(column, value.has_value());
      if (value) ORTHANT_TRY(append_field(options_.fields[i], *value, column));
    }
    return {};
  }

  static Status append_field(const FieldColumn& field, JsonValue value, WrittenColumn& column) {
    switch (field.kind) {
      case FieldKind::kBoolean: column.bits += ORTHANT_TRY(value.as_bool()) ? '\1' : '\0'; break;
      case FieldKind::kInteger: append_value(column.values, ORTHANT_TRY(value.as_int())); break;
      case FieldKind::kNumber: append_value(column.values, ORTHANT_TRY(value.as_double())); break;
      case FieldKind::kText: append_sized(column.values, ORTHANT_TRY(value.as_string())); break;
      case FieldKind::kJson: append_sized(column.values, value.raw()); break;
    }
    return {};
  }

  Status write_group() {
    WrittenGroup group{.chunks = {}, .rows = group_rows_};
    for (WrittenColumn& column : columns_) {
      group.chunks.push_back(ORTHANT_TRY(write_chunk(column)));
      column.repetitions.clear();
      column.definitions.clear();
      column.values.clear();
      column.bits.clear();
      column.entries = 0;
    }
    groups_.push_back(std::move(group));
    rows_ += group_rows_;
    group_rows_ = 0;
    return {};
  }

  // One page: levels, then values.
  Result<WrittenChunk> write_chunk(WrittenColumn& column) {
    close_run(column);
    if (column.is_list) append_run(column.definitions, column.entries, true);
    std::string page;
    if (column.is_list) append_sized(page, column.repetitions);
    if (column.is_list || column.optional) append_sized(page, column.definitions);
    page += column.type == ParquetType::kBoolean ? packed_bits(column.bits) : column.values;
    const std::uint64_t unpacked_bytes = page.size();
    if (column.packed) page = ORTHANT_TRY(compress(ContentCoding::kZstd, page));
    ThriftWriter header;
    header.begin_struct();
    header.i32(1, static_cast<std::int32_t>(ParquetPage::kData));
    header.i32(2, static_cast<std::int32_t>(unpacked_bytes));
    header.i32(3, static_cast<std::int32_t>(page.size()));
    header.begin_struct_field(5);
    header.i32(1, static_cast<std::int32_t>(column.entries));
    header.i32(2, static_cast<std::int32_t>(ParquetEncoding::kPlain));
    header.i32(3, static_cast<std::int32_t>(ParquetEncoding::kRle));
    header.i32(4, static_cast<std::int32_t>(ParquetEncoding::kRle));
    header.end_struct();
    header.end_struct();
    WrittenChunk chunk{.at = file_.size(),
                       .bytes = header.bytes().size() + page.size(),
                       .unpacked_bytes = header.bytes().size() + unpacked_bytes,
                       .values = column.entries};
    ORTHANT_TRY(file_.append(header.bytes()));
    ORTHANT_TRY(file_.append(page));
    return chunk;
  }

  static void write_schema_element(ThriftWriter& out, std::string_view name, std::optional<ParquetType> type,
                                   std::optional<std::int32_t> repetition, std::int32_t children, std::int32_t conversion) {
    out.begin_struct();
    if (type) out.i32(1, static_cast<std::int32_t>(*type));
    if (repetition) out.i32(3, *repetition);
    out.binary(4, name);
    if (children > 0) out.i32(5, children);
    if (conversion != kNoConversion) {
      out.i32(6, conversion);
      write_logical_type(out, conversion);
    }
    out.end_struct();
  }

  static void write_logical_type(ThriftWriter& out, std::int32_t conversion) {
    constexpr std::int16_t kStringField = 1, kListField = 3, kIntegerField = 10, kJsonField = 12;
    out.begin_struct_field(10);
    if (conversion == kUtf8 || conversion == kList || conversion == kJson) {
      out.begin_struct_field(conversion == kUtf8 ? kStringField : conversion == kList ? kListField : kJsonField);
    } else {
      out.begin_struct_field(kIntegerField);
      out.i8(1, conversion == kUint64 ? 64 : 8);
      out.boolean(2, conversion == kInt8);
    }
    out.end_struct();
    out.end_struct();
  }

  void write_column_schema(ThriftWriter& out, const WrittenColumn& column) const {
    if (!column.is_list) {
      write_schema_element(out, column.name, column.type, column.optional ? kOptional : kRequired, 0, column.conversion);
      return;
    }
    write_schema_element(out, column.name, std::nullopt, kRequired, 1, kList);
    write_schema_element(out, "list", std::nullopt, kRepeated, 1, kNoConversion);
    write_schema_element(out, "element", column.type, kRequired, 0, column.conversion);
  }

  static void write_chunk_metadata(ThriftWriter& out, const WrittenColumn& column, const WrittenChunk& chunk) {
    out.begin_struct();
    out.i64(2, static_cast<std::int64_t>(chunk.at));
    out.begin_struct_field(3);
    out.i32(1, static_cast<std::int32_t>(column.type));
    out.begin_list(2, ThriftType::kI32, 2);
    out.i32_element(static_cast<std::int32_t>(ParquetEncoding::kPlain));
    out.i32_element(static_cast<std::int32_t>(ParquetEncoding::kRle));
    out.begin_list(3, ThriftType::kBinary, column.is_list ? 3 : 1);
    out.binary_element(column.name);
    if (column.is_list) {
      out.binary_element("list");
      out.binary_element("element");
    }
    out.i32(4, static_cast<std::int32_t>(column.packed ? ParquetCodec::kZstd : ParquetCodec::kNone));
    out.i64(5, static_cast<std::int64_t>(chunk.values));
    out.i64(6, static_cast<std::int64_t>(chunk.unpacked_bytes));
    out.i64(7, static_cast<std::int64_t>(chunk.bytes));
    out.i64(9, static_cast<std::int64_t>(chunk.at));
    out.end_struct();
    out.end_struct();
  }

  std::string footer() const {
    ThriftWriter out;
    out.begin_struct();
    out.i32(1, 2);
    out.begin_list(2, ThriftType::kStruct, 1 + columns_.size() + 2);  // the list of vectors has three nodes
    write_schema_element(out, "schema", std::nullopt, std::nullopt, static_cast<std::int32_t>(columns_.size()), kNoConversion);
    for (const WrittenColumn& column : columns_) write_column_schema(out, column);
    out.i64(3, static_cast<std::int64_t>(rows_));
    out.begin_list(4, ThriftType::kStruct, groups_.size());
    for (const WrittenGroup& group : groups_) {
      out.begin_struct();
      out.begin_list(1, ThriftType::kStruct, columns_.size());
      std::uint64_t bytes = 0;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        write_chunk_metadata(out, columns_[i], group.chunks[i]);
        bytes += group.chunks[i].unpacked_bytes;
      }
      out.i64(2, static_cast<std::int64_t>(bytes));
      out.i64(3, static_cast<std::int64_t>(group.rows));
      out.end_struct();
    }
    out.binary(6, "orthant");
    out.end_struct();
    return out.bytes();
  }

  OutputFile file_;
  VectorWriterOptions options_;
  std::vector<WrittenColumn> columns_;
  std::vector<WrittenGroup> groups_;
  std::uint64_t group_rows_ = 0;
  std::uint64_t rows_ = 0;
};

}  // namespace

Result<std::unique_ptr<VectorWriter>> create_parquet_writer(const std::filesystem::path& path, const VectorWriterOptions& options) {
  OutputFile file = ORTHANT_TRY(OutputFile::create(path));
  ORTHANT_TRY(file.append("PAR1"));
  return std::make_unique<ParquetWriter>(std::move(file), options);
}

}  // namespace orthant
