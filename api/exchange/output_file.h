#pragma once
// OutputFile: a file that appears whole or not at all: written beside its name, renamed by finish(), removed without it. Owns the
// file beside; one thread at a time.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace orthant {

class OutputFile {
 public:
  static Result<OutputFile> create(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(OutputFile&&) noexcept = default;
  OutputFile& operator=(OutputFile&&) = delete;

  Status append(std::string_view bytes);
  template <typename T>
  Status append_value(const T& value) {
    return append({reinterpret_cast<const char*>(&value), sizeof value});
  }
  template <typename T>
  Status append_array(std::span<const T> values) {
    return append({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
  }
  // Writes over what stands at `offset`.
  Status patch(std::uint64_t offset, std::string_view bytes);
  // Reads back what was written.
  Status read_at(std::uint64_t offset, std::span<std::uint8_t> out);

  std::uint64_t size() const { return size_; }
  // The file being written, for libraries that write by name; nothing may be appended then.
  const std::filesystem::path& beside() const { return beside_; }
  // Synced to disk and renamed.
  Status finish();

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  OutputFile(std::filesystem::path path, std::filesystem::path beside, std::FILE* file);
  std::unexpected<Error> failed(std::string_view what) const;

  std::filesystem::path path_;
  std::filesystem::path beside_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::uint64_t size_ = 0;
};

}  // namespace orthant
