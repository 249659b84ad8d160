#include "api/exchange/vector_file.h"

#include <fmt/format.h>

#include "api/exchange/faiss_file.h"
#include "api/exchange/matrix_file.h"
#include "api/exchange/parquet_file.h"

namespace orthant {
namespace {

struct Naming {
  std::string_view name;  // also the extension
  FileFormat format;
};
constexpr Naming kNamings[] = {{"npy", FileFormat::kNpy},         {"fvecs", FileFormat::kFvecs}, {"bvecs", FileFormat::kBvecs},
                               {"parquet", FileFormat::kParquet}, {"faiss", FileFormat::kFaiss}, {"index", FileFormat::kFaiss}};

}  // namespace

std::string_view file_format_name(FileFormat format) {
  for (const Naming& naming : kNamings) {
    if (naming.format == format) return naming.name;
  }
  return "";
}

Result<FileFormat> file_format_of(const std::filesystem::path& path, std::string_view name) {
  const std::string extension = path.extension().string();
  const std::string wanted = !name.empty() ? std::string(name) : extension.empty() ? "" : extension.substr(1);
  for (const Naming& naming : kNamings) {
    if (naming.name == wanted) return naming.format;
  }
  return invalid_argument(fmt::format(
      "{}: no format of vectors is called '{}'; known are npy, fvecs, bvecs, parquet and faiss (by extension, or --format)",
      path.string(), wanted));
}

Result<std::unique_ptr<VectorFile>> VectorFile::open(const std::filesystem::path& path, const VectorFileOptions& options) {
  switch (options.format) {
    case FileFormat::kNpy: return open_npy_file(path, options);
    case FileFormat::kFvecs:
    case FileFormat::kBvecs: return open_vecs_file(path, options);
    case FileFormat::kParquet: return open_parquet_file(path, options);
    case FileFormat::kFaiss: return open_faiss_file(path);
  }
  return internal_error("unknown format");
}

}  // namespace orthant
