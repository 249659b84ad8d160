#include "engine/query/formula.h"

#include <cmath>

#include <gtest/gtest.h>

namespace orthant::test {
namespace {

using Kind = ExpressionKind;

Expression constant(double number) {
  return {.kind = Kind::kConstant, .number = number};
}
Expression variable(std::string key) {
  return {.kind = Kind::kVariable, .key = std::move(key)};
}
Expression of(Kind kind, std::vector<Expression> operands) {
  return {.kind = kind, .operands = std::move(operands)};
}

struct Point {
  std::string payload = "{}";
  std::vector<std::optional<float>> scores{};
};

Result<float> evaluate(const Formula& formula, const Point& point = {}) {
  const auto evaluator = FormulaEvaluator::compile(formula);
  if (!evaluator) return std::unexpected<Error>(evaluator.error());
  const std::function<bool(std::string_view)> has_vector = [](std::string_view name) { return name == "there"; };
  return evaluator->evaluate({PointId::number(7), point.payload, point.scores, has_vector});
}

Result<float> evaluate(Expression expression, const Point& point = {}) {
  return evaluate(Formula{.expression = std::move(expression)}, point);
}

void expect_value(Expression expression, double expected, const Point& point = {}) {
  const auto found = evaluate(std::move(expression), point);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_NEAR(*found, expected, 1e-5 * (1 + std::abs(expected)));
}

void expect_refused(Expression expression, std::string_view text, const Point& point = {}) {
  const auto found = evaluate(std::move(expression), point);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(found.error().message.find(text), std::string::npos) << found.error().message;
}

TEST(Formula, CalculatesWithEveryFunction) {
  expect_value(of(Kind::kSum, {constant(1), constant(2.5), constant(-0.25)}), 3.25);
  expect_value(of(Kind::kMultiply, {constant(3), constant(-2), constant(0.5)}), -3);
  expect_value(of(Kind::kMaximum, {constant(3), constant(8), constant(5)}), 8);
  expect_value(of(Kind::kMinimum, {constant(3), constant(-8), constant(5)}), -8);
  expect_value(of(Kind::kNegate, {constant(3)}), -3);
  expect_value(of(Kind::kAbsolute, {constant(-3)}), 3);
  expect_value(of(Kind::kDivide, {constant(3), constant(4)}), 0.75);
  expect_value(of(Kind::kSquareRoot, {constant(9)}), 3);
  expect_value(of(Kind::kPower, {constant(2), constant(10)}), 1024);
  expect_value(of(Kind::kExponential, {constant(2)}), std::exp(2));
  expect_value(of(Kind::kLog10, {constant(1000)}), 3);
  expect_value(of(Kind::kLn, {constant(10)}), std::log(10));
  expect_value(of(Kind::kArcosh, {constant(2)}), std::acosh(2));
  expect_value(of(Kind::kSum, {}), 0);
  expect_value(of(Kind::kMultiply, {}), 1);
}

TEST(Formula, ReadsScoresOfPrefetches) {
  const Point point = {.scores = {0.5F, std::nullopt}};
  expect_value({.kind = Kind::kScore, .source = 0}, 0.5, point);
  expect_value({.kind = Kind::kScore, .source = 1}, 0, point);
  expect_value({.kind = Kind::kScore, .source = 9}, 0, point);
  const Formula formula = {.expression = {.kind = Kind::kScore, .source = 1}, .defaults = {}, .score_defaults = {{1, 0.25}}};
  EXPECT_FLOAT_EQ(evaluate(formula, point).value(), 0.25F);
}

TEST(Formula, ReadsNumbersOfThePayload) {
  const Point point = {.payload = R"({"a": {"b": 4}, "one": [2.5], "several": [1, 2], "text": "x", "none": null, "empty": []})"};
  expect_value(variable("a.b"), 4, point);
  expect_value(variable("one"), 2.5, point);
  expect_value(variable("several[1]"), 2, point);
  expect_refused(variable("several"), "several", point);
  expect_refused(variable("text"), "Expected number value for text", point);
  expect_refused(variable("none"), "No value found for none in the payload nor the formula defaults", point);
  expect_refused(variable("missing"), "No value found for missing in the payload nor the formula defaults", point);
  expect_refused(variable("empty"), "No value found for empty", point);
  expect_refused(variable("a..b"), "Invalid json path", point);
}

TEST(Formula, TakesDefaultsForMissingValues) {
  Formula formula = {.expression = variable("missing"), .defaults = {{"missing", "3"}}, .score_defaults = {}};
  EXPECT_FLOAT_EQ(evaluate(formula).value(), 3);
  formula.defaults["missing"] = "[4]";
  EXPECT_FLOAT_EQ(evaluate(formula).value(), 4);
  formula.defaults["missing"] = "[]";
  EXPECT_FALSE(evaluate(formula));
  formula.defaults["missing"] = R"("text")";
  EXPECT_FALSE(evaluate(formula));
}

TEST(Formula, CountsAConditionAsOneOrZero) {
  const Expression berlin = {.kind = Kind::kCondition, .condition = FieldCondition{"city", MatchValue{std::string("Berlin")}}};
  expect_value(berlin, 1, {.payload = R"({"city": ["Paris", "Berlin"]})"});
  expect_value(berlin, 0, {.payload = R"({"city": "Paris"})"});
  expect_value({.kind = Kind::kCondition, .condition = HasId{{PointId::number(7)}}}, 1);
  expect_value({.kind = Kind::kCondition, .condition = HasVector{"there"}}, 1);
  expect_value({.kind = Kind::kCondition, .condition = HasVector{"absent"}}, 0);
}

TEST(Formula, StopsAtAFactorOfZero) {
  expect_value(of(Kind::kMultiply, {constant(0), variable("missing")}), 0);
  expect_refused(of(Kind::kMultiply, {constant(1), variable("missing")}), "missing");
  expect_value(of(Kind::kDivide, {constant(0), constant(0)}), 0);
}

TEST(Formula, DividesByZeroWhereADefaultIsGiven) {
  Expression division = of(Kind::kDivide, {constant(1), constant(0)});
  expect_refused(division, "non-finite");
  division.by_zero_default = 5;
  expect_value(division, 5);
}

TEST(Formula, RefusesResultsThatAreNotFinite) {
  expect_refused(of(Kind::kSquareRoot, {constant(-1)}), "non-finite");
  expect_refused(of(Kind::kLn, {constant(0)}), "non-finite");
  expect_refused(of(Kind::kLog10, {constant(-2)}), "non-finite");
  expect_refused(of(Kind::kExponential, {constant(1000)}), "non-finite");
  expect_refused(of(Kind::kPower, {constant(-2), constant(0.5)}), "non-finite");
  expect_refused(of(Kind::kArcosh, {constant(0.5)}), "non-finite");
  expect_refused(constant(1e39), "non-finite");
}

TEST(Formula, MeasuresDistancesOnTheGlobe) {
  const Expression distance = {.kind = Kind::kGeoDistance, .key = "place", .origin = {52.52, 13.405}};
  // Berlin to Paris.
  const auto found = evaluate(distance, {.payload = R"({"place": {"lat": 48.8566, "lon": 2.3522}})"});
  EXPECT_NEAR(found.value(), 877'463, 500);
  expect_refused(distance, "Expected geo point value for place", {.payload = R"({"place": 3})"});
}

TEST(Formula, CountsTimeInSeconds) {
  expect_value({.kind = Kind::kDatetimeKey, .key = "at"}, 86'400, {.payload = R"({"at": "1970-01-02T00:00:00Z"})"});
  expect_refused({.kind = Kind::kDatetimeKey, .key = "at"}, "Expected datetime value for at", {.payload = R"({"at": "soon"})"});
}

TEST(Formula, DecaysToTheMidpointAtTheScale) {
  for (const Kind kind : {Kind::kLinearDecay, Kind::kExponentialDecay, Kind::kGaussDecay}) {
    Expression decay = of(kind, {constant(5), constant(5)});
    decay.scale = 4;
    decay.midpoint = 0.3;
    expect_value(decay, 1);
    decay.operands[0] = constant(9);
    expect_value(decay, 0.3);
    decay.operands[0] = constant(1);
    expect_value(decay, 0.3);
  }
  Expression linear = of(Kind::kLinearDecay, {constant(50)});
  expect_value(linear, 0);
  Expression gauss = of(Kind::kGaussDecay, {constant(2)});
  expect_value(gauss, std::pow(0.5, 4));
  Expression exponential = of(Kind::kExponentialDecay, {constant(2)});
  expect_value(exponential, std::pow(0.5, 2));
}

TEST(Formula, RefusesDecaysOutOfTheirRange) {
  Expression decay = of(Kind::kGaussDecay, {constant(1)});
  decay.midpoint = 1;
  expect_refused(decay, "midpoint");
  decay.midpoint = 0.5;
  decay.scale = 0;
  expect_refused(decay, "Scale");
  Expression linear = of(Kind::kLinearDecay, {constant(1)});
  linear.midpoint = 1;
  expect_value(linear, 1);
  linear.midpoint = -0.1;
  expect_refused(linear, "midpoint");
}

TEST(Formula, RefusesMissingOperands) {
  expect_refused(of(Kind::kDivide, {constant(1)}), "operands");
  expect_refused(of(Kind::kMaximum, {}), "operands");
}

}  // namespace
}  // namespace orthant::test
