#include "encoder/quantize/gptq.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "base/aligned_array.h"
#include "encoder/kernels/float_dispatch.h"
#include "encoder/kernels/int8_range.h"
#include "encoder/quantize/cholesky.h"
#include "encoder/quantize/int8_rounding.h"

namespace orthant {
namespace {

constexpr std::size_t kBlockInputs = 128;

// The order in which inputs are taken: position -> input.
std::vector<std::size_t> input_order(const std::vector<double>& moments, std::size_t inputs, bool by_activation) {
  std::vector<std::size_t> order(inputs);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!by_activation) return order;
  const auto moment = [&](std::size_t input) { return moments[input * inputs + input]; };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::pair(moment(b), a) < std::pair(moment(a), b); });
  return order;
}

// U of the damped moments, in the given order, as floats.
Result<std::vector<float>> carrying_factor(const std::vector<double>& moments, std::span<const std::size_t> order, double damping) {
  const std::size_t inputs = order.size();
  double trace = 0;
  for (std::size_t i = 0; i < inputs; ++i) trace += moments[i * inputs + i];
  // Inputs that were never anything but zero carry nothing: the identity.
  const double added = trace > 0 ? damping * trace / static_cast<double>(inputs) : 1.0;
  std::vector<double> matrix(inputs * inputs);
  for (std::size_t row = 0; row < inputs; ++row) {
    for (std::size_t column = 0; column < inputs; ++column)
      matrix[row * inputs + column] = moments[order[row] * inputs + order[column]];
    matrix[row * inputs + row] += added;
  }
  const std::vector<double> factor = ORTHANT_TRY(inverse_factor(std::move(matrix), inputs));
  return std::vector<float>(factor.begin(), factor.end());
}

// Rounds one weight of a row after the other; remembers what a row needs to.
class Int8Codec {
 public:
  Int8Codec(const std::vector<float>& weights, std::size_t inputs, std::span<const std::size_t> order)
      : inputs_(inputs), order_(order.begin(), order.end()), sums_(weights.size() / inputs * pair_set_count(inputs)) {
    result_.codes.resize(weights.size());
    for (std::size_t start = 0; start < weights.size(); start += inputs) {
      result_.scales.push_back(fit_int8_scale(std::span(weights).subspan(start, inputs)));
    }
  }

  // The value that the weight at a position becomes. `ahead` are the row's weights from that position on.
  float round(std::size_t row, std::size_t position, std::span<const float> ahead) {
    const std::size_t input = order_[position];
    const float scale = result_.scales[row];
    if (!(scale > 0)) return 0;
    Sums& sums = sums_[row * pair_set_count(inputs_) + pair_set(input)];
    const int room = kMaxPairSum - sums.positive;
    const int room_below = kMaxPairSum - sums.negative;
    const int nearest = static_cast<int>(std::nearbyint(std::clamp(ahead[0] / scale, -127.0F, 127.0F)));
    const int code = std::clamp(nearest, -std::min(127, room_below), std::min(127, room));
    (code > 0 ? sums.positive : sums.negative) += static_cast<std::int16_t>(std::abs(code));
    result_.codes[row * inputs_ + input] = static_cast<std::int8_t>(code);
    return static_cast<float>(code) * scale;
  }

  Int8Weights take() { return std::move(result_); }

 private:
  struct Sums {
    std::int16_t positive = 0;
    std::int16_t negative = 0;  // its magnitude
  };
  std::size_t inputs_;
  std::vector<std::size_t> order_;
  std::vector<Sums> sums_;
  Int8Weights result_;
};

class Int4Codec {
 public:
  // `weights` in the order of the inputs. Grids are fitted at once where `in_order` is false: a group's inputs then come apart.
  Int4Codec(const std::vector<float>& weights, std::size_t inputs, std::span<const std::size_t> order, bool in_order,
            std::size_t group_size, Int4Scheme scheme)
      : inputs_(inputs),
        order_(order.begin(), order.end()),
        in_order_(in_order),
        scheme_(scheme),
        grids_(weights.size() / group_size) {
    result_.group_size = group_size;
    result_.codes.resize(weights.size() / 2);
    for (std::size_t group = 0; group < grids_.size() && !in_order; ++group) {
      grids_[group] = fit_int4_grid(std::span(weights).subspan(group * group_size, group_size), scheme);
    }
  }

