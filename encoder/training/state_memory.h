#pragma once
// StateMemory: zeroed bytes for the state of an optimizer, in memory or in a mapped file of their own (paged, as QLoRA pages its
// optimizer: Dettmers et al. 2023, section 3; there between GPU and CPU). Pages of the file that nobody works on are forgotten and
// come back when touched, so that they do not count as this process's memory, and the kernel writes them to disk when it needs
// room. The file has no name: it is gone with the process, however that ends. One thread at a time.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"

namespace orthant {

class StateMemory {
 public:
  static Result<StateMemory> in_memory(std::size_t bytes);
  // resource_exhausted or io_error names the folder when the disk has no room for it.
  static Result<StateMemory> in_file(const std::filesystem::path& folder, std::size_t bytes);
  StateMemory() = default;
  StateMemory(StateMemory&& other) noexcept;
  StateMemory& operator=(StateMemory&& other) noexcept;
  ~StateMemory();

  std::span<std::uint8_t> bytes() const { return {data_, size_}; }
  bool paged() const { return paged_; }
  // Lets go of the whole pages of [start, start + count) where the bytes are in a file; nothing else.
  void forget(std::size_t start, std::size_t count) const;

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  bool paged_ = false;
};

}  // namespace orthant
