#pragma once
// FolderWriter: writes a trained encoder as a Sentence Transformers folder: a copy of the folder it came from with
// model.safetensors in float32 (or its own weights with adapters beside them), the weights of its Dense modules, and those modules
// that were appended. Private to training.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/model/safetensors_writer.h"
#include "encoder/training/trainable_encoder.h"

namespace orthant {

class FolderWriter {
 public:
  // `model` must outlive it.
  explicit FolderWriter(const TrainableEncoder& model) : model_(model) {}

  // Appears whole or not at all: written beside `target`, synced, renamed.
  Status write(const std::filesystem::path& target) const;

 private:
  Status write_into(const std::filesystem::path& folder) const;
  Status write_transformer(const SafeTensors& original, const std::filesystem::path& folder) const;
  Status keep_transformer(const SafeTensors& original, const std::filesystem::path& folder) const;
  Status write_stages(const std::filesystem::path& folder) const;
  Status write_dense(const TrainableEncoder::Dense& dense, const std::filesystem::path& folder, bool with_config) const;

  const TrainableEncoder& model_;
};

}  // namespace orthant
