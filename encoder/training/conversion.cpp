#include "encoder/training/conversion.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "encoder/quantize/quantize.h"

namespace orthant {
namespace {

Result<std::unique_ptr<ModelQuantizer>> load_quantizer(const ConversionTask& task) {
  QuantizerOptions options;
  options.folder = task.model;
  options.name = task.model.filename().string();
  options.max_seq_length = task.max_seq_length;
  for (const PurposedText& text : task.texts) options.texts.emplace_back(text.text);
  options.schemes = {{.precision = WeightPrecision::kBfloat16}, {.precision = WeightPrecision::kInt8}};
  return ModelQuantizer::load(std::move(options), nullptr);
}

// Queries and documents may have prompts of their own.
Result<at::Tensor> rows_of(const ModelQuantizer& quantizer, std::span<const PurposedText> texts) {
  at::Tensor rows;
  for (std::size_t first = 0; first < texts.size();) {
    std::vector<std::string> run;
    const Purpose purpose = texts[first].purpose;
    for (; first < texts.size() && texts[first].purpose == purpose; ++first) run.emplace_back(texts[first].text);
    const EmbeddingMatrix made = ORTHANT_TRY(quantizer.embed(run, purpose));
    const at::Tensor part = tensor_from(made.values, {static_cast<std::int64_t>(made.rows), static_cast<std::int64_t>(made.dim)});
    rows = rows.defined() ? at::cat({rows, part}, 0) : part;
  }
  return rows;
}

std::string step_text(const StepBack& step) {
  return fmt::format("{} from {} to {}", step.layer, weight_precision_name(step.from), weight_precision_name(step.to));
}

std::unexpected<Error> refusal(const ConversionTask& task, const ConversionReport& report, std::string_view why) {
  return fail(ErrorCode::kFailedPrecondition,
              fmt::format("convert: the dev set's {} is {:.4f} in integers and {:.4f} in float32: more is lost than the {:.2f} % "
                          "that are tolerated{}; the float model is {}",
                          task.metric, report.converted_score, task.float_score, task.options.tolerable_loss * 100, why,
                          task.model.string()));
}

// Gives bits back until the dev set is content.
Status keep_loss(const ConversionTask& task, ModelQuantizer& quantizer, DevSet& dev, ConversionReport& report) {
  const double least = task.float_score * (1 - task.options.tolerable_loss);
  while (true) {
    report.converted_score = dev.score_rows(ORTHANT_TRY(rows_of(quantizer, dev.texts()))).of(task.metric);
    if (report.converted_score >= least) return {};
    if (!task.options.step_back) return refusal(task, report, "");
    const auto step = ORTHANT_TRY(quantizer.step_back({}));
    if (!step) return refusal(task, report, " and no layer can get bits back");
    report.steps_back.push_back(step_text(*step));
  }
}

void add_cosines(const at::Tensor& training_rows, const at::Tensor& rows, ConversionReport& report) {
  const at::Tensor cosines = at::cosine_similarity(training_rows, rows, 1, 1e-12);
  report.mean_cosine = cosines.mean().item<double>();
  report.least_cosine = cosines.min().item<double>();
}

}  // namespace

Result<ConversionReport> convert_model(const ConversionTask& task, DevSet& dev) {
  const NoGradients guard;
  const auto quantizer = ORTHANT_TRY(load_quantizer(task));
  ORTHANT_TRY(quantizer->choose_weights(task.layers, {}));
  ConversionReport report;
  report.folder = task.target;
  report.float_score = task.float_score;
  report.training_score = task.training_score;
  report.converted_score = std::numeric_limits<double>::quiet_NaN();
  add_cosines(task.training_rows, ORTHANT_TRY(rows_of(*quantizer, task.texts)), report);
  if (!dev.empty()) ORTHANT_TRY(keep_loss(task, *quantizer, dev, report));
  std::error_code error;
  std::filesystem::remove_all(task.target, error);
  if (error) return io_error(fmt::format("{}: {}", task.target.string(), error.message()));
  ORTHANT_TRY(quantizer->write(EmbeddingForm::kAsStored, task.target));
  return report;
}

}  // namespace orthant
