#pragma once
// The file of a snapshot: one collection or all of them, as framed blocks with checksums (docs/storage_format.md). Written and read
// front to back by one thread, in bounded memory. Index snapshots are left out: indexes are built again from the rows.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "engine/collection/catalog.h"
#include "engine/storage/table_transfer.h"

namespace orthant {

class SnapshotFileWriter {
 public:
  // A new file. io_error where it cannot be made or written; the caller removes it then.
  static Result<SnapshotFileWriter> create(const std::filesystem::path& file);
  SnapshotFileWriter(SnapshotFileWriter&& other) noexcept;
  SnapshotFileWriter& operator=(SnapshotFileWriter&&) = delete;
  ~SnapshotFileWriter();

  // `table` is frozen and held. `stopping` ends it early with cancelled.
  Status add_collection(std::string_view name, const CollectionRecord& record, const StoredTable& table,
                        const std::atomic<bool>& stopping);
  Status add_aliases(const Aliases& aliases);
  // Ends the file and brings it to the disk. Gives the SHA-256 of all its bytes.
  Result<std::string> finish();

 private:
  explicit SnapshotFileWriter(std::filesystem::path file, int descriptor) : file_(std::move(file)), descriptor_(descriptor) {}
  Status block(std::uint8_t kind, std::string_view content);
  Status put(std::string_view bytes);
  Status flush();

  std::filesystem::path file_;
  int descriptor_ = -1;
  Sha256 digest_;
  std::string pending_;
  std::uint32_t collections_ = 0;
};

class SnapshotFileReader {
 public:
  // invalid_argument: no snapshot of Orthant, or one of a newer version.
  static Result<SnapshotFileReader> open(const std::filesystem::path& file);
  SnapshotFileReader(SnapshotFileReader&& other) noexcept;
  SnapshotFileReader& operator=(SnapshotFileReader&&) = delete;
  ~SnapshotFileReader();

  struct CollectionHead {
    std::string name;
    CollectionRecord record;  // its table number means nothing here
  };
  // The next collection; nothing at the end of a whole file. Blocks of a collection that was not read are passed over. All errors
  // of the file's content are invalid_argument.
  Result<std::optional<CollectionHead>> next_collection();
  // The entries of that collection into a new table that is not kept yet. Errors of the store pass through.
  Result<std::unique_ptr<TableImport>> read_table(Store& store, const CollectionHead& head, const std::atomic<bool>& stopping);
  // Of the whole file, once next_collection() has given nothing.
  const Aliases& aliases() const { return aliases_; }

 private:
  struct Block {
    std::uint8_t kind = 0;
    std::string content;
  };
  explicit SnapshotFileReader(int descriptor, std::uint64_t size) : descriptor_(descriptor), left_(size) {}
  Result<Block> next_block();
  Status read(std::span<char> out);
  Status read_aliases(std::string_view content);

  int descriptor_ = -1;
  std::uint64_t left_ = 0;
  std::uint32_t collections_ = 0;
  bool in_collection_ = false;
  Aliases aliases_;
};

}  // namespace orthant
