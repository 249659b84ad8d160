#pragma once
// Stored vectors as bytes and as floats. Ready codes that users bring stand for numbers: int8 for itself, a bit of a ubinary code
// for +1 or -1 (most significant bit first). Free functions, any thread.

#include <cstddef>
#include <string_view>
#include <vector>

#include "index/index_config.h"

namespace orthant {

// Bytes of one vector in the store.
std::size_t stored_row_bytes(const IndexConfig& config);

// `bytes` holds stored_row_bytes(config) bytes; dim floats.
std::vector<float> floats_of(const IndexConfig& config, std::string_view bytes);

}  // namespace orthant
