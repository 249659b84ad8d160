#pragma once
// Reading and writing NumPy's .npy files (format 1.0 to 3.0, C order, little-endian, two dimensions), the exchange form of
// embeddings and codes. Source: NumPy Enhancement Proposal 1. Free functions, no shared state.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

enum class NpyType { kFloat32, kInt8, kUint8 };

// rows x columns, row-major; `bytes` holds the elements as they stand in the file.
struct NpyArray {
  NpyType type = NpyType::kFloat32;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<std::uint8_t> bytes;
};

std::size_t npy_element_bytes(NpyType type);

// Also takes float64 and float16 files, given out as float32. invalid_argument names what the file holds instead.
Result<NpyArray> read_npy(const std::filesystem::path& path);

// read_npy for files that must hold floats: rows x columns.
struct FloatMatrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;
};
Result<FloatMatrix> read_npy_floats(const std::filesystem::path& path);

// `elements` holds rows x columns elements of `type`. The file appears whole or not at all (written beside, then renamed).
Status write_npy(const std::filesystem::path& path, NpyType type, std::size_t rows, std::size_t columns,
                 std::span<const std::uint8_t> elements);

// Writes a file whose number of rows is not known before the end, in bounded memory. Owns the file beside `path` until finish()
// renames it; without finish() the file beside is removed. One thread at a time.
class NpyWriter {
 public:
  static Result<NpyWriter> create(const std::filesystem::path& path, NpyType type, std::size_t columns);
  // A one-dimensional array of elements of that NumPy type: "<u8", "|S36".
  static Result<NpyWriter> create_list(const std::filesystem::path& path, std::string_view descr, std::size_t element_bytes);
  ~NpyWriter();
  NpyWriter(NpyWriter&&) = default;
  NpyWriter& operator=(NpyWriter&&) = delete;

  // Whole rows, row-major (of a list: whole elements).
  Status append(std::span<const std::uint8_t> elements);
  // States the number of rows and gives the file its name. Nothing may be appended after that.
  Status finish();

 private:
  NpyWriter(std::filesystem::path path, std::string descr, std::size_t row_bytes, std::optional<std::size_t> columns);
  static Result<NpyWriter> start(NpyWriter writer);
  std::string header() const;

  std::filesystem::path path_;
  std::filesystem::path beside_;
  std::string descr_;
  std::size_t row_bytes_;
  std::optional<std::size_t> columns_;  // nothing: one dimension
  std::size_t rows_ = 0;
  std::ofstream out_;
};

}  // namespace orthant
