#pragma once
// InputFile: a file read at places of its own choosing, never beyond its end. Lengths inside hostile files are compared with size()
// before anything is allocated. Owns the descriptor; any thread may read.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace orthant {

class InputFile {
 public:
  // not_found, io_error, and invalid_argument for folders.
  static Result<InputFile> open(const std::filesystem::path& path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }

  // Fills `out`. data_corruption where the file ends before that.
  Status read_at(std::uint64_t offset, std::span<std::uint8_t> out) const;
  // `count` values of T. data_corruption where the file ends before that; nothing is allocated then.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  Result<std::vector<T>> read_array(std::uint64_t offset, std::uint64_t count) const {
    ORTHANT_TRY(check_range(offset, count, sizeof(T)));
    std::vector<T> values(count);
    ORTHANT_TRY(read_at(offset, {reinterpret_cast<std::uint8_t*>(values.data()), count * sizeof(T)}));
    return values;
  }
  // data_corruption unless `count` elements of `element_bytes` lie inside the file from `offset` on.
  Status check_range(std::uint64_t offset, std::uint64_t count, std::uint64_t element_bytes) const;

  // data_corruption: "<path>: <message>".
  std::unexpected<Error> damaged(std::string_view message) const;
  // invalid_argument: "<path>: <message>".
  std::unexpected<Error> refused(std::string_view message) const;

 private:
  InputFile(std::filesystem::path path, int descriptor, std::uint64_t size);

  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t size_;
};

// Walks through a file from front to back.
class FileCursor {
 public:
  FileCursor(const InputFile& file, std::uint64_t at) : file_(file), at_(at) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  Result<T> read() {
    T value;
    ORTHANT_TRY(file_.read_at(at_, {reinterpret_cast<std::uint8_t*>(&value), sizeof value}));
    at_ += sizeof value;
    return value;
  }
  // `count` values, read.
  template <typename T>
  Result<std::vector<T>> read_array(std::uint64_t count) {
    std::vector<T> values = ORTHANT_TRY(file_.read_array<T>(at_, count));
    at_ += count * sizeof(T);
    return values;
  }
  // Steps over `count` elements; where they begin.
  Result<std::uint64_t> skip(std::uint64_t count, std::uint64_t element_bytes) {
    ORTHANT_TRY(file_.check_range(at_, count, element_bytes));
    const std::uint64_t begin = at_;
    at_ += count * element_bytes;
    return begin;
  }
  std::uint64_t at() const { return at_; }
  const InputFile& file() const { return file_; }

 private:
  const InputFile& file_;
  std::uint64_t at_;
};

}  // namespace orthant
