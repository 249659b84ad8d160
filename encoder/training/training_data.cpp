#include "encoder/training/training_data.h"

#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include "base/trimmed.h"

namespace orthant {
namespace {

constexpr std::array<std::string_view, 4> kKindNames = {"pairs", "scored", "labels", "texts"};
constexpr std::size_t kMaxNegatives = 64;
constexpr double kMaxLabel = 1e6;

using Names = std::initializer_list<std::string_view>;

Result<std::string> usable_text(std::string_view text, std::string_view field) {
  const std::string_view kept = trimmed(text);
  if (kept.empty()) return invalid_argument(fmt::format("{}: empty", field));
  return std::string(kept);
}

std::optional<simdjson::dom::element> find_field(simdjson::dom::object object, Names names) {
  for (const std::string_view name : names) {
    simdjson::dom::element value;
    if (object[name].get(value) == simdjson::SUCCESS) return value;
  }
  return std::nullopt;
}

Result<std::string> text_field(simdjson::dom::object object, Names names) {
  const std::string_view main = *names.begin();
  const auto value = find_field(object, names);
  if (!value) return invalid_argument(fmt::format("no \"{}\"", main));
  std::string_view text;
  if (value->get_string().get(text) != simdjson::SUCCESS) return invalid_argument(fmt::format("{}: expected a text", main));
  return usable_text(text, main);
}

Result<double> number_field(simdjson::dom::object object, Names names) {
  const auto value = find_field(object, names);
  double number = 0;
  if (!value || value->get_double().get(number) != simdjson::SUCCESS) {
    return invalid_argument(fmt::format("{}: expected a number", *names.begin()));
  }
  return number;
}

Result<std::uint32_t> checked_label(double number) {
  if (number >= 0 && number < kMaxLabel && number == std::floor(number)) return static_cast<std::uint32_t>(number);
  return invalid_argument(fmt::format("label: found {}, expected a whole number from 0", number));
}

Status add_negatives(simdjson::dom::object object, std::vector<std::string>& texts) {
  const auto value = find_field(object, {"negatives", "negative", "neg"});
  if (!value) return {};
  std::string_view single;
  simdjson::dom::array several;
  if (value->get_string().get(single) == simdjson::SUCCESS) {
    texts.push_back(ORTHANT_TRY(usable_text(single, "negatives")));
    return {};
  }
  if (value->get_array().get(several) != simdjson::SUCCESS) return invalid_argument("negatives: expected texts");
  if (several.size() > kMaxNegatives) {
    return invalid_argument(fmt::format("negatives: {}, at most {} are taken", several.size(), kMaxNegatives));
  }
  for (const simdjson::dom::element entry : several) {
    if (entry.get_string().get(single) != simdjson::SUCCESS) return invalid_argument("negatives: expected texts");
    texts.push_back(ORTHANT_TRY(usable_text(single, "negatives")));
  }
  return {};
}

Result<TrainingExample> from_object(simdjson::dom::object object, ExampleKind kind) {
  TrainingExample example;
  switch (kind) {
    case ExampleKind::kPairs:
      example.texts.push_back(ORTHANT_TRY(text_field(object, {"query", "anchor", "question"})));
      example.texts.push_back(ORTHANT_TRY(text_field(object, {"positive", "document", "answer", "pos"})));
      ORTHANT_TRY(add_negatives(object, example.texts));
      return example;
    case ExampleKind::kScored:
      example.texts.push_back(ORTHANT_TRY(text_field(object, {"a", "sentence1"})));
      example.texts.push_back(ORTHANT_TRY(text_field(object, {"b", "sentence2"})));
      example.score = ORTHANT_TRY(number_field(object, {"score"}));
      return example;
    case ExampleKind::kLabels:
      example.texts.push_back(ORTHANT_TRY(text_field(object, {"text", "sentence"})));
      example.label = ORTHANT_TRY(checked_label(ORTHANT_TRY(number_field(object, {"label"}))));
      return example;
    case ExampleKind::kTexts: example.texts.push_back(ORTHANT_TRY(text_field(object, {"text"}))); return example;
  }
  return example;
}

std::vector<std::string_view> columns_of(std::string_view line) {
  std::vector<std::string_view> columns;
  while (true) {
    const std::size_t tab = line.find('\t');
    columns.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return columns;
    line.remove_prefix(tab + 1);
  }
}

Result<double> parse_number(std::string_view text, std::string_view field) {
  const std::string_view kept = trimmed(text);
  double number = 0;
  const auto [end, error] = std::from_chars(kept.data(), kept.data() + kept.size(), number);
  if (error == std::errc() && end == kept.data() + kept.size() && std::isfinite(number)) return number;
  return invalid_argument(fmt::format("{}: found \"{}\", expected a number", field, kept));
}

Status check_columns(std::size_t found, std::size_t least, std::size_t most) {
  if (found >= least && found <= most) return {};
  return invalid_argument(
      fmt::format("{} columns, expected {}", found, least == most ? fmt::format("{}", least) : fmt::format("{} or more", least)));
}

std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace

Result<ExampleKind> parse_example_kind(std::string_view name) {
  for (std::size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] == name) return static_cast<ExampleKind>(i);
  }
  return invalid_argument(fmt::format("kind of data: found \"{}\", expected {}", name, fmt::join(kKindNames, ", ")));
}

std::string_view example_kind_name(ExampleKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

Result<TrainingExample> parse_json_example(std::string_view line, ExampleKind kind) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto error = parser.parse(line.data(), line.size()).get(root)) {
    return invalid_argument(fmt::format("no JSON: {}", simdjson::error_message(error)));
  }
  std::string_view text;
  if (kind == ExampleKind::kTexts && root.get_string().get(text) == simdjson::SUCCESS) {
    return TrainingExample{{ORTHANT_TRY(usable_text(text, "text"))}};
  }
  simdjson::dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) return invalid_argument("expected a JSON object");
  return from_object(object, kind);
}

Result<TrainingExample> parse_tab_example(std::string_view line, ExampleKind kind) {
  TrainingExample example;
  if (kind == ExampleKind::kTexts) {
    example.texts.push_back(ORTHANT_TRY(usable_text(line, "text")));
    return example;
  }
  const std::vector<std::string_view> columns = columns_of(line);
  if (kind == ExampleKind::kPairs) {
    ORTHANT_TRY(check_columns(columns.size(), 2, 2 + kMaxNegatives));
    for (const std::string_view column : columns) example.texts.push_back(ORTHANT_TRY(usable_text(column, "text")));
    return example;
  }
  const std::size_t texts = kind == ExampleKind::kScored ? 2 : 1;
  ORTHANT_TRY(check_columns(columns.size(), texts + 1, texts + 1));
  for (std::size_t i = 0; i < texts; ++i) example.texts.push_back(ORTHANT_TRY(usable_text(columns[i], "text")));
  const double number = ORTHANT_TRY(parse_number(columns[texts], kind == ExampleKind::kScored ? "score" : "label"));
  if (kind == ExampleKind::kScored) {
    example.score = number;
  } else {
    example.label = ORTHANT_TRY(checked_label(number));
  }
  return example;
}

std::vector<std::uint32_t> shuffled_order(std::size_t count, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + epoch;
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[splitmix64(state) % i]);
  return order;
}

}  // namespace orthant
