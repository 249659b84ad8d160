#include "api/cli/quantization_report.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/cli/quantization_plan.h"
#include "api/json/json_writer.h"
#include "base/cpu.h"

namespace orthant {
namespace {

constexpr std::array kSeries = {WeightPrecision::kFloat32, WeightPrecision::kBfloat16, WeightPrecision::kFloat16,
                                WeightPrecision::kInt8,    WeightPrecision::kInt4,     WeightPrecision::kNf4};

double mebibytes(std::size_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

double share(double part, double whole) {
  return whole > 0 ? part / whole : 1;
}

std::string joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, ", "));
}

// "encoder.layer." says nothing that the number does not.
std::string short_name(const std::string& name) {
  constexpr std::string_view kPrefix = "encoder.layer.";
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

void append_shift(JsonWriter& json, const EmbeddingShift& shift) {
  json.begin_object();
  json.key("mean_cosine").number(1 - shift.mean_distance);
  json.key("min_cosine").number(1 - shift.max_distance);
  json.key("score_variance").number(shift.score_variance);
  json.key("neighbour_overlap@10").number(shift.overlap_at_10);
  json.key("neighbour_ndcg@10").number(shift.neighbour_ndcg_at_10);
  json.end_object();
}

void append_figures(JsonWriter& json, const QuantizedFigures& figures, const QuantizedFigures& before) {
  json.begin_object();
  json.key("linear_bytes").number(figures.linear_bytes);
  json.key("model_bytes").number(figures.model_bytes);
  json.key("query_ms").number(figures.latency.query * 1e3);
  json.key("passage_ms").number(figures.latency.passage * 1e3);
  json.key("relative_linear_bytes")
      .number(share(static_cast<double>(figures.linear_bytes), static_cast<double>(before.linear_bytes)));
  json.key("relative_query_time").number(share(figures.latency.query, before.latency.query));
  json.key("relative_passage_time").number(share(figures.latency.passage, before.latency.passage));
  json.key("shift");
  append_shift(json, figures.shift);
  json.end_object();
}

void append_layer(JsonWriter& json, const LayerReport& layer) {
  json.begin_object();
  json.key("layer").string(layer.name);
  json.key("outputs").number(layer.outputs);
  json.key("inputs").number(layer.inputs);
  json.key("precision").string(weight_precision_name(layer.scheme.precision));
  json.key("parameters");
  append_parameters(json, layer.scheme);
  json.key("bytes").number(layer.memory_bytes);
  json.key("sensitivity").number(layer.sensitivity);
  json.key("alone");
  append_shift(json, layer.shift);
  json.key("rounding_error").number(layer.error.rounding);
  json.key("clipping_error").number(layer.error.clipping);
  json.key("clipped_share").number(layer.error.clipped_share);
  json.key("relative_weight_error").number(layer.error.relative);
  json.key("relative_output_error").number(layer.error.relative_output);
  json.key("tried").begin_object();
  for (const auto& [precision, shift] : layer.tried) {
    json.key(weight_precision_name(precision));
    append_shift(json, shift);
  }
  json.end_object();
  json.end_object();
}

void append_criterion(JsonWriter& json, const CriterionOutcome& criterion) {
  json.key("accuracy_criterion").begin_object();
  json.key("tolerated_loss").number(criterion.tolerated_loss);
  json.key("measure").string(criterion.measure);
  json.key("retention").number(criterion.retention);
  json.key("steps_back").begin_array();
  for (const StepBack& step : criterion.steps) {
    json.begin_object();
    json.key("layer").string(step.layer);
    json.key("from").string(weight_precision_name(step.from));
    json.key("to").string(weight_precision_name(step.to));
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void append_retrieval(JsonWriter& json, const RetrievalFigures& retrieval) {
  json.key("retrieval").begin_object();
  json.key("set").string(retrieval.set);
  json.key("split").string(retrieval.split);
  json.key("documents").number(retrieval.documents);
  json.key("queries").number(retrieval.queries);
  json.key("float_ndcg@10").number(retrieval.float_ndcg_at_10);
  json.key("ndcg@10").number(retrieval.ndcg_at_10);
  json.key("retention").number(retrieval.retention());
  json.end_object();
}

std::string figures_line(const char* name, double before, double after, const char* unit) {
  return fmt::format("{:<26}{:>10.2f} {:<4}{:>10.2f} {:<4}{:>8.1f} %\n", name, before, unit, after, unit,
                     share(after, before) * 100);
}

}  // namespace

std::string layers_table(const QuantizationOutcome& outcome) {
  std::string text = fmt::format("{:<38}{:>12}  {:<10}{:>11}{:>11}{:>11}{:>10}{:>11}{:>11}{:>11}\n", "layer", "shape", "precision",
                                 "KiB", "share", "1-cosine", "overlap", "rounding", "clipping", "output");
  for (const LayerReport& layer : outcome.layers) {
    text += fmt::format("{:<38}{:>12}  {:<10}{:>11.1f}{:>9.1f} %{:>11.2e}{:>10.4f}{:>11.2e}{:>11.2e}{:>11.2e}\n",
                        short_name(layer.name), fmt::format("{} x {}", layer.outputs, layer.inputs),
                        weight_precision_name(layer.scheme.precision), static_cast<double>(layer.memory_bytes) / 1024,
                        layer.sensitivity * 100, layer.shift.mean_distance, layer.shift.overlap_at_10, layer.error.rounding,
                        layer.error.clipping, layer.error.relative_output);
  }
  return text +
         "\nshare: of the harm that the coarsest precision tried does over all layers. 1-cosine, overlap: embeddings, and ten "
         "nearest\n"
         "neighbours among the texts, with this layer alone quantized. rounding, clipping: mean squared errors of the weights.\n"
         "output: squared error of the layer's outputs on the calibration texts, relative.\n";
}

std::string figures_table(const QuantizationOutcome& outcome) {
  const QuantizedFigures& before = outcome.before;
  const QuantizedFigures& after = outcome.after;
  std::string text = fmt::format("\n{:<26}{:>15}{:>15}\n", "", "float32", "quantized");
  text += figures_line("linear layers", mebibytes(before.linear_bytes), mebibytes(after.linear_bytes), "MiB");
  text += figures_line("whole model", mebibytes(before.model_bytes), mebibytes(after.model_bytes), "MiB");
  text += figures_line("a text of 12 tokens", before.latency.query * 1e3, after.latency.query * 1e3, "ms");
  text += figures_line("a text of 112 tokens", before.latency.passage * 1e3, after.latency.passage * 1e3, "ms");
  text += fmt::format("{:<26}{:>29.5f}  (least {:.5f}, {} texts)\n", "cosine to float32", 1 - after.shift.mean_distance,
                      1 - after.shift.max_distance, outcome.measured_texts);
  text += fmt::format("{:<26}{:>29.4f}  (weighed by rank {:.4f})\n", "neighbour overlap@10", after.shift.overlap_at_10,
                      after.shift.neighbour_ndcg_at_10);
  if (const auto& retrieval = outcome.retrieval) {
    text += fmt::format("{:<26}{:>10.4f}     {:>10.4f}     {:>8.1f} %  ({}, {})\n", "nDCG@10", retrieval->float_ndcg_at_10,
                        retrieval->ndcg_at_10, retrieval->retention() * 100, retrieval->set, retrieval->split);
  }
  return text;
}

std::string report_json(const QuantizationOutcome& outcome) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("model").string(outcome.model);
  json.key("scheme").string(outcome.scheme);
  json.key("budgets").begin_array();
  for (const std::string& budget : outcome.budgets) json.string(budget);
  json.end_array();
  json.key("cpu").string(cpu_model_name());
  json.key("cpu_level").string(cpu_level_name(cpu_level()));
  json.key("calibration_texts").number(outcome.calibration_texts);
  json.key("measured_texts").number(outcome.measured_texts);
  json.key("seconds").number(outcome.seconds);
  json.key("float32");
  append_figures(json, outcome.before, outcome.before);
  json.key("quantized");
  append_figures(json, outcome.after, outcome.before);
  if (outcome.criterion) append_criterion(json, *outcome.criterion);
  if (outcome.retrieval) append_retrieval(json, *outcome.retrieval);
  json.key("layers").begin_array();
  for (const LayerReport& layer : outcome.layers) append_layer(json, layer);
  json.end_array();
  json.end_object();
  return text + '\n';
}

BarChart report_chart(const QuantizationOutcome& outcome) {
  BarChart chart;
  chart.title =
      fmt::format("{}: {}{}{}", outcome.model, outcome.scheme, outcome.budgets.empty() ? "" : ", ", joined(outcome.budgets));
  const QuantizedFigures& before = outcome.before;
  const QuantizedFigures& after = outcome.after;
  chart.lines.push_back(fmt::format(
      "Linear layers {:.1f} MiB, {:.1f} % of float32. Time {:.1f} % (12 tokens), {:.1f} % (112 tokens).",
      mebibytes(after.linear_bytes), share(static_cast<double>(after.linear_bytes), static_cast<double>(before.linear_bytes)) * 100,
      share(after.latency.query, before.latency.query) * 100, share(after.latency.passage, before.latency.passage) * 100));
  std::string quality = fmt::format("Cosine to float32 {:.4f} (least {:.4f}), neighbour overlap@10 {:.3f}",
                                    1 - after.shift.mean_distance, 1 - after.shift.max_distance, after.shift.overlap_at_10);
  if (const auto& retrieval = outcome.retrieval)
    quality += fmt::format(", nDCG@10 retention {:.1f} %", retrieval->retention() * 100);
  chart.lines.push_back(quality + ".");
  chart.axis = "Sensitivity: share of the harm done by the coarsest precision tried, % (all layers: 100)";
  for (const WeightPrecision precision : kSeries) chart.series.emplace_back(weight_precision_name(precision));
  for (const LayerReport& layer : outcome.layers) {
    const auto series = static_cast<std::size_t>(std::ranges::find(kSeries, layer.scheme.precision) - kSeries.begin());
    chart.bars.push_back(
        {short_name(layer.name), layer.sensitivity * 100, series, std::string(weight_precision_name(layer.scheme.precision))});
  }
  return chart;
}

}  // namespace orthant
