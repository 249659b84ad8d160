#include "engine/collection/snapshot_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

namespace orthant {
namespace {

constexpr std::string_view kMagic = "orthant-snapshot\n";
constexpr std::uint32_t kVersion = 1;

enum Kind : std::uint8_t { kCollection = 1, kEntries = 2, kCollectionEnd = 3, kAliases = 4, kEnd = 5 };

constexpr std::size_t kEntriesBytes = std::size_t{1} << 20;
constexpr std::size_t kWriteBytes = std::size_t{1} << 20;

std::uint64_t block_checksum(std::string_view head, std::string_view content) {
  std::string seed;
  append_value(seed, checksum64(head));
  append_value(seed, checksum64(content));
  return checksum64(seed);
}

std::unexpected<Error> damaged(std::string_view what) {
  return invalid_argument(fmt::format("snapshot is damaged: {}", what));
}

std::unexpected<Error> system_error(const std::filesystem::path& file) {
  return io_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
}

// What add() says about the entries is about the file.
Error as_damage(Error error) {
  // Of a version to come.
  if (error.code == ErrorCode::kFailedPrecondition) return invalid_argument(fmt::format("snapshot: {}", error.message)).error();
  const bool of_file = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kDataCorruption;
  if (!of_file) return error;
  return damaged(error.message).error();
}

}  // namespace

// ---- writing ----

Result<SnapshotFileWriter> SnapshotFileWriter::create(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (descriptor < 0) return system_error(file);
  SnapshotFileWriter writer(file, descriptor);
  std::string head(kMagic);
  append_value(head, kVersion);
  ORTHANT_TRY(writer.put(head));
  return writer;
}

SnapshotFileWriter::SnapshotFileWriter(SnapshotFileWriter&& other) noexcept
    : file_(std::move(other.file_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      digest_(std::move(other.digest_)),
      pending_(std::move(other.pending_)),
      collections_(other.collections_) {}

SnapshotFileWriter::~SnapshotFileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status SnapshotFileWriter::put(std::string_view bytes) {
  pending_.append(bytes);
  return pending_.size() < kWriteBytes ? Status() : flush();
}

Status SnapshotFileWriter::flush() {
  digest_.update(pending_);
  for (std::string_view rest = pending_; !rest.empty();) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(file_);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  pending_.clear();
  return {};
}

Status SnapshotFileWriter::block(std::uint8_t kind, std::string_view content) {
  std::string head;
  append_value(head, kind);
  append_value(head, static_cast<std::uint32_t>(content.size()));
  ORTHANT_TRY(put(head));
  ORTHANT_TRY(put(content));
  std::string tail;
  append_value(tail, block_checksum(head, content));
  return put(tail);
}

Status SnapshotFileWriter::add_collection(std::string_view name, const CollectionRecord& record, const StoredTable& table,
                                          const std::atomic<bool>& stopping) {
  std::string head;
  append_sized(head, name);
  append_sized(head, encode(record));
  ORTHANT_TRY(block(kCollection, head));
  std::uint64_t entries = 0;
  std::string content;
  std::optional<Family> family;
  const auto flush_entries = [&]() -> Status {
    if (!content.empty()) ORTHANT_TRY(block(kEntries, content));
    content.clear();
    return {};
  };
  ORTHANT_TRY(export_table(table, [&](Family of, std::string_view key, std::string_view value) -> Status {
    if (stopping.load(std::memory_order_relaxed)) return fail(ErrorCode::kCancelled, "snapshot: the process is stopping");
    if (of != family || content.size() >= kEntriesBytes) ORTHANT_TRY(flush_entries());
    family = of;
    if (content.empty()) append_value(content, of);
    append_sized(content, key);
    append_sized(content, value);
    ++entries;
    return {};
  }));
  ORTHANT_TRY(flush_entries());
  std::string end;
  append_value(end, entries);
  append_value(end, ORTHANT_TRY(table.last_operation()));
  ++collections_;
  return block(kCollectionEnd, end);
}

Status SnapshotFileWriter::add_aliases(const Aliases& aliases) {
  std::string content;
  for (const auto& [alias, collection] : aliases) {
    append_sized(content, alias);
    append_sized(content, collection);
  }
  return block(kAliases, content);
}

Result<std::string> SnapshotFileWriter::finish() {
  std::string end;
  append_value(end, collections_);
  ORTHANT_TRY(block(kEnd, end));
  ORTHANT_TRY(flush());
  if (::fsync(descriptor_) != 0) return system_error(file_);
  return digest_.hex();
}

// ---- reading ----

Result<SnapshotFileReader> SnapshotFileReader::open(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_error(file);
  struct stat status{};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return invalid_argument(file.filename().string() + ": no regular file");
  }
  SnapshotFileReader reader(descriptor, static_cast<std::uint64_t>(status.st_size));
  std::string head(kMagic.size() + sizeof kVersion, '\0');
  if (!reader.read(head) || !head.starts_with(kMagic)) {
    return invalid_argument("this file is no snapshot of Orthant");
  }
  const auto version = ByteReader(std::string_view(head).substr(kMagic.size())).read<std::uint32_t>();
  if (*version == 0 || *version > kVersion) {
    return invalid_argument(fmt::format("snapshot: format {}, this version knows up to {}", *version, kVersion));
  }
  return reader;
}

SnapshotFileReader::SnapshotFileReader(SnapshotFileReader&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      left_(other.left_),
      collections_(other.collections_),
      in_collection_(other.in_collection_),
      aliases_(std::move(other.aliases_)) {}

SnapshotFileReader::~SnapshotFileReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status SnapshotFileReader::read(std::span<char> out) {
  if (out.size() > left_) return damaged("it ends early");
  while (!out.empty()) {
    const ssize_t count = ::read(descriptor_, out.data(), out.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error(fmt::format("snapshot: {}", std::strerror(errno)));
    if (count == 0) return damaged("it ends early");
    out = out.subspan(static_cast<std::size_t>(count));
    left_ -= static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<SnapshotFileReader::Block> SnapshotFileReader::next_block() {
  std::string head(1 + sizeof(std::uint32_t), '\0');
  ORTHANT_TRY(read(head));
  ByteReader reader(head);
  Block block;
  block.kind = *reader.read<std::uint8_t>();
  const std::uint32_t length = *reader.read<std::uint32_t>();
  // A length beyond the file asks for no memory.
  if (length > left_) return damaged("it ends early");
  block.content.resize(length);
  ORTHANT_TRY(read(block.content));
  std::string tail(sizeof(std::uint64_t), '\0');
  ORTHANT_TRY(read(tail));
  if (*ByteReader(tail).read<std::uint64_t>() != block_checksum(head, block.content)) return damaged("a checksum does not match");
  return block;
}

Result<std::optional<SnapshotFileReader::CollectionHead>> SnapshotFileReader::next_collection() {
  while (true) {
    Block block = ORTHANT_TRY(next_block());
    ByteReader reader(block.content);
    if (block.kind == kCollection && !in_collection_) {
      const auto name = reader.read_sized();
      const auto record = reader.read_sized();
      if (!name || !record || !reader.at_end()) return damaged("the head of a collection is malformed");
      auto decoded = decode_collection_record(*record);
      if (!decoded) return invalid_argument(fmt::format("snapshot: {}", decoded.error().message));
      in_collection_ = true;
      ++collections_;
      return std::optional(CollectionHead{std::string(*name), std::move(*decoded)});
    }
    if (block.kind == kEntries && in_collection_) continue;
    if (block.kind == kCollectionEnd && in_collection_) {
      in_collection_ = false;
    } else if (block.kind == kAliases && !in_collection_) {
      ORTHANT_TRY(read_aliases(block.content));
    } else if (block.kind == kEnd && !in_collection_) {
      if (reader.read<std::uint32_t>() != collections_ || left_ != 0) return damaged("it does not end where it says");
      return std::optional<CollectionHead>();
    } else {
      return damaged(fmt::format("a block of kind {} stands in the wrong place", block.kind));
    }
  }
}

Result<std::unique_ptr<TableImport>> SnapshotFileReader::read_table(Store& store, const CollectionHead& head,
                                                                    const std::atomic<bool>& stopping) {
  std::unique_ptr<TableImport> table = ORTHANT_TRY(TableImport::begin(store, head.record.slot_names.size()));
  std::uint64_t entries = 0;
  while (true) {
    if (stopping.load(std::memory_order_relaxed)) return fail(ErrorCode::kCancelled, "restoring: the process is stopping");
    const Block block = ORTHANT_TRY(next_block());
    ByteReader reader(block.content);
    if (block.kind == kCollectionEnd) {
      in_collection_ = false;
      const auto expected = reader.read<std::uint64_t>();
      const auto last_operation = reader.read<std::uint64_t>();
      if (expected != entries || !last_operation || !reader.at_end()) return damaged("entries of a collection are missing");
      ORTHANT_TRY(table->finish(*last_operation));
      return table;
    }
    const auto family = reader.read<Family>();
    if (block.kind != kEntries || !family) return damaged(fmt::format("a block of kind {} stands in the wrong place", block.kind));
    while (!reader.at_end()) {
      const auto key = reader.read_sized();
      const auto value = reader.read_sized();
      if (!key || !value) return damaged("an entry is malformed");
      if (Status added = table->add(*family, *key, *value); !added) return std::unexpected<Error>(as_damage(added.error()));
      ++entries;
    }
  }
}

Status SnapshotFileReader::read_aliases(std::string_view content) {
  ByteReader reader(content);
  while (!reader.at_end()) {
    const auto alias = reader.read_sized();
    const auto collection = reader.read_sized();
    if (!alias || !collection) return damaged("an alias is malformed");
    aliases_.emplace(*alias, *collection);
  }
  return {};
}

}  // namespace orthant
