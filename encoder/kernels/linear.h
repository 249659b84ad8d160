#pragma once
// Linear: one linear layer ready to run at one CPU level: output = activation(input W^T + bias). Weights are packed into the tile
// order of that level's kernel, in the precision they were given in: float32 panels; half and NF4 panels that are widened a panel
// at a time on their way through L1; int8 and int4 for the integer kernels (int8_kernels.h). Immutable, any thread, each with a
// LinearScratch of its own. A view of memory in the WeightArena that must outlive it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned_array.h"
#include "base/cpu.h"
#include "encoder/kernels/float_kernels.h"
#include "encoder/kernels/linear_weights.h"
#include "encoder/stage_times.h"

namespace orthant {

// Memory for the packed weights of a model in few large pieces, so that they lie on huge pages (4 kB pages cost a sixth of the
// speed). Grows; pieces never move. One thread at a time.
class WeightArena {
 public:
  // Pieces are as large as that, or as what is taken, whichever is larger.
  explicit WeightArena(std::size_t piece_bytes = std::size_t{16} << 20) : piece_bytes_(piece_bytes) {}

  // 64-byte aligned, zeroed.
  std::span<std::uint8_t> take(std::size_t bytes);
  std::size_t taken_bytes() const { return taken_; }

 private:
  std::size_t piece_bytes_;
  std::vector<AlignedArray<std::uint8_t>> pieces_;
  std::size_t used_ = 0;  // of the last piece
  std::size_t taken_ = 0;
};

// Quantized activations and widened panels of one apply() at a time. Grows to the largest need, then allocates nothing.
class LinearScratch {
 public:
  // Null: nobody wants to know how long the quantization of inputs takes.
  StageTimes* stages = nullptr;

  // 64-byte aligned, contents undefined; what was reserved before is gone.
  std::uint8_t* reserve(std::size_t bytes) {
    if (bytes > memory_.size()) memory_ = AlignedArray<std::uint8_t>(bytes);
    return memory_.data();
  }

 private:
  AlignedArray<std::uint8_t> memory_;
};

class Linear {
 public:
  // `bias` is empty (none) or one value an output. The caller checks cpu_supports(level).
  static std::unique_ptr<const Linear> make(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                            CpuLevel level, WeightArena& arena);
  virtual ~Linear() = default;

  // input is rows x inputs(), output rows x outputs(), both dense; they must not overlap.
  virtual void apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const = 0;

  std::size_t outputs() const { return outputs_; }
  std::size_t inputs() const { return inputs_; }
  WeightPrecision precision() const { return precision_; }
  // What the packed weights take.
  std::size_t memory_bytes() const { return memory_bytes_; }

 protected:
  Linear(const LinearWeights& weights, std::size_t memory_bytes)
      : outputs_(weights.outputs), inputs_(weights.inputs), precision_(weights.precision()), memory_bytes_(memory_bytes) {}

 private:
  std::size_t outputs_;
  std::size_t inputs_;
  WeightPrecision precision_;
  std::size_t memory_bytes_;
};

}  // namespace orthant
