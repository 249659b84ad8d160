#pragma once
// CalibrationStore: the ranges of an encoder's embeddings over the bundled calibration texts (encoder/data), made once and kept
// beside the model. Any thread; the first caller works, the others wait for it.

#include <cstddef>
#include <map>
#include <mutex>

#include "base/result.h"
#include "encoder/embedding.h"

namespace orthant {

class Encoder;

class CalibrationStore {
 public:
  // 2 x dim: minima, then maxima; of embeddings cut to `dimensions` unless it is 0. The file's name carries what the ranges
  // depend on, so a changed model or list makes new ones. invalid_argument when `dimensions` exceeds the encoder's.
  Result<EmbeddingMatrix> ranges(const Encoder& encoder, std::size_t dimensions);

 private:
  std::mutex mutex_;
  std::map<std::size_t, EmbeddingMatrix> ranges_;  // by dimension; guarded by mutex_
};

}  // namespace orthant
