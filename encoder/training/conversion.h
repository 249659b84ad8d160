#pragma once
// From training to true integers: the layers that training rounded become a quantized folder, which Encoder runs at integer speed,
// and the dev set says what that costs. What costs too much steps back, the layer that does the most harm first (ModelQuantizer,
// as `orthant quantize --accuracy-criterion`), or is refused. Free functions, one thread.

#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/kernels/linear_weights.h"
#include "encoder/training/dev_set.h"
#include "encoder/training/quantization_options.h"
#include "encoder/training/trainer.h"

namespace orthant {

struct ConversionTask {
  std::filesystem::path model;   // the trained float folder
  std::filesystem::path target;  // replaced as a whole
  ConversionOptions options;
  std::size_t max_seq_length = 0;     // of texts while training
  std::string metric;                 // of the dev set
  std::vector<LinearWeights> layers;  // QuantizedLinears::converted()
  std::vector<PurposedText> texts;    // that harm and cosines are measured on
  at::Tensor training_rows;           // of them, by training's own forward
  double float_score = std::numeric_limits<double>::quiet_NaN();
  double training_score = std::numeric_limits<double>::quiet_NaN();
};

// Without a dev set nothing is refused: the report tells the cosines alone.
Result<ConversionReport> convert_model(const ConversionTask& task, DevSet& dev);

}  // namespace orthant
