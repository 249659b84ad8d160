#include "index/snapshot.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/digest.h"

namespace orthant {
namespace {

constexpr std::string_view kMagic = "ORTHIDX\n";
constexpr std::string_view kEndMark = "ORTHEND\n";
// 2 added the candidate source and how it reaches each target.
constexpr std::uint32_t kVersion = 4;
// Each ends before the fields of the next: the rows trained on, the ranges of int8 codes.
constexpr std::uint32_t kVersionWithTrainedRows = 3;
constexpr std::uint32_t kVersionWithInt8Ranges = 4;
constexpr std::uint32_t kOldestVersion = 2;
// Columns of the source have the numbers of the source from here on.
constexpr std::uint32_t kFirstSourceColumn = 1'000;
constexpr std::size_t kPrefixBytes = 16;  // magic, version, length of the rest of the header
constexpr std::size_t kLargestHeaderBytes = std::size_t{1} << 30;

// Written to disk: never renumbered.
enum class ColumnTag : std::uint32_t {
  kBits = 1,
  kRowMajorBits = 2,
  kBitScales = 3,
  kInt8Codes = 4,
  kInt8Scales = 5,
  kSquaredNorms = 6,
  kBuried = 7,
};

struct RecordHead {
  std::uint32_t column;
  std::uint32_t chunk;
  std::uint64_t bytes;
};
static_assert(sizeof(RecordHead) == 16);

std::size_t block_count(std::size_t row_count) {
  return (row_count + kBlockRows - 1) / kBlockRows;
}

// Columns of the tables or of the source, as records name them.
struct NumberedColumn {
  std::uint32_t number;
  const RowColumn* column;
  std::size_t rows;  // entries of this column
};

std::vector<NumberedColumn> columns_of(const CodeTables& tables, std::size_t row_count) {
  const std::size_t block_rows = block_count(row_count) * kBlockRows;
  struct {
    ColumnTag tag;
    const RowColumn* column;
    std::size_t rows;
  } const all[] = {{ColumnTag::kBits, tables.bits(), block_rows},
                   {ColumnTag::kRowMajorBits, tables.row_major_bits(), row_count},
                   {ColumnTag::kBitScales, tables.bit_scales(), row_count},
                   {ColumnTag::kInt8Codes, tables.int8_codes(), row_count},
                   {ColumnTag::kInt8Scales, tables.int8_scales(), row_count},
                   {ColumnTag::kSquaredNorms, tables.squared_norms(), row_count},
                   {ColumnTag::kBuried, &tables.buried_words(), block_count(row_count)}};
  std::vector<NumberedColumn> columns;
  for (const auto& [tag, column, rows] : all) {
    if (column != nullptr) columns.push_back({static_cast<std::uint32_t>(tag), column, rows});
  }
  return columns;
}

std::vector<NumberedColumn> columns_of(CandidateSource& source) {
  std::vector<NumberedColumn> columns;
  for (const SourceColumn& column : source.columns()) {
    columns.push_back({kFirstSourceColumn + column.number, column.column, column.rows});
  }
  return columns;
}

// Calls visit(chunk, bytes) for each chunk of the column, whose memory is there.
template <typename Visit>
Status for_each_chunk(const NumberedColumn& numbered, const Visit& visit) {
  for (std::size_t chunk = 0; chunk < chunk_count(numbered.rows); ++chunk) {
    const std::size_t rows = std::min(chunk_rows(chunk), numbered.rows - chunk_first_row(chunk));
    ORTHANT_TRY(
        visit(static_cast<std::uint32_t>(chunk), std::span(numbered.column->chunk(chunk), rows * numbered.column->row_bytes())));
  }
  return {};
}

std::size_t bytes_of(std::size_t rows, std::size_t row_bytes) {
  return chunk_count(rows) * (sizeof(RecordHead) + sizeof(std::uint64_t)) + rows * row_bytes;
}

void append_depths(std::string& out, const StageDepths& depths) {
  append_value(out, static_cast<std::uint8_t>(depths.first));
  append_value(out, depths.first_oversampling);
  append_value(out, depths.first_margin);
  append_value(out, depths.int8_oversampling);
  append_value(out, depths.int8_margin);
}

std::string encode_header(const SnapshotHeader& header) {
  std::string rest;
  append_value(rest, static_cast<std::uint64_t>(header.config.dim));
  append_value(rest, static_cast<std::uint8_t>(header.config.metric));
  append_value(rest, static_cast<std::uint8_t>(header.config.form));
  append_value(rest, static_cast<std::uint64_t>(header.code_bytes));
  append_value(rest, static_cast<std::uint64_t>(header.row_count));
  append_sized(rest, header.quantizer_name);
  append_sized(rest, header.quantizer_parameters);
  append_value(rest, static_cast<std::uint64_t>(header.calibrated.row_count));
  append_value(rest, static_cast<std::uint32_t>(header.calibrated.entries.size()));
  for (const CalibratedDepths::Entry& entry : header.calibrated.entries) {
    append_value(rest, entry.target_recall);
    append_depths(rest, entry.depths);
    append_value(rest, static_cast<std::uint64_t>(entry.source.effort));
    append_value(rest, entry.source.cost);
    append_depths(rest, entry.source.depths);
  }
  append_value(rest, static_cast<std::uint64_t>(header.calibrated.index_rows));
  append_value(rest, static_cast<std::uint64_t>(header.calibrated.covered_count));
  append_sized(rest, header.source_name);
  append_sized(rest, header.source_parameters);
  append_value(rest, static_cast<std::uint32_t>(header.source_columns.size()));
  for (const SnapshotHeader::Column& column : header.source_columns) {
    append_value(rest, column.number);
    append_value(rest, static_cast<std::uint64_t>(column.rows));
    append_value(rest, static_cast<std::uint64_t>(column.row_bytes));
  }
  append_value(rest, static_cast<std::uint64_t>(header.trained_rows));
  append_sized(rest, header.int8_ranges);
  std::string out(kMagic);
  append_value(out, kVersion);
  append_value(out, static_cast<std::uint32_t>(rest.size() + sizeof(std::uint64_t)));
  out += rest;
  append_value(out, checksum64(out));
  return out;
}

template <typename T, typename Stored = T>
bool read_field(ByteReader& reader, T& field) {
  const auto value = reader.read<Stored>();
  if (value) field = static_cast<T>(*value);
  return value.has_value();
}

bool read_text(ByteReader& reader, std::string& field) {
  const auto value = reader.read_sized();
  if (value) field = *value;
  return value.has_value();
}

bool read_depths(ByteReader& reader, StageDepths& depths) {
  std::uint8_t first = 0;
  if (!read_field(reader, first) || !read_field(reader, depths.first_oversampling) || !read_field(reader, depths.first_margin) ||
      !read_field(reader, depths.int8_oversampling) || !read_field(reader, depths.int8_margin)) {
    return false;
  }
  depths.first = static_cast<FirstStage>(first);
  return first <= static_cast<std::uint8_t>(FirstStage::kHamming);
}

bool read_calibration(ByteReader& reader, CalibratedDepths& calibrated) {
  std::uint32_t count = 0;
  if (!read_field<std::size_t, std::uint64_t>(reader, calibrated.row_count) || !read_field(reader, count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    CalibratedDepths::Entry entry;
    if (!read_field(reader, entry.target_recall) || !read_depths(reader, entry.depths) ||
        !read_field<std::size_t, std::uint64_t>(reader, entry.source.effort) || !read_field(reader, entry.source.cost) ||
        !read_depths(reader, entry.source.depths)) {
      return false;
    }
    calibrated.entries.push_back(entry);
  }
  return read_field<std::size_t, std::uint64_t>(reader, calibrated.index_rows) &&
         read_field<std::size_t, std::uint64_t>(reader, calibrated.covered_count);
}

bool read_source(ByteReader& reader, SnapshotHeader& header) {
  std::uint32_t count = 0;
  if (!read_text(reader, header.source_name) || !read_text(reader, header.source_parameters) || !read_field(reader, count)) {
    return false;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    SnapshotHeader::Column column;
    if (!read_field(reader, column.number) || !read_field<std::size_t, std::uint64_t>(reader, column.rows) ||
        !read_field<std::size_t, std::uint64_t>(reader, column.row_bytes)) {
      return false;
    }
    header.source_columns.push_back(column);
  }
  return true;
}

bool decode_header(std::string_view rest, std::uint32_t version, SnapshotHeader& header) {
  ByteReader reader(rest);
  const bool whole = read_field<std::size_t, std::uint64_t>(reader, header.config.dim) &&
                     read_field<Metric, std::uint8_t>(reader, header.config.metric) &&
                     read_field<VectorForm, std::uint8_t>(reader, header.config.form) &&
                     read_field<std::size_t, std::uint64_t>(reader, header.code_bytes) &&
                     read_field<std::size_t, std::uint64_t>(reader, header.row_count) && read_text(reader, header.quantizer_name) &&
                     read_text(reader, header.quantizer_parameters) && read_calibration(reader, header.calibrated) &&
                     read_source(reader, header) &&
                     (version < kVersionWithTrainedRows || read_field<std::size_t, std::uint64_t>(reader, header.trained_rows)) &&
                     (version < kVersionWithInt8Ranges || read_text(reader, header.int8_ranges));
  return whole && reader.at_end() && header.row_count < kNoOrdinal;
}

std::string system_message() {
  return std::strerror(errno);
}

// A file written beside its name and renamed when whole. Removed again unless committed.
class NewFile {
 public:
  explicit NewFile(const std::filesystem::path& target) : target_(target), beside_(target.string() + ".new") {
    descriptor_ = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  }
  ~NewFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!committed_) ::unlink(beside_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  bool write(const void* bytes, std::size_t count) {
    const auto* next = static_cast<const char*>(bytes);
    while (count > 0) {
      const ssize_t written = ::write(descriptor_, next, count);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      next += written;
      count -= static_cast<std::size_t>(written);
    }
    return true;
  }
  bool commit() {
    if (::fsync(descriptor_) != 0 || ::rename(beside_.c_str(), target_.c_str()) != 0) return false;
    committed_ = true;
    const std::filesystem::path folder = target_.has_parent_path() ? target_.parent_path() : ".";
    const int folder_descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_descriptor < 0) return false;
    const bool synced = ::fsync(folder_descriptor) == 0;
    ::close(folder_descriptor);
    return synced;
  }

 private:
  std::filesystem::path target_;
  std::filesystem::path beside_;
  int descriptor_ = -1;
  bool committed_ = false;
};

bool write_record(NewFile& file, std::uint32_t column, std::uint32_t chunk, std::span<const std::uint8_t> payload) {
  const RecordHead head = {column, chunk, payload.size()};
  const std::uint64_t checksum = checksum64({reinterpret_cast<const char*>(payload.data()), payload.size()});
  return file.write(&head, sizeof head) && file.write(payload.data(), payload.size()) && file.write(&checksum, sizeof checksum);
}

// What the writer may be changing while it is saved is copied aside: the open block of the bits, and the words of buried rows, of
// which those past the snapshot's end are left out.
class SavedTables {
 public:
  SavedTables(const CodeTables& tables, std::size_t row_count) : tables_(tables), row_count_(row_count) {}

