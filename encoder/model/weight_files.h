#pragma once
// Where the weights of a folder lie: in model.safetensors, or in the parts that model.safetensors.index.json names, as transformers
// writes models of several gigabytes. Free functions, any thread.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/model/safetensors.h"

namespace orthant {

struct WeightFiles {
  std::filesystem::path whole;               // model.safetensors or the index, for messages
  std::vector<std::filesystem::path> parts;  // one, or those of the index in the order of their names
};

// not_found when the folder has neither; data_corruption when the index is no index, or names a file outside of the folder.
Result<WeightFiles> find_weight_files(const std::filesystem::path& folder);

// All parts as one; data_corruption when two hold a tensor of one name, else as SafeTensors::open.
Result<SafeTensors> open_weights(const WeightFiles& files);

// Of one file its SHA-256; of several that of their hexadecimal SHA-256 one after the other.
Result<std::string> weights_sha256(const WeightFiles& files);

}  // namespace orthant
