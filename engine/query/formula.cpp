#include "engine/query/formula.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "base/json_text.h"
#include "engine/payload/datetime.h"
#include "engine/payload/filter_evaluator.h"
#include "engine/payload/geo.h"
#include "engine/payload/json_path.h"
#include "engine/payload/payload_values.h"

namespace orthant {
namespace {

// An expression with its path parsed, its default found and its condition compiled.
struct Node {
  const Expression* expression = nullptr;
  std::optional<JsonPath> path;
  std::string_view fallback;  // JSON text; empty: none
  double score_fallback = 0;
  std::optional<FilterEvaluator> condition;
  std::vector<Node> operands;
};

std::size_t operands_of(ExpressionKind kind) {
  switch (kind) {
    case ExpressionKind::kNegate:
    case ExpressionKind::kAbsolute:
    case ExpressionKind::kSquareRoot:
    case ExpressionKind::kExponential:
    case ExpressionKind::kLog10:
    case ExpressionKind::kLn:
    case ExpressionKind::kArcosh:
    case ExpressionKind::kMaximum:
    case ExpressionKind::kMinimum:
    case ExpressionKind::kLinearDecay:
    case ExpressionKind::kExponentialDecay:
    case ExpressionKind::kGaussDecay: return 1;
    case ExpressionKind::kDivide:
    case ExpressionKind::kPower: return 2;
    default: return 0;
  }
}

bool is_decay(ExpressionKind kind) {
  return kind == ExpressionKind::kLinearDecay || kind == ExpressionKind::kExponentialDecay || kind == ExpressionKind::kGaussDecay;
}

bool has_key(ExpressionKind kind) {
  return kind == ExpressionKind::kVariable || kind == ExpressionKind::kGeoDistance || kind == ExpressionKind::kDatetimeKey;
}

Status check_decay(const Expression& decay) {
  const bool linear = decay.kind == ExpressionKind::kLinearDecay;
  if (linear && !(decay.midpoint >= 0 && decay.midpoint <= 1)) {
    return invalid_argument(fmt::format("Linear decay midpoint should be in the range [0.0, 1.0], got {}", decay.midpoint));
  }
  if (!linear && !(decay.midpoint > 0 && decay.midpoint < 1)) {
    return invalid_argument(fmt::format("Decay midpoint should be in the range (0.0, 1.0), got {}", decay.midpoint));
  }
  if (!(decay.scale > 0)) return invalid_argument(fmt::format("Scale must be non-zero positive, got {}", decay.scale));
  return {};
}

Result<Node> compile_node(const Expression& expression, const Formula& formula, const TextFields& text_fields) {
  if (expression.operands.size() < operands_of(expression.kind)) {
    return invalid_argument(fmt::format("query.formula: an expression has {} operands, expected at least {}",
                                        expression.operands.size(), operands_of(expression.kind)));
  }
  if (is_decay(expression.kind)) ORTHANT_TRY(check_decay(expression));
  Node node;
  node.expression = &expression;
  if (has_key(expression.kind)) {
    node.path = ORTHANT_TRY(JsonPath::parse(expression.key));
    const auto fallback = formula.defaults.find(expression.key);
    if (fallback != formula.defaults.end()) node.fallback = fallback->second;
  }
  if (expression.kind == ExpressionKind::kScore) {
    const auto fallback = formula.score_defaults.find(expression.source);
    if (fallback != formula.score_defaults.end()) node.score_fallback = fallback->second;
  }
  if (expression.condition) {
    Filter filter;
    filter.must.push_back(*expression.condition);
    node.condition = ORTHANT_TRY(FilterEvaluator::compile(filter, text_fields));
  }
  for (const Expression& operand : expression.operands) {
    node.operands.push_back(ORTHANT_TRY(compile_node(operand, formula, text_fields)));
  }
  return node;
}

std::unexpected<Error> not_finite(const std::string& expression) {
  return invalid_argument(fmt::format("The expression {} produced a non-finite number", expression));
}

Result<double> finite(double value, const auto& describe) {
  if (!std::isfinite(value)) return not_finite(describe());
  return value;
}

// The only value at the node's path, or else the default's.
Result<std::string_view> single_value(const Node& node, const FormulaPoint& point) {
  const auto& key = node.expression->key;
  std::vector<std::string_view> values = payload_values(point.payload, *node.path);
  std::erase(values, "null");
  if (values.empty() && node.fallback.starts_with('[')) {
    for_each_element(node.fallback, [&](std::string_view element) {
      values.push_back(element);
      return true;
    });
  } else if (values.empty() && !node.fallback.empty()) {
    values.push_back(node.fallback);
  }
  if (values.empty()) return invalid_argument(fmt::format("No value found for {} in the payload nor the formula defaults", key));
  if (values.size() > 1) {
    return invalid_argument(
        fmt::format("Expected one value for {} in the payload and/or in the formula defaults. Error: There are several", key));
  }
  return values.front();
}

std::unexpected<Error> wrong_type(const Node& node, std::string_view wanted) {
  return invalid_argument(
      fmt::format("Expected {0} value for {1} in the payload and/or in the formula defaults. Error: Value is not a {0}", wanted,
                  node.expression->key));
}

class Evaluation {
 public:
  explicit Evaluation(const FormulaPoint& point) : point_(point) {}

