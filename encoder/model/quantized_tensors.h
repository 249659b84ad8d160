#pragma once
// The tensors of one quantized linear layer in a .safetensors file: NAME.codes, NAME.scales and so on, NAME being the name of the
// layer (LinearInfo), query, key and value fused. docs/storage_format.md has the table. Free functions, any thread.

#include <cstddef>
#include <string>

#include "base/result.h"
#include "encoder/kernels/linear_weights.h"
#include "encoder/model/quantization_config.h"
#include "encoder/model/safetensors.h"
#include "encoder/model/safetensors_writer.h"

namespace orthant {

// The weights as written by add_layer_tensors(). Nothing in the file is trusted: data_corruption names file, tensor and what was
// expected for shapes, types, and for values that no layer can have (codes out of range, scales that are no numbers).
Result<LinearWeights> read_layer_tensors(const SafeTensors& file, const std::string& name, std::size_t outputs, std::size_t inputs,
                                         const StoredLayer& layer);

// `weights` must outlive writer.write().
StoredLayer add_layer_tensors(SafeTensorsWriter& writer, const std::string& name, const LinearWeights& weights);

}  // namespace orthant
