#pragma once
// Stored vectors as bytes and as floats. Ready codes that users bring stand for numbers: int8 for itself, a bit of a ubinary code
// for +1 or -1 (most significant bit first). Free functions, any thread.

#include <string_view>
#include <vector>

#include "index/index_config.h"

namespace orthant {

// `bytes` holds vector_bytes() bytes; dim floats.
std::vector<float> floats_of(const IndexConfig& config, std::string_view bytes);

}  // namespace orthant
