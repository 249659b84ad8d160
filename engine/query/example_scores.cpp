#include "engine/query/example_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace orthant {
namespace {

// So that a row that two examples are equally near to is not taken for one on the right side.
constexpr float kEpsilon = std::numeric_limits<float>::epsilon();

float sigmoid(float x) {
  return std::isfinite(x) ? x / (1.0F + std::abs(x)) : x;
}
float scaled_sigmoid(float x) {
  return 0.5F * (sigmoid(x) + 1.0F);
}

// One example's similarities to a block of rows.
std::span<const float> of_example(std::span<const float> similarities, std::size_t example, std::size_t rows) {
  return similarities.subspan(example * rows, rows);
}

class BestScore {
 public:
  BestScore(std::size_t positives, std::size_t negatives) : positives_(positives), negatives_(negatives) {}

  void operator()(std::span<const float> similarities, std::span<float> out) const {
    for (std::size_t row = 0; row < out.size(); ++row) {
      const float positive = nearest(similarities, row, out.size(), 0, positives_);
      const float negative = nearest(similarities, row, out.size(), positives_, negatives_);
      out[row] = positive > negative ? scaled_sigmoid(positive) : -scaled_sigmoid(negative);
    }
  }

 private:
  static float nearest(std::span<const float> similarities, std::size_t row, std::size_t rows, std::size_t first,
                       std::size_t count) {
    float best = -std::numeric_limits<float>::infinity();
    for (std::size_t i = first; i < first + count; ++i) best = std::max(best, similarities[i * rows + row]);
    return best;
  }

  std::size_t positives_;
  std::size_t negatives_;
};

class SumOfScores {
 public:
  SumOfScores(std::size_t positives, std::size_t negatives) : positives_(positives), negatives_(negatives) {}

  void operator()(std::span<const float> similarities, std::span<float> out) const {
    std::vector<float> subtracted(out.size());
    std::ranges::fill(out, 0.0F);
    for (std::size_t i = 0; i < positives_ + negatives_; ++i) {
      const auto example = of_example(similarities, i, out.size());
      const std::span<float> sums = i < positives_ ? out : std::span<float>(subtracted);
      for (std::size_t row = 0; row < out.size(); ++row) sums[row] += example[row];
    }
    for (std::size_t row = 0; row < out.size(); ++row) out[row] -= subtracted[row];
  }

 private:
  std::size_t positives_;
  std::size_t negatives_;
};

class DiscoverScore {
 public:
  explicit DiscoverScore(std::size_t pairs) : pairs_(pairs) {}

  void operator()(std::span<const float> similarities, std::span<float> out) const {
    std::vector<int> ranks(out.size());
    for (std::size_t pair = 0; pair < pairs_; ++pair) {
      const auto positive = of_example(similarities, 1 + 2 * pair, out.size());
      const auto negative = of_example(similarities, 2 + 2 * pair, out.size());
      for (std::size_t row = 0; row < out.size(); ++row) {
        ranks[row] += static_cast<int>(positive[row] > negative[row]) - static_cast<int>(positive[row] < negative[row]);
      }
    }
    const auto target = of_example(similarities, 0, out.size());
    for (std::size_t row = 0; row < out.size(); ++row) out[row] = static_cast<float>(ranks[row]) + scaled_sigmoid(target[row]);
  }

 private:
  std::size_t pairs_;
};

class ContextScore {
 public:
  explicit ContextScore(std::size_t pairs) : pairs_(pairs) {}

  void operator()(std::span<const float> similarities, std::span<float> out) const {
    std::ranges::fill(out, 0.0F);
    for (std::size_t pair = 0; pair < pairs_; ++pair) {
      const auto positive = of_example(similarities, 2 * pair, out.size());
      const auto negative = of_example(similarities, 2 * pair + 1, out.size());
      for (std::size_t row = 0; row < out.size(); ++row) {
        out[row] += sigmoid(std::min(positive[row] - negative[row] - kEpsilon, 0.0F));
      }
    }
  }

 private:
  std::size_t pairs_;
};

// All pairs together are one weight an example.
class WeightedSum {
 public:
  explicit WeightedSum(std::vector<double> weights) : weights_(std::move(weights)) {}

  void operator()(std::span<const float> similarities, std::span<float> out) const {
    for (std::size_t row = 0; row < out.size(); ++row) {
      double sum = 0;
      for (std::size_t i = 0; i < weights_.size(); ++i) sum += weights_[i] * similarities[i * out.size() + row];
      out[row] = static_cast<float>(sum);
    }
  }

 private:
  std::vector<double> weights_;
};

}  // namespace

ExampleScore best_score(std::size_t positives, std::size_t negatives) {
  return BestScore(positives, negatives);
}

ExampleScore sum_of_scores(std::size_t positives, std::size_t negatives) {
  return SumOfScores(positives, negatives);
}

ExampleScore discover_score(std::size_t pairs) {
  return DiscoverScore(pairs);
}

ExampleScore context_score(std::size_t pairs) {
  return ContextScore(pairs);
}

ExampleScore feedback_score(const FeedbackWeights& weights, std::span<const float> scores) {
  std::vector<double> sums(1 + scores.size());
  sums[0] = weights.a;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      const double confidence = double{scores[i]} - scores[j];
      if (confidence <= 0) continue;
      const double weight = std::pow(confidence, weights.b) * weights.c;
      sums[1 + i] += weight;
      sums[1 + j] -= weight;
    }
  }
  return WeightedSum(std::move(sums));
}

}  // namespace orthant
