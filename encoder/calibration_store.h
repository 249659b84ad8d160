#pragma once
// CalibrationStore: the ranges of an encoder's embeddings over the bundled calibration texts (encoder/data), made once and kept
// beside the model. Any thread; the first caller works, the others wait for it.

#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/embedding.h"

namespace orthant {

class Encoder;

// The bundled texts, one a line of encoder/data/calibration_texts.txt.
std::vector<std::string_view> calibration_texts();

class CalibrationStore {
 public:
  // 2 x dim: minima, then maxima. The file's name carries what the ranges depend on, so a changed model or list makes new ones.
  Result<EmbeddingMatrix> ranges(const Encoder& encoder);

 private:
  std::mutex mutex_;
  std::optional<EmbeddingMatrix> ranges_;  // guarded by mutex_
};

}  // namespace orthant
