#pragma once
// Model: makes ids of one word. Immutable after construction as far as callers can tell, any thread.

#include <cstdint>
#include <string_view>
#include <vector>

namespace orthant {

class Model {
 public:
  virtual ~Model() = default;

  // `word` is not empty, and valid UTF-8 (for byte-level models: any bytes).
  virtual void append_ids(std::string_view word, std::vector<std::uint32_t>& ids) const = 0;
};

}  // namespace orthant