  Result<double> value_of(const Node& node) const {
    const Expression& expression = *node.expression;
    switch (expression.kind) {
      case ExpressionKind::kConstant:
      case ExpressionKind::kDatetime: return expression.number;
      case ExpressionKind::kScore: return score(node);
      case ExpressionKind::kVariable: return variable(node);
      case ExpressionKind::kCondition: return node.condition->matches(point_.id, point_.payload, point_.has_vector) ? 1.0 : 0.0;
      case ExpressionKind::kMultiply: return product(node);
      case ExpressionKind::kSum: return fold(node, 0, [](double a, double b) { return a + b; });
      case ExpressionKind::kMaximum:
        return fold(node, -std::numeric_limits<double>::infinity(), [](double a, double b) { return b > a ? b : a; });
      case ExpressionKind::kMinimum:
        return fold(node, std::numeric_limits<double>::infinity(), [](double a, double b) { return b < a ? b : a; });
      case ExpressionKind::kDivide: return quotient(node);
      case ExpressionKind::kPower: return power(node);
      case ExpressionKind::kGeoDistance: return geo_distance(node);
      case ExpressionKind::kDatetimeKey: return datetime(node);
      case ExpressionKind::kLinearDecay:
      case ExpressionKind::kExponentialDecay:
      case ExpressionKind::kGaussDecay: return decay(node);
      default: return function(expression.kind, ORTHANT_TRY(value_of(node.operands[0])));
    }
  }

 private:
  Result<double> score(const Node& node) const {
    const std::size_t source = node.expression->source;
    if (source < point_.scores.size() && point_.scores[source]) return double{*point_.scores[source]};
    return node.score_fallback;
  }

  Result<double> variable(const Node& node) const {
    const auto number = number_of(ORTHANT_TRY(single_value(node, point_)));
    if (!number) return wrong_type(node, "number");
    return *number;
  }

  Result<double> product(const Node& node) const {
    double result = 1;
    for (const Node& operand : node.operands) {
      const double factor = ORTHANT_TRY(value_of(operand));
      if (factor == 0) return factor;
      result *= factor;
    }
    return result;
  }

  Result<double> fold(const Node& node, double begin, const auto& combine) const {
    double result = begin;
    for (const Node& operand : node.operands) result = combine(result, ORTHANT_TRY(value_of(operand)));
    return result;
  }

  Result<double> quotient(const Node& node) const {
    const double left = ORTHANT_TRY(value_of(node.operands[0]));
    if (left == 0) return left;
    const double right = ORTHANT_TRY(value_of(node.operands[1]));
    if (right == 0 && node.expression->by_zero_default) return *node.expression->by_zero_default;
    return finite(left / right, [&] { return fmt::format("{}/{}", left, right); });
  }

  Result<double> power(const Node& node) const {
    const double base = ORTHANT_TRY(value_of(node.operands[0]));
    const double exponent = ORTHANT_TRY(value_of(node.operands[1]));
    return finite(std::pow(base, exponent), [&] { return fmt::format("{}^{}", base, exponent); });
  }

  Result<double> geo_distance(const Node& node) const {
    const auto place = geo_point_of(ORTHANT_TRY(single_value(node, point_)));
    if (!place) return wrong_type(node, "geo point");
    return geo_distance_m(node.expression->origin, *place);
  }

  Result<double> datetime(const Node& node) const {
    const auto text = string_of(ORTHANT_TRY(single_value(node, point_)));
    const auto microseconds = text ? parse_datetime_us(*text) : std::nullopt;
    if (!microseconds) return wrong_type(node, "datetime");
    return static_cast<double>(*microseconds) / 1e6;
  }

  Result<double> decay(const Node& node) const {
    const Expression& expression = *node.expression;
    const double x = ORTHANT_TRY(value_of(node.operands[0]));
    const double target = node.operands.size() > 1 ? ORTHANT_TRY(value_of(node.operands[1])) : 0;
    const double distance = std::abs(x - target);
    if (expression.kind == ExpressionKind::kLinearDecay) {
      return std::max(0.0, 1 - (1 - expression.midpoint) / expression.scale * distance);
    }
    const double scaled = distance / expression.scale;
    const double exponent = expression.kind == ExpressionKind::kGaussDecay ? scaled * scaled : scaled;
    return std::exp(std::log(expression.midpoint) * exponent);
  }

  static Result<double> function(ExpressionKind kind, double x) {
    switch (kind) {
      case ExpressionKind::kNegate: return -x;
      case ExpressionKind::kAbsolute: return std::abs(x);
      case ExpressionKind::kSquareRoot: return finite(std::sqrt(x), [x] { return fmt::format("sqrt({})", x); });
      case ExpressionKind::kExponential: return finite(std::exp(x), [x] { return fmt::format("exp({})", x); });
      case ExpressionKind::kLog10: return finite(std::log10(x), [x] { return fmt::format("log10({})", x); });
      case ExpressionKind::kLn: return finite(std::log(x), [x] { return fmt::format("ln({})", x); });
      default: return finite(std::acosh(x), [x] { return fmt::format("acosh({})", x); });
    }
  }

  const FormulaPoint& point_;
};

}  // namespace

struct FormulaEvaluator::Program {
  Node root;
};

FormulaEvaluator::FormulaEvaluator(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
FormulaEvaluator::FormulaEvaluator(FormulaEvaluator&&) noexcept = default;
FormulaEvaluator& FormulaEvaluator::operator=(FormulaEvaluator&&) noexcept = default;
FormulaEvaluator::~FormulaEvaluator() = default;

Result<FormulaEvaluator> FormulaEvaluator::compile(const Formula& formula, const TextFields& text_fields) {
  auto program = std::make_unique<Program>();
  program->root = ORTHANT_TRY(compile_node(formula.expression, formula, text_fields));
  return FormulaEvaluator(std::move(program));
}

Result<float> FormulaEvaluator::evaluate(const FormulaPoint& point) const {
  const double value = ORTHANT_TRY(Evaluation(point).value_of(program_->root));
  const auto score = static_cast<float>(value);
  if (!std::isfinite(score)) return not_finite(fmt::format("{} as f32 = {}", value, score));
  return score;
}

}  // namespace orthant