  std::span<const std::uint8_t> bytes(const NumberedColumn& numbered, std::uint32_t chunk, std::span<const std::uint8_t> payload) {
    const bool last = chunk + 1U == chunk_count(numbered.rows);
    if (numbered.column == &tables_.buried_words()) return copy_buried(chunk, payload.size());
    if (numbered.column == tables_.bits() && last && row_count_ % kBlockRows != 0) return copy_open(payload);
    return payload;
  }

 private:
  std::span<const std::uint8_t> copy_buried(std::uint32_t chunk, std::size_t size) {
    copy_.resize(size);
    for (std::size_t i = 0; i < size / sizeof(std::uint64_t); ++i) {
      const std::size_t block = chunk_first_row(chunk) + i;
      std::uint64_t word = tables_.buried_word(block);
      if ((block + 1) * kBlockRows > row_count_) word &= (std::uint64_t{1} << (row_count_ % kBlockRows)) - 1;
      std::memcpy(copy_.data() + i * sizeof word, &word, sizeof word);
    }
    return copy_;
  }
  std::span<const std::uint8_t> copy_open(std::span<const std::uint8_t> payload) {
    const std::size_t block_bytes = kBlockRows * tables_.code_bytes();
    copy_.assign(payload.begin(), payload.end() - static_cast<std::ptrdiff_t>(block_bytes));
    copy_.resize(payload.size());
    tables_.copy_open_block(row_count_ / kBlockRows * kBlockRows, copy_.data() + payload.size() - block_bytes);
    return copy_;
  }

