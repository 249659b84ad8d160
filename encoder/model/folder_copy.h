#pragma once
// What writers of model folders share: copying all that is no weight, and a folder that appears whole or not at all. Throws
// std::filesystem::filesystem_error as the standard library does; callers turn it into io_error.

#include <filesystem>

#include "base/result.h"
#include "encoder/model/safetensors.h"

namespace orthant {

// A folder beside the target, removed at destruction unless it was renamed.
class FolderBeside {
 public:
  explicit FolderBeside(const std::filesystem::path& target);
  ~FolderBeside();
  FolderBeside(const FolderBeside&) = delete;
  FolderBeside& operator=(const FolderBeside&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// All files of the folder `source` but `weights`, adapters, weights in other formats, hidden files and what was measured on the old
// model.
// Links are followed: caches of other tools keep files elsewhere.
void copy_model_files(const std::filesystem::path& source, const std::filesystem::path& target, const SafeTensors& weights);

// Absolute, without a slash at the end, its parent made. already_exists when there is something else than an empty folder.
Result<std::filesystem::path> prepare_target_folder(const std::filesystem::path& target);

}  // namespace orthant
