#pragma once
// VectorFile: vectors in a file of some format, read from front to back in bounded memory: .npy, .fvecs, .bvecs, .parquet and FAISS
// indexes. Files are not trusted: every length is compared with what is there. Owns its open file; one thread at a time.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/point_id.h"
#include "base/result.h"
#include "index/index_config.h"

namespace orthant {

enum class FileFormat { kNpy, kFvecs, kBvecs, kParquet, kFaiss };
std::string_view file_format_name(FileFormat format);
// By `name` where one is given ("npy", "fvecs", "bvecs", "parquet", "faiss"), else by the file's extension (.faiss and .index are
// FAISS). invalid_argument lists the formats.
Result<FileFormat> file_format_of(const std::filesystem::path& path, std::string_view name);

struct RowError {
  std::size_t row = 0;  // in VectorRows
  std::string reason;
};

// Neighbouring rows of a file.
struct VectorRows {
  std::size_t rows = 0;
  std::vector<float> floats;          // rows x dim; empty where the file's form is another, or it has no vectors
  std::vector<std::uint8_t> codes;    // rows x code bytes, of the forms kInt8 and kUbinary
  std::vector<PointId> ids;           // empty: the file has none
  std::vector<std::string> payloads;  // JSON objects; empty: the file has none
  std::vector<std::string> texts;     // empty: none asked for
  std::vector<RowError> errors;       // rows that make no point; what else stands here for them means nothing
};

struct VectorFileInfo {
  std::uint64_t rows = 0;
  std::size_t dim = 0;  // 0: no vectors, texts alone
  VectorForm form = VectorForm::kFloat32;
  std::optional<Metric> metric;  // what the file was made for, where it says so
  bool has_ids = false;
};

struct VectorFileOptions {
  FileFormat format = FileFormat::kNpy;
  // 8-bit integers of .npy and .bvecs as ready codes; nothing: as numbers.
  std::optional<VectorForm> codes;
  // Columns of a .parquet file. Empty: "id" or "_id" where there is one; the only column of float lists.
  std::string id_column;
  std::string vector_column;
  std::string text_column;
  std::optional<std::vector<std::string>> payload_columns;  // nothing: all others
  bool without_vectors = false;                             // ids and payload alone
};

class VectorFile {
 public:
  static Result<std::unique_ptr<VectorFile>> open(const std::filesystem::path& path, const VectorFileOptions& options);
  virtual ~VectorFile() = default;

  virtual const VectorFileInfo& info() const = 0;
  // The next rows, at most `max_rows`; none at the end.
  virtual Result<VectorRows> read(std::size_t max_rows) = 0;
  // Steps over rows.
  virtual Status skip(std::uint64_t rows) = 0;
};

}  // namespace orthant
