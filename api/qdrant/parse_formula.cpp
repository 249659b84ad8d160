#include "api/qdrant/parse_formula.h"

#include <array>
#include <charconv>
#include <limits>

#include "api/qdrant/parse_filter.h"
#include "engine/payload/datetime.h"
#include "engine/payload/json_path.h"

namespace orthant::qdrant {
namespace {

constexpr std::string_view kScore = "$score";

Result<Expression> parse_expression(JsonValue value);

// The number of the prefetch that "$score" or "$score[2]" names; nothing for a key of the payload.
Result<std::optional<std::size_t>> score_source(JsonValue where, std::string_view text) {
  if (!text.starts_with(kScore)) return std::optional<std::size_t>();
  const std::string_view rest = text.substr(kScore.size());
  if (rest.empty()) return std::optional<std::size_t>(0);
  std::size_t source = 0;
  const bool bracketed = rest.size() > 2 && rest.front() == '[' && rest.back() == ']';
  const char* const begin = rest.data() + 1;
  const char* const end = rest.data() + rest.size() - 1;
  const auto parsed =
      bracketed ? std::from_chars(begin, end, source) : std::from_chars_result{nullptr, std::errc::invalid_argument};
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return where.format_error("Invalid score pattern: " + std::string(text) + ", expected $score or $score[0]");
  }
  return std::optional<std::size_t>(source);
}

Result<std::string> parse_key(JsonValue value) {
  std::string key = ORTHANT_TRY(value.as_string());
  if (!JsonPath::parse(key)) return value.format_error("Invalid json path: '" + key + "'");
  return key;
}

Result<Expression> parse_variable(JsonValue value) {
  const std::string text = ORTHANT_TRY(value.as_string());
  if (const auto source = ORTHANT_TRY(score_source(value, text))) {
    return Expression{.kind = ExpressionKind::kScore, .source = *source};
  }
  return Expression{.kind = ExpressionKind::kVariable, .key = ORTHANT_TRY(parse_key(value))};
}

Result<std::vector<Expression>> parse_list(JsonValue value) {
  ORTHANT_TRY(value.expect_array());
  std::vector<Expression> expressions;
  for (const JsonValue element : value.items()) expressions.push_back(ORTHANT_TRY(parse_expression(element)));
  return expressions;
}

// Functions of a list, and of one operand.
struct FunctionName {
  std::string_view name;
  ExpressionKind kind;
};
constexpr std::array kListFunctions = {FunctionName{"mult", ExpressionKind::kMultiply}, FunctionName{"sum", ExpressionKind::kSum},
                                       FunctionName{"max", ExpressionKind::kMaximum},
                                       FunctionName{"min", ExpressionKind::kMinimum}};
constexpr std::array kSingleFunctions = {
    FunctionName{"neg", ExpressionKind::kNegate},      FunctionName{"abs", ExpressionKind::kAbsolute},
    FunctionName{"sqrt", ExpressionKind::kSquareRoot}, FunctionName{"exp", ExpressionKind::kExponential},
    FunctionName{"log10", ExpressionKind::kLog10},     FunctionName{"ln", ExpressionKind::kLn},
    FunctionName{"acosh", ExpressionKind::kArcosh}};
constexpr std::array kDecays = {FunctionName{"lin_decay", ExpressionKind::kLinearDecay},
                                FunctionName{"exp_decay", ExpressionKind::kExponentialDecay},
                                FunctionName{"gauss_decay", ExpressionKind::kGaussDecay}};

Result<Expression> parse_division(JsonValue value) {
  Expression division = {.kind = ExpressionKind::kDivide};
  division.operands.push_back(ORTHANT_TRY(parse_expression(ORTHANT_TRY(value.require("left")))));
  division.operands.push_back(ORTHANT_TRY(parse_expression(ORTHANT_TRY(value.require("right")))));
  division.by_zero_default = ORTHANT_TRY(value.find_double("by_zero_default"));
  return division;
}

Result<Expression> parse_power(JsonValue value) {
  Expression power = {.kind = ExpressionKind::kPower};
  power.operands.push_back(ORTHANT_TRY(parse_expression(ORTHANT_TRY(value.require("base")))));
  power.operands.push_back(ORTHANT_TRY(parse_expression(ORTHANT_TRY(value.require("exponent")))));
  return power;
}

Result<Expression> parse_decay(JsonValue value, ExpressionKind kind) {
  Expression decay = {.kind = kind};
  decay.operands.push_back(ORTHANT_TRY(parse_expression(ORTHANT_TRY(value.require("x")))));
  if (const auto target = value.find("target")) decay.operands.push_back(ORTHANT_TRY(parse_expression(*target)));
  decay.scale = ORTHANT_TRY(value.find_double("scale")).value_or(decay.scale);
  decay.midpoint = ORTHANT_TRY(value.find_double("midpoint")).value_or(decay.midpoint);
  return decay;
}

Result<Expression> parse_geo_distance(JsonValue value) {
  Expression distance = {.kind = ExpressionKind::kGeoDistance};
  distance.origin = ORTHANT_TRY(parse_geo_point(ORTHANT_TRY(value.require("origin"))));
  distance.key = ORTHANT_TRY(parse_key(ORTHANT_TRY(value.require("to"))));
  return distance;
}

Result<Expression> parse_datetime(JsonValue value) {
  const std::string text = ORTHANT_TRY(value.as_string());
  const auto microseconds = parse_datetime_us(text);
  if (!microseconds) return value.format_error("Expected datetime in supported format for " + text);
  return Expression{.kind = ExpressionKind::kDatetime, .number = static_cast<double>(*microseconds) / 1e6};
}

Result<Expression> parse_object(JsonValue value) {
  for (const auto& [name, kind] : kListFunctions) {
    if (const auto operands = value.find(name)) return Expression{.kind = kind, .operands = ORTHANT_TRY(parse_list(*operands))};
  }
  for (const auto& [name, kind] : kSingleFunctions) {
    const auto operand = value.find(name);
    if (!operand) continue;
    Expression function = {.kind = kind};
    function.operands.push_back(ORTHANT_TRY(parse_expression(*operand)));
    return function;
  }
  for (const auto& [name, kind] : kDecays) {
    if (const auto decay = value.find(name)) return parse_decay(*decay, kind);
  }
  if (const auto division = value.find("div")) return parse_division(*division);
  if (const auto power = value.find("pow")) return parse_power(*power);
  if (const auto distance = value.find("geo_distance")) return parse_geo_distance(*distance);
  if (const auto datetime = value.find("datetime")) return parse_datetime(*datetime);
  if (const auto key = value.find("datetime_key")) {
    return Expression{.kind = ExpressionKind::kDatetimeKey, .key = ORTHANT_TRY(parse_key(*key))};
  }
  return Expression{.kind = ExpressionKind::kCondition, .condition = ORTHANT_TRY(parse_condition(value))};
}

Result<Expression> parse_expression(JsonValue value) {
  if (value.is_number()) return Expression{.kind = ExpressionKind::kConstant, .number = ORTHANT_TRY(value.as_double())};
  if (value.is_string()) return parse_variable(value);
  if (value.is_object()) return parse_object(value);
  return value.expected("a number, a variable, a condition or a function");
}

}  // namespace

Result<Formula> parse_formula(JsonValue query) {
  Formula formula;
  formula.expression = ORTHANT_TRY(parse_expression(ORTHANT_TRY(query.require("formula"))));
  const auto defaults = query.find("defaults");
  if (!defaults) return formula;
  ORTHANT_TRY(defaults->expect_object());
  for (const JsonValue value : defaults->items()) {
    const std::string key = value.key();
    if (const auto source = ORTHANT_TRY(score_source(value, key))) {
      formula.score_defaults[*source] = ORTHANT_TRY(value.as_double());
    } else {
      formula.defaults[key] = std::string(value.raw());
    }
  }
  return formula;
}

}  // namespace orthant::qdrant
