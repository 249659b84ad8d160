#pragma once
// IdsFile: the ids of a vector file's rows, from a file beside it: .npy (integers or texts, one dimension, or two with one column)
// or .ivecs (rows of one i32). Owns its open file; one thread at a time.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "api/exchange/input_file.h"
#include "api/exchange/vector_file.h"
#include "base/bytes.h"
#include "base/result.h"

namespace orthant {

// An integer as an id. invalid_argument for negative ones.
Result<PointId> id_of_integer(std::int64_t value);
// Puts the text that an id was made from into a payload, as `_id`. `payload` is an object without white space at its ends.
void add_original_id(std::string_view name, std::string& payload);

class IdsFile {
 public:
  static Result<IdsFile> open(const std::filesystem::path& path);

  std::uint64_t rows() const { return rows_; }
  // Sets rows.ids for those from `first_row` on; what is no id goes to rows.errors, and a text that had to be mapped into the
  // payload as `_id`.
  Status put_ids(std::uint64_t first_row, VectorRows& rows) const;

 private:
  enum class Kind { kSigned, kUnsigned, kBytes, kUtf32 };
  explicit IdsFile(InputFile file) : file_(std::move(file)) {}
  Status read_npy_header();
  Status read_ivecs_header();
  Result<PointId> id_at(ByteSpan element, std::string& name) const;

  InputFile file_;
  Kind kind_ = Kind::kSigned;
  std::uint64_t rows_ = 0;
  std::uint64_t rows_at_ = 0;
  std::uint64_t prefix_bytes_ = 0;
  std::uint64_t element_bytes_ = 0;
};

}  // namespace orthant