  const CodeTables& tables_;
  const std::size_t row_count_;
  std::vector<std::uint8_t> copy_;
};

bool write_records(NewFile& file, const SnapshotHeader& header, const CodeTables& tables, CandidateSource* source) {
  const std::string head = encode_header(header);
  if (!file.write(head.data(), head.size())) return false;
  SavedTables saved(tables, header.row_count);
  const auto write = [&file](const NumberedColumn& numbered, std::uint32_t chunk, std::span<const std::uint8_t> bytes) -> Status {
    return write_record(file, numbered.number, chunk, bytes) ? Status() : io_error("not written");
  };
  for (const NumberedColumn& numbered : columns_of(tables, header.row_count)) {
    const Status written = for_each_chunk(numbered, [&](std::uint32_t chunk, std::span<const std::uint8_t> payload) {
      return write(numbered, chunk, saved.bytes(numbered, chunk, payload));
    });
    if (!written) return false;
  }
  if (source != nullptr) {
    for (const NumberedColumn& numbered : columns_of(*source)) {
      const Status written = for_each_chunk(
          numbered, [&](std::uint32_t chunk, std::span<const std::uint8_t> payload) { return write(numbered, chunk, payload); });
      if (!written) return false;
    }
  }
  return file.write(kEndMark.data(), kEndMark.size());
}

}  // namespace

Status save_snapshot(const std::filesystem::path& file, const SnapshotHeader& header, const CodeTables& tables,
                     CandidateSource* source, const std::function<Status()>& before_commit) {
  NewFile target(file);
  const auto failed = [&file] { return io_error(fmt::format("index snapshot {}: {}", file.string(), system_message())); };
  if (!target.is_open() || !write_records(target, header, tables, source)) return failed();
  if (before_commit) ORTHANT_TRY(before_commit());
  if (!target.commit()) return failed();
  return {};
}

Result<SnapshotReader> SnapshotReader::open(const std::filesystem::path& file) {
  SnapshotReader reader;
  reader.name_ = "index snapshot " + file.string();
  reader.file_.reset(std::fopen(file.c_str(), "rbe"));
  if (!reader.file_) {
    return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIoError, reader.name_ + ": " + system_message());
  }
  std::error_code failed;
  reader.file_bytes_ = std::filesystem::file_size(file, failed);
  if (failed) return io_error(reader.name_ + ": " + failed.message());

