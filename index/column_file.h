#pragma once
// ColumnFile: space for the chunks of one column in a file of its own, which has no name (it vanishes with the process or with this
// object) and is mapped into memory: the kernel keeps in its page cache what is used and writes the rest to disk. Space is taken on
// the disk before it is mapped, so that a full disk is an error here and never a signal when the memory is written. One thread at a
// time; the memory may be read by any.

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace orthant {

class ColumnFile {
 public:
  // The file is made at the first map(), in `directory`, which exists.
  explicit ColumnFile(std::filesystem::path directory) : directory_(std::move(directory)) {}
  ~ColumnFile();
  ColumnFile(const ColumnFile&) = delete;
  ColumnFile& operator=(const ColumnFile&) = delete;

  // `bytes` more, zeroed, on a page of their own. The caller unmaps them. io_error when the disk is full or the file cannot be
  // made; nothing is lost then and a later call may succeed.
  Result<std::uint8_t*> map(std::size_t bytes);

 private:
  Status open();
  Status take_space(std::size_t bytes);

  const std::filesystem::path directory_;
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

// What map() mapped.
void unmap_chunk(std::uint8_t* memory, std::size_t bytes);

}  // namespace orthant
