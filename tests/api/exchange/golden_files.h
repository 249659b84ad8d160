#pragma once
// The files of tests/api/exchange/golden, made by scripts/make_exchange_golden.py.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "api/exchange/vector_file.h"

namespace orthant {

inline std::filesystem::path golden_folder() {
  return std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests/api/exchange/golden";
}

// Those with expected vectors beside them, by name.
inline std::vector<std::filesystem::path> golden_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(golden_folder())) {
    if (std::filesystem::exists(entry.path().string() + ".vectors.npy")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

inline std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline Result<std::unique_ptr<VectorFile>> open_golden(const std::filesystem::path& path) {
  VectorFileOptions options;
  options.format = file_format_of(path, "").value();
  return VectorFile::open(path, options);
}

}  // namespace orthant