  std::string bytes(kPrefixBytes, '\0');
  if (std::fread(bytes.data(), 1, kPrefixBytes, reader.file_.get()) != kPrefixBytes || !bytes.starts_with(kMagic)) {
    return data_corruption(reader.name_ + ": does not begin as an index snapshot");
  }
  ByteReader prefix(std::string_view(bytes).substr(kMagic.size()));
  const std::uint32_t version = *prefix.read<std::uint32_t>();
  const std::uint32_t rest_bytes = *prefix.read<std::uint32_t>();
  if (version < kOldestVersion || version > kVersion) {
    return data_corruption(fmt::format("{}: version {}, expected {}", reader.name_, version, kVersion));
  }
  if (rest_bytes < sizeof(std::uint64_t) || rest_bytes > std::min(kLargestHeaderBytes, reader.file_bytes_)) {
    return data_corruption(reader.name_ + ": header length is damaged");
  }
  reader.header_bytes_ = kPrefixBytes + rest_bytes;
  bytes.resize(reader.header_bytes_);
  if (std::fread(bytes.data() + kPrefixBytes, 1, rest_bytes, reader.file_.get()) != rest_bytes) {
    return data_corruption(reader.name_ + ": ends within its header");
  }
  const std::size_t checked = bytes.size() - sizeof(std::uint64_t);
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + checked, sizeof checksum);
  const std::string_view rest = std::string_view(bytes).substr(kPrefixBytes, checked - kPrefixBytes);
  if (checksum64(std::string_view(bytes).substr(0, checked)) != checksum || !decode_header(rest, version, reader.header_)) {
    return data_corruption(reader.name_ + ": header is damaged");
  }
  return reader;
}