  float round(std::size_t row, std::size_t position, std::span<const float> ahead) {
    const std::size_t place = row * inputs_ + order_[position];
    Int4Grid& grid = grids_[place / result_.group_size];
    if (in_order_ && place % result_.group_size == 0) grid = fit_int4_grid(ahead.first(result_.group_size), scheme_);
    const std::uint8_t code = int4_code(ahead[0], grid);
    result_.codes[place / 2] = static_cast<std::uint8_t>(result_.codes[place / 2] | code << (place % 2 * 4));
    return grid.value(code);
  }

  Int4Weights take() {
    for (const Int4Grid& grid : grids_) {
      result_.scales.push_back(grid.scale);
      result_.zero_points.push_back(grid.zero_point);
    }
    return std::move(result_);
  }

 private:
  std::size_t inputs_;
  std::vector<std::size_t> order_;
  bool in_order_;
  Int4Scheme scheme_;
  std::vector<Int4Grid> grids_;
  Int4Weights result_;
};

// Rounds all rows, in blocks of inputs; `weights` are in the order of rounding.
template <typename Codec>
void round_carrying(std::vector<float>& weights, std::size_t inputs, const std::vector<float>& factor, Codec& codec) {
  const std::size_t outputs = weights.size() / inputs;
  const FloatKernels& kernels = float_kernels();
  AlignedArray<float> errors(outputs * kBlockInputs);
  AlignedArray<float> carried(outputs * inputs);
  for (std::size_t start = 0; start < inputs; start += kBlockInputs) {
    const std::size_t end = std::min(inputs, start + kBlockInputs);
    const std::size_t width = end - start;
    for (std::size_t row = 0; row < outputs; ++row) {
      const std::span<float> values = std::span(weights).subspan(row * inputs, inputs);
      for (std::size_t j = start; j < end; ++j) {
        const float* carry = factor.data() + j * inputs;
        const float error = (values[j] - codec.round(row, j, values.subspan(j))) / carry[j];
        errors.data()[row * width + j - start] = error;
        for (std::size_t k = j + 1; k < end; ++k) values[k] -= error * carry[k];
      }
    }
    const std::size_t rest = inputs - end;
    if (rest == 0) break;
    kernels.gemm(outputs, rest, width, errors.data(), width, factor.data() + start * inputs + end, inputs, carried.data(), rest);
    for (std::size_t row = 0; row < outputs; ++row) {
      for (std::size_t k = 0; k < rest; ++k) weights[row * inputs + end + k] -= carried.data()[row * rest + k];
    }
  }
}

std::vector<float> reordered(const std::vector<float>& weights, std::span<const std::size_t> order) {
  std::vector<float> taken(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) taken[i] = weights[i / order.size() * order.size() + order[i % order.size()]];
  return taken;
}

}  // namespace

Result<Int8Weights> gptq_int8(std::vector<float> weights, std::size_t inputs, const std::vector<double>& moments,
                              const GptqOptions& options) {
  const std::vector<std::size_t> order = input_order(moments, inputs, options.activation_order);
  const std::vector<float> factor = ORTHANT_TRY(carrying_factor(moments, order, options.damping));
  Int8Codec codec(weights, inputs, order);
  weights = reordered(weights, order);
  round_carrying(weights, inputs, factor, codec);
  return codec.take();
}

Result<Int4Weights> gptq_int4(std::vector<float> weights, std::size_t inputs, const std::vector<double>& moments,
                              const GptqOptions& options, std::size_t group_size, Int4Scheme scheme) {
  const std::vector<std::size_t> order = input_order(moments, inputs, options.activation_order);
  const std::vector<float> factor = ORTHANT_TRY(carrying_factor(moments, order, options.damping));
  Int4Codec codec(weights, inputs, order, !options.activation_order, group_size, scheme);
  weights = reordered(weights, order);
  round_carrying(weights, inputs, factor, codec);
  return codec.take();
}

}  // namespace orthant
