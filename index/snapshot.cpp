#include "index/snapshot.h"

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
constexpr std::uint32_t kVersion = 1;
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

struct Record {
  RecordHead head;
  std::uint8_t* payload;
};

std::size_t block_count(std::size_t row_count) {
  return (row_count + kBlockRows - 1) / kBlockRows;
}

struct NamedColumn {
  ColumnTag tag;
  const RowColumn* column;
  std::size_t rows;  // entries of this column
};

std::vector<NamedColumn> columns_of(const CodeTables& tables, std::size_t row_count) {
  const std::size_t block_rows = block_count(row_count) * kBlockRows;
  std::vector<NamedColumn> columns;
  for (const NamedColumn& named : {NamedColumn{ColumnTag::kBits, tables.bits(), block_rows},
                                   {ColumnTag::kRowMajorBits, tables.row_major_bits(), row_count},
                                   {ColumnTag::kBitScales, tables.bit_scales(), row_count},
                                   {ColumnTag::kInt8Codes, tables.int8_codes(), row_count},
                                   {ColumnTag::kInt8Scales, tables.int8_scales(), row_count},
                                   {ColumnTag::kSquaredNorms, tables.squared_norms(), row_count},
                                   {ColumnTag::kBuried, &tables.buried_words(), block_count(row_count)}}) {
    if (named.column != nullptr) columns.push_back(named);
  }
  return columns;
}

// Every record that a snapshot of these tables has, in order. The tables have memory for row_count rows.
std::vector<Record> records_of(const CodeTables& tables, std::size_t row_count) {
  std::vector<Record> records;
  for (const NamedColumn& named : columns_of(tables, row_count)) {
    for (std::size_t chunk = 0; chunk < chunk_count(named.rows); ++chunk) {
      const std::size_t rows = std::min(chunk_rows(chunk), named.rows - chunk_first_row(chunk));
      records.push_back(
          {{static_cast<std::uint32_t>(named.tag), static_cast<std::uint32_t>(chunk), rows * named.column->row_bytes()},
           named.column->chunk(chunk)});
    }
  }
  return records;
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
    append_value(rest, static_cast<std::uint8_t>(entry.depths.first));
    append_value(rest, entry.depths.first_oversampling);
    append_value(rest, entry.depths.first_margin);
    append_value(rest, entry.depths.int8_oversampling);
    append_value(rest, entry.depths.int8_margin);
  }
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

bool read_depths(ByteReader& reader, CalibratedDepths& calibrated) {
  std::uint32_t count = 0;
  if (!read_field<std::size_t, std::uint64_t>(reader, calibrated.row_count) || !read_field(reader, count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    CalibratedDepths::Entry entry;
    std::uint8_t first = 0;
    if (!read_field(reader, entry.target_recall) || !read_field(reader, first) ||
        !read_field(reader, entry.depths.first_oversampling) || !read_field(reader, entry.depths.first_margin) ||
        !read_field(reader, entry.depths.int8_oversampling) || !read_field(reader, entry.depths.int8_margin)) {
      return false;
    }
    if (first > static_cast<std::uint8_t>(FirstStage::kHamming)) return false;
    entry.depths.first = static_cast<FirstStage>(first);
    calibrated.entries.push_back(entry);
  }
  return true;
}

bool decode_header(std::string_view rest, SnapshotHeader& header) {
  ByteReader reader(rest);
  const bool whole = read_field<std::size_t, std::uint64_t>(reader, header.config.dim) &&
                     read_field<Metric, std::uint8_t>(reader, header.config.metric) &&
                     read_field<VectorForm, std::uint8_t>(reader, header.config.form) &&
                     read_field<std::size_t, std::uint64_t>(reader, header.code_bytes) &&
                     read_field<std::size_t, std::uint64_t>(reader, header.row_count) && read_text(reader, header.quantizer_name) &&
                     read_text(reader, header.quantizer_parameters) && read_depths(reader, header.calibrated);
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

bool write_records(NewFile& file, const SnapshotHeader& header, const CodeTables& tables) {
  const std::string head = encode_header(header);
  if (!file.write(head.data(), head.size())) return false;
  for (const Record& record : records_of(tables, header.row_count)) {
    const std::uint64_t checksum = checksum64({reinterpret_cast<const char*>(record.payload), record.head.bytes});
    const bool written = file.write(&record.head, sizeof record.head) && file.write(record.payload, record.head.bytes) &&
                         file.write(&checksum, sizeof checksum);
    if (!written) return false;
  }
  return file.write(kEndMark.data(), kEndMark.size());
}

}  // namespace

Status save_snapshot(const std::filesystem::path& file, const SnapshotHeader& header, const CodeTables& tables) {
  NewFile target(file);
  if (!target.is_open() || !write_records(target, header, tables) || !target.commit()) {
    return io_error(fmt::format("index snapshot {}: {}", file.string(), system_message()));
  }
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
  if (version != kVersion) return data_corruption(fmt::format("{}: version {}, expected {}", reader.name_, version, kVersion));
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
  if (checksum64(std::string_view(bytes).substr(0, checked)) != checksum || !decode_header(rest, reader.header_)) {
    return data_corruption(reader.name_ + ": header is damaged");
  }
  return reader;
}

Status SnapshotReader::read_into(CodeTables& tables) {
  // The length is checked before memory is asked for.
  std::size_t expected = header_bytes_ + kEndMark.size();
  for (const NamedColumn& named : columns_of(tables, header_.row_count)) {
    expected += chunk_count(named.rows) * (sizeof(RecordHead) + sizeof(std::uint64_t)) + named.rows * named.column->row_bytes();
  }
  if (file_bytes_ != expected) return data_corruption(fmt::format("{}: {} bytes, expected {}", name_, file_bytes_, expected));
  ORTHANT_TRY(tables.reserve(header_.row_count));
  for (const Record& record : records_of(tables, header_.row_count)) {
    RecordHead head{};
    std::uint64_t checksum = 0;
    const bool read = std::fread(&head, sizeof head, 1, file_.get()) == 1 && std::memcmp(&head, &record.head, sizeof head) == 0 &&
                      std::fread(record.payload, 1, record.head.bytes, file_.get()) == record.head.bytes &&
                      std::fread(&checksum, sizeof checksum, 1, file_.get()) == 1 &&
                      checksum64({reinterpret_cast<const char*>(record.payload), record.head.bytes}) == checksum;
    if (!read) {
      return data_corruption(fmt::format("{}: chunk {} of column {} is damaged", name_, record.head.chunk, record.head.column));
    }
  }
  std::array<char, kEndMark.size()> end{};
  if (std::fread(end.data(), 1, end.size(), file_.get()) != end.size() || std::string_view(end.data(), end.size()) != kEndMark) {
    return data_corruption(name_ + ": end mark is missing");
  }
  if (const std::size_t rest = header_.row_count % kBlockRows; rest != 0) {
    if (tables.buried_word(header_.row_count / kBlockRows) >> rest != 0)
      return data_corruption(name_ + ": buries rows past its end");
  }
  tables.publish(header_.row_count);
  return {};
}

}  // namespace orthant