// The length is checked before memory is asked for.
Status SnapshotReader::check_length(const CodeTables& tables) const {
  std::size_t expected = header_bytes_ + kEndMark.size();
  for (const NumberedColumn& numbered : columns_of(tables, header_.row_count)) {
    expected += bytes_of(numbered.rows, numbered.column->row_bytes());
  }
  for (const SnapshotHeader::Column& column : header_.source_columns) {
    // No overflow: more than the file has is refused at once.
    if (column.rows > file_bytes_ || (column.rows != 0 && column.row_bytes > file_bytes_ / column.rows)) {
      return data_corruption(name_ + ": header is damaged");
    }
    expected += bytes_of(column.rows, column.row_bytes);
  }
  if (file_bytes_ != expected) return data_corruption(fmt::format("{}: {} bytes, expected {}", name_, file_bytes_, expected));
  return {};
}

Status SnapshotReader::read_record(std::uint32_t column, std::uint32_t chunk, std::span<std::uint8_t> payload) {
  const RecordHead expected = {column, chunk, payload.size()};
  RecordHead head{};
  std::uint64_t checksum = 0;
  const bool read = std::fread(&head, sizeof head, 1, file_.get()) == 1 && std::memcmp(&head, &expected, sizeof head) == 0 &&
                    std::fread(payload.data(), 1, payload.size(), file_.get()) == payload.size() &&
                    std::fread(&checksum, sizeof checksum, 1, file_.get()) == 1 &&
                    checksum64({reinterpret_cast<const char*>(payload.data()), payload.size()}) == checksum;
  if (!read) return data_corruption(fmt::format("{}: chunk {} of column {} is damaged", name_, chunk, column));
  return {};
}

Status SnapshotReader::read_into(CodeTables& tables) {
  ORTHANT_TRY(check_length(tables));
  ORTHANT_TRY(tables.reserve(header_.row_count));
  for (const NumberedColumn& numbered : columns_of(tables, header_.row_count)) {
    ORTHANT_TRY(for_each_chunk(numbered, [&](std::uint32_t chunk, std::span<std::uint8_t> payload) {
      return read_record(numbered.number, chunk, payload);
    }));
  }
  if (const std::size_t rest = header_.row_count % kBlockRows; rest != 0) {
    if (tables.buried_word(header_.row_count / kBlockRows) >> rest != 0)
      return data_corruption(name_ + ": buries rows past its end");
  }
  tables.publish(header_.row_count);
  return {};
}

Status SnapshotReader::read_into(CandidateSource& source) {
  const std::vector<NumberedColumn> columns = columns_of(source);
  const bool fits = std::ranges::equal(columns, header_.source_columns, [](const NumberedColumn& made, const auto& saved) {
    return made.number == kFirstSourceColumn + saved.number && made.rows == saved.rows &&
           made.column->row_bytes() == saved.row_bytes;
  });
  if (!fits) return data_corruption(fmt::format("{}: the columns of its {} do not fit", name_, source.name()));
  for (const NumberedColumn& numbered : columns) {
    ORTHANT_TRY(for_each_chunk(numbered, [&](std::uint32_t chunk, std::span<std::uint8_t> payload) {
      return read_record(numbered.number, chunk, payload);
    }));
  }
  return source.finish_load();
}

Status SnapshotReader::read_end() {
  std::array<char, kEndMark.size()> end{};
  if (std::fread(end.data(), 1, end.size(), file_.get()) != end.size() || std::string_view(end.data(), end.size()) != kEndMark) {
    return data_corruption(name_ + ": end mark is missing");
  }
  return {};
}

}  // namespace orthant
