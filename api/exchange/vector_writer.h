#pragma once
// VectorWriter: points to a file of vectors in somebody's format. The file, and that of the ids where there is one, appears whole
// or not at all. Owns the files; one thread at a time.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/exchange/vector_file.h"

namespace orthant {

enum class FaissKind { kFlat, kHnsw, kSq8, kBinary };

// A payload field as a column of its own. kJson: values of several kinds, as the text of JSON.
enum class FieldKind { kBoolean, kInteger, kNumber, kText, kJson };
struct FieldColumn {
  std::string name;
  FieldKind kind = FieldKind::kJson;
};

struct VectorWriterOptions {
  FileFormat format = FileFormat::kNpy;
  FaissKind faiss = FaissKind::kFlat;
  std::size_t dim = 0;
  VectorForm form = VectorForm::kFloat32;
  Metric metric = Metric::kCosine;
  bool has_uuids = false;           // some ids are
  std::filesystem::path ids;        // of .npy, .fvecs and .bvecs: .npy or .ivecs
  std::vector<FieldColumn> fields;  // of .parquet; none: the payload as a column of JSON
  bool all_payload = true;          // of .parquet without fields
};

class VectorWriter {
 public:
  static Result<std::unique_ptr<VectorWriter>> create(const std::filesystem::path& path, const VectorWriterOptions& options);
  virtual ~VectorWriter() = default;

  // Floats (rows x dim, of codes too), ids, payloads.
  virtual Status append(const VectorRows& rows) = 0;
  // Gives the files their names. Nothing may be appended after that.
  virtual Status finish() = 0;
};

// rows x dim floats as the codes that they stand for: int8 values, or a bit each (set above 0, most significant first).
std::vector<std::uint8_t> codes_of_floats(VectorForm form, std::size_t dim, std::span<const float> floats);

}  // namespace orthant
