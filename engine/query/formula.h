#pragma once
// Formula: the score of a point as an expression over the scores of prefetches, values of its payload and conditions on it.
// Expression and Formula are plain values as a dialect's parser makes them; FormulaEvaluator is a formula made ready for many
// points: immutable after compile(), any thread.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/point_id.h"
#include "base/result.h"
#include "engine/payload/field_schema.h"
#include "engine/payload/filter.h"

namespace orthant {

enum class ExpressionKind {
  kConstant,   // number
  kScore,      // of prefetch `source`; its default, or 0, where the point came from another
  kVariable,   // the number at `key`
  kCondition,  // 1 where `condition` matches, else 0
  kMultiply,   // of all operands; 0 as soon as one is
  kSum,
  kMaximum,
  kMinimum,
  kNegate,
  kAbsolute,
  kDivide,  // operands 0 by 1; by_zero_default where the divisor is 0
  kSquareRoot,
  kPower,  // operand 0 to operand 1
  kExponential,
  kLog10,
  kLn,
  kArcosh,
  kGeoDistance,  // metres from `origin` to the place at `key`
  kDatetime,     // number: seconds since the epoch
  kDatetimeKey,  // the same of the date at `key`
  // Of operand 0 around operand 1 (0 when there is none): 1 at the target, `midpoint` at the distance `scale`.
  kLinearDecay,
  kExponentialDecay,
  kGaussDecay,
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kConstant;
  double number = 0;
  std::size_t source = 0;
  std::string key{};
  std::optional<Condition> condition{};
  GeoPoint origin{};
  std::optional<double> by_zero_default{};
  double scale = 1;
  double midpoint = 0.5;
  std::vector<Expression> operands{};
};

struct Formula {
  Expression expression;
  // What stands in for values that a point lacks, as JSON text by key.
  std::map<std::string, std::string> defaults{};
  std::map<std::size_t, double> score_defaults{};  // by prefetch
};

// One point, as a formula sees it. What it points to outlives the call.
struct FormulaPoint {
  PointId id;
  std::string_view payload;
  std::span<const std::optional<float>> scores;  // by prefetch
  const std::function<bool(std::string_view name)>& has_vector;
};

class FormulaEvaluator {
 public:
  // invalid_argument when a key is no JSON path, or an operand is missing or out of its range. `formula` must outlive the result;
  // `text_fields` is used during the call only.
  static Result<FormulaEvaluator> compile(const Formula& formula, const TextFields& text_fields = {});
  FormulaEvaluator(FormulaEvaluator&&) noexcept;
  FormulaEvaluator& operator=(FormulaEvaluator&&) noexcept;
  ~FormulaEvaluator();

  // invalid_argument when a value is missing and has no default, is of another type, or the result or a part of it is not finite
  // (as a float, for the result).
  Result<float> evaluate(const FormulaPoint& point) const;

 private:
  struct Program;
  explicit FormulaEvaluator(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace orthant
