#pragma once
// MappedVectors: the rows of a .npy file as an index reads them, without a copy in memory. Ends the program where the file is none.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "base/npy_header.h"
#include "index/float_vectors.h"

namespace orthant {

[[noreturn]] inline void fail(const std::string& message) {
  std::cerr << message << '\n';
  std::exit(1);
}

// A .npy file of float32 rows, mapped: the floats are in the page cache, as those of a store on a disk that fits there, and not in
// the memory of the process. Rows past the file's end are copies of rows of the file: vectors that were inserted again.
class MappedVectors : public FloatVectors {
 public:
  explicit MappedVectors(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat information = {};
    if (file < 0 || ::fstat(file, &information) != 0) fail("cannot open " + path);
    const auto length = static_cast<std::size_t>(information.st_size);
    void* mapped = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    if (mapped == MAP_FAILED) fail("cannot map " + path);
    find_rows(path, static_cast<const char*>(mapped), length);
  }

  std::size_t rows() const { return rows_; }
  std::span<const float> row(Ordinal ordinal) const { return {values_ + source_row(ordinal) * dim_, dim_}; }
  // The row of the file whose vector the ordinal has.
  std::size_t source_row(Ordinal ordinal) const { return ordinal < rows_ ? ordinal : copies_[ordinal - rows_]; }
  void append_copy(Ordinal row) { copies_.push_back(row); }

  std::size_t dim() const override { return dim_; }

  Status read(std::span<const Ordinal> ordinals, std::span<float> out) const override {
    for (std::size_t i = 0; i < ordinals.size(); ++i)
      std::ranges::copy(row(ordinals[i]), out.begin() + static_cast<std::ptrdiff_t>(i * dim_));
    return {};
  }

  Status scan(Ordinal first, Ordinal last,
              const std::function<bool(Ordinal ordinal, std::span<const float> row)>& visit) const override {
    const auto end = std::min<std::size_t>(last, rows_ + copies_.size());
    for (std::size_t ordinal = first; ordinal < end; ++ordinal) {
      if (!visit(static_cast<Ordinal>(ordinal), row(static_cast<Ordinal>(ordinal)))) break;
    }
    return {};
  }

 private:
  // Only what np.save writes for C-ordered float32 matrices.
  void find_rows(const std::string& path, const char* bytes, std::size_t length) {
    const auto header = parse_npy_header({bytes, std::min(length, kMaxNpyHeaderBytes)});
    if (!header) fail(path + " is no .npy file");
    if (header->descr != "<f4" || header->fortran_order || header->shape.size() != 2) {
      fail(path + " holds no C-ordered float32 matrix");
    }
    rows_ = header->shape[0];
    dim_ = header->shape[1];
    if (dim_ == 0 || header->elements_at + rows_ * dim_ * sizeof(float) > length) fail(path + " is shorter than its shape");
    values_ = reinterpret_cast<const float*>(bytes + header->elements_at);
  }

  std::size_t rows_ = 0;
  std::size_t dim_ = 0;
  const float* values_ = nullptr;
  std::vector<Ordinal> copies_;
};

}  // namespace orthant
