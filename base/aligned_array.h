#pragma once
// AlignedArray<T>: a fixed-size, zeroed array that starts on a cache line, from 2 MiB on in huge pages of its own. Owns its memory;
// move-only. Kernels may therefore use aligned loads on the first element.

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "base/huge_pages.h"

namespace orthant {

inline constexpr std::size_t kCacheLineBytes = 64;

template <typename T>
  requires std::is_trivially_copyable_v<T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t size) : size_(size) {
    if (size == 0) return;
    const std::size_t wanted = size * sizeof(T);
    if (wanted >= kHugePageBytes) {
      data_ = Memory(static_cast<T*>(map_huge_pages(wanted)), Free{wanted});
      return;
    }
    const std::size_t rounded = (wanted + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
    void* memory = std::aligned_alloc(kCacheLineBytes, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 0, rounded);
    data_ = Memory(static_cast<T*>(memory), Free{});
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t position) { return data_.get()[position]; }
  const T& operator[](std::size_t position) const { return data_.get()[position]; }
  std::span<T> span() { return {data(), size_}; }
  std::span<const T> span() const { return {data(), size_}; }

 private:
  struct Free {
    std::size_t mapped_bytes = 0;  // 0: from the heap
    void operator()(T* memory) const {
      if (mapped_bytes == 0) return std::free(memory);
      unmap_huge_pages(memory, mapped_bytes);
    }
  };
  using Memory = std::unique_ptr<T, Free>;
  Memory data_;
  std::size_t size_ = 0;
};

}  // namespace orthant
