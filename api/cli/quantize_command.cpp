// orthant quantize: a float model folder to one whose linear layers take fewer bits, with what that costs.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include "api/cli/commands.h"
#include "api/cli/document_reader.h"
#include "api/cli/progress.h"
#include "api/cli/quantization_plan.h"
#include "api/cli/quantization_report.h"
#include "api/cli/retention.h"
#include "base/thread_pool.h"
#include "base/whole_file.h"
#include "encoder/calibration_texts.h"
#include "encoder/encoder_registry.h"
#include "encoder/quantize/quantize.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

// What --accuracy-criterion measures on again and again: a part of the train split.
constexpr RetrievalTrial::Limits kCriterionLimits{.queries = 200, .documents_per_query = 30};

struct QuantizeArguments {
  std::string model;
  std::string scheme;
  std::string plan_file;
  std::string calibration_file;
  std::vector<std::string> budgets;
  std::size_t group_size = 64;
  bool symmetric = false;
  bool no_rotation = false;
  double smooth = 0;
  std::string activations = "mse";
  std::string embeddings = "stored";
  std::optional<double> tolerated_loss;
  std::string eval_folder;
  std::string out;
};

LayerScheme int8_scheme(const QuantizeArguments& arguments) {
  return {.precision = WeightPrecision::kInt8, .rotate = !arguments.no_rotation, .balance = arguments.smooth};
}

LayerScheme int4_scheme(const QuantizeArguments& arguments, bool gptq) {
  LayerScheme scheme = int8_scheme(arguments);
  scheme.precision = WeightPrecision::kInt4;
  scheme.gptq = gptq;
  scheme.group_size = arguments.group_size;
  scheme.int4_scheme = arguments.symmetric ? Int4Scheme::kSymmetric : Int4Scheme::kAffine;
  return scheme;
}

LayerScheme plain_scheme(WeightPrecision precision) {
  return {.precision = precision};
}

// Finest first: the last one is what the user named, the others are the steps back from it.
Result<std::vector<LayerScheme>> schemes_for(const QuantizeArguments& arguments) {
  const LayerScheme brain = plain_scheme(WeightPrecision::kBfloat16);
  const LayerScheme int8 = int8_scheme(arguments);
  if (arguments.scheme == "bfloat16") return std::vector{brain};
  if (arguments.scheme == "float16") return std::vector{plain_scheme(WeightPrecision::kFloat16)};
  if (arguments.scheme == "int8") return std::vector{brain, int8};
  if (arguments.scheme == "int8-static") {
    LayerScheme fixed = int8;
    fixed.activations = ORTHANT_TRY(parse_activation_scale(arguments.activations));
    return std::vector{brain, fixed};
  }
  if (arguments.scheme == "nf4") return std::vector{brain, int8, plain_scheme(WeightPrecision::kNf4)};
  return std::vector{brain, int8, int4_scheme(arguments, arguments.scheme != "int4")};
}

Status check_combinations(const QuantizeArguments& arguments) {
  if (arguments.scheme == "mixed" && arguments.budgets.empty()) {
    return invalid_argument("--scheme mixed needs a --budget: without one nothing would be quantized");
  }
  if (arguments.scheme != "mixed" && !arguments.budgets.empty()) {
    return invalid_argument(fmt::format("--budget chooses precisions, but --{} has chosen them: use --scheme mixed",
                                        arguments.plan_file.empty() ? "scheme " + arguments.scheme : "plan"));
  }
  std::error_code ignored;
  if (fs::exists(arguments.out, ignored)) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("--out {}: there is something already", arguments.out));
  }
  if (!arguments.eval_folder.empty() && !fs::is_directory(arguments.eval_folder, ignored)) {
    return not_found(fmt::format("--eval {}: no such folder", arguments.eval_folder));
  }
  return {};
}

Result<std::vector<std::string>> read_texts(const std::string& file) {
  std::vector<std::string> texts;
  if (file.empty()) {
    for (const std::string_view text : calibration_texts()) texts.emplace_back(text);
    return texts;
  }
  TextReader reader = ORTHANT_TRY(TextReader::open(file));
  while (auto text = ORTHANT_TRY(reader.next())) {
    if (!text->empty()) texts.push_back(*std::move(text));
  }
  return texts;
}

// One run of the command.
class Quantization {
 public:
  explicit Quantization(const QuantizeArguments& arguments)
      : arguments_(arguments), pool_("quantize", std::max(2U, std::thread::hardware_concurrency()) - 1, 256) {}

  Result<int> run() {
    ORTHANT_TRY(check_combinations(arguments_));
    ORTHANT_TRY(load());
    ORTHANT_TRY(prepare_retrieval());
    ORTHANT_TRY(choose());
    if (arguments_.tolerated_loss && !ORTHANT_TRY(keep_criterion())) return kExitFailure;
    ORTHANT_TRY(measure());
    ORTHANT_TRY(write());
    return kExitSuccess;
  }

 private:
  Status load();
  Status prepare_retrieval();
  Status choose();
  Result<double> retention() const;
  Result<bool> keep_criterion();
  Status measure();
  Status write() const;

  const QuantizeArguments& arguments_;
  ThreadPool pool_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::unique_ptr<ModelQuantizer> quantizer_;
  std::vector<Budget> budgets_;
  std::optional<QuantizationPlan> plan_;
  std::optional<RetrievalTrial> tuning_;     // for the criterion
  std::optional<RetrievalTrial> retrieval_;  // for the report alone
  QuantizationOutcome outcome_;
};

Status Quantization::load() {
  for (const std::string& budget : arguments_.budgets) budgets_.push_back(ORTHANT_TRY(parse_budget(budget)));
  QuantizerOptions options;
  if (!arguments_.plan_file.empty()) {
    plan_ = ORTHANT_TRY(read_plan(arguments_.plan_file));
    options.schemes = {plain_scheme(WeightPrecision::kBfloat16), int8_scheme(arguments_)};
  } else {
    options.schemes = ORTHANT_TRY(schemes_for(arguments_));
  }
  const ModelSource source = ORTHANT_TRY(resolve_model(arguments_.model));
  options.folder = source.folder;
  options.name = source.name;
  options.texts = ORTHANT_TRY(read_texts(arguments_.calibration_file));
  quantizer_ = ORTHANT_TRY(ModelQuantizer::load(std::move(options), &pool_));
  outcome_.model = source.name;
  outcome_.scheme = plan_ ? "plan " + fs::path(arguments_.plan_file).filename().string() : arguments_.scheme;
  outcome_.budgets = arguments_.budgets;
  outcome_.calibration_texts = quantizer_->calibration_texts();
  outcome_.measured_texts = quantizer_->measured_texts();
  outcome_.before = quantizer_->float_figures();
  fmt::print("{}: {}; calibrated on {} texts, measured on {}\n", source.name, outcome_.scheme, outcome_.calibration_texts,
             outcome_.measured_texts);
  return {};
}

// Test queries are never tuned on: the criterion reads the train split or no judgements at all.
Status Quantization::prepare_retrieval() {
  if (arguments_.eval_folder.empty()) return {};
  if (arguments_.tolerated_loss && has_split(arguments_.eval_folder, "train")) {
    fmt::print("encoding the train split of {} in float32\n", arguments_.eval_folder);
    tuning_ = ORTHANT_TRY(RetrievalTrial::make(*quantizer_, arguments_.eval_folder, "train", kCriterionLimits, &pool_));
    if (tuning_->float_ndcg_at_10() == 0) {
      return invalid_argument(
          fmt::format("{}: float32 finds nothing for the train queries, so nothing can be retained", arguments_.eval_folder));
    }
  }
  fmt::print("encoding {} in float32\n", arguments_.eval_folder);
  retrieval_ = ORTHANT_TRY(RetrievalTrial::make(*quantizer_, arguments_.eval_folder, "test", {}, &pool_));
  return {};
}

Status Quantization::choose() {
  Progress progress("trying layers", "layers");
  const auto report = [&](std::size_t done, std::size_t all) {
    progress.update(done, static_cast<double>(done) / static_cast<double>(all));
  };
  if (plan_) return quantizer_->choose_plan(*plan_, report);
  if (!budgets_.empty()) return quantizer_->choose_by_budget(budgets_, report);
  const std::vector<LayerScheme> schemes = ORTHANT_TRY(schemes_for(arguments_));
  return quantizer_->choose_everywhere(schemes.back().precision, report);
}

Result<double> Quantization::retention() const {
  if (tuning_) return ORTHANT_TRY(tuning_->ndcg_at_10(*quantizer_)) / tuning_->float_ndcg_at_10();
  return ORTHANT_TRY(quantizer_->shift()).neighbour_ndcg_at_10;
}

// Whether retention could be brought to where it has to be.
Result<bool> Quantization::keep_criterion() {
  CriterionOutcome& criterion = outcome_.criterion.emplace();
  criterion.tolerated_loss = *arguments_.tolerated_loss;
  criterion.measure =
      tuning_ ? fmt::format("nDCG@10 on {} train queries and {} documents of {}", tuning_->queries(), tuning_->documents(),
                            arguments_.eval_folder)
              : fmt::format("nDCG@10 of float32's ten nearest neighbours among {} texts, without labels", outcome_.measured_texts);
  const double wanted = 1 - criterion.tolerated_loss;
  fmt::print("accuracy criterion: keep {:.2f} % of {}\n", wanted * 100, criterion.measure);
  while (true) {
    criterion.retention = ORTHANT_TRY(retention());
    if (criterion.retention >= wanted) break;
    const auto step = ORTHANT_TRY(quantizer_->step_back(budgets_));
    if (!step) {
      fmt::print(stderr,
                 "orthant: the accuracy criterion cannot be met{}: {:.2f} % kept after {} steps back; nothing was written\n",
                 budgets_.empty() ? "" : " within the budget", criterion.retention * 100, criterion.steps.size());
      return false;
    }
    fmt::print("  {:.2f} % kept: {} goes back from {} to {}\n", criterion.retention * 100, step->layer,
               weight_precision_name(step->from), weight_precision_name(step->to));
    criterion.steps.push_back(*step);
  }
  fmt::print("  {:.2f} % kept: met after {} steps back\n", criterion.retention * 100, criterion.steps.size());
  return true;
}

Status Quantization::measure() {
  outcome_.after = ORTHANT_TRY(quantizer_->figures());
  outcome_.layers = quantizer_->layers();
  if (retrieval_) {
    outcome_.retrieval = {.set = fs::path(arguments_.eval_folder).lexically_normal().filename().string(),
                          .split = "test",
                          .documents = retrieval_->documents(),
                          .queries = retrieval_->queries(),
                          .float_ndcg_at_10 = retrieval_->float_ndcg_at_10(),
                          .ndcg_at_10 = ORTHANT_TRY(retrieval_->ndcg_at_10(*quantizer_))};
  }
  outcome_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  fmt::print("\n{}{}", layers_table(outcome_), figures_table(outcome_));
  return {};
}

Status Quantization::write() const {
  const fs::path folder = arguments_.out;
  ORTHANT_TRY(quantizer_->write(ORTHANT_TRY(parse_embedding_form(arguments_.embeddings)), folder));
  ORTHANT_TRY(write_whole_file(folder / "quantization_plan.json", plan_json(outcome_.model, outcome_.layers)));
  ORTHANT_TRY(write_whole_file(folder / "quantization_report.json", report_json(outcome_)));
  ORTHANT_TRY(write_whole_file(folder / "quantization_report.svg", to_svg(report_chart(outcome_))));
  fmt::print("\n{}: written in {}, with quantization_plan.json, quantization_report.json and quantization_report.svg\n",
             folder.string(), format_duration(outcome_.seconds));
  return {};
}

void add_scheme_options(CLI::App& command, QuantizeArguments& arguments) {
  auto* scheme = command.add_option("--scheme", arguments.scheme, "What linear layers become; mixed: each its own, by --budget")
                     ->check(CLI::IsMember({"int8", "int8-static", "int4", "int4-gptq", "nf4", "bfloat16", "float16", "mixed"}));
  auto* plan = command.add_option("--plan", arguments.plan_file, "A plan of layers and precisions, as every run writes one")
                   ->excludes(scheme);
  command.parse_complete_callback([scheme, plan] {
    if (scheme->count() + plan->count() == 0) throw CLI::RequiredError("--scheme or --plan");
  });
  command.add_option(
      "--budget", arguments.budgets,
      "What the linear layers may take: memory=40%, memory=12MB or latency=60% (of the whole model); may be repeated");
  command.add_option("--group-size", arguments.group_size, "int4: inputs that share a scale")
      ->check(CLI::IsMember({32, 64, 128}))
      ->capture_default_str();
  command.add_flag("--symmetric", arguments.symmetric, "int4: groups without zero points");
  command.add_flag("--no-rotation", arguments.no_rotation, "int8, int4: do not spread outliers over blocks of inputs");
  command.add_option("--smooth", arguments.smooth, "int8, int4: move range from activations to weights (SmoothQuant's alpha)")
      ->check(CLI::Range(0.0, 1.0));
  command.add_option("--activations", arguments.activations, "int8-static: how the one step of a layer's activations is found")
      ->check(CLI::IsMember({"minmax", "percentile", "mse"}))
      ->capture_default_str();
  command.add_option("--embeddings", arguments.embeddings, "How the word embeddings are written; stored: as they are")
      ->check(CLI::IsMember({"stored", "float16", "int8"}))
      ->capture_default_str();
}

}  // namespace

void add_quantize_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<QuantizeArguments>();
  CLI::App& command = *program.add_subcommand("quantize", "Make a smaller, faster model of a model, and say what it loses");
  command.footer(
      "Tries every linear layer by itself, without labels: how far embeddings move, and neighbours among texts. Norms and "
      "embeddings\n"
      "stay in float32. The folder it writes loads like any other; in it are also the plan (edit it, and give it back with "
      "--plan),\n"
      "a report as JSON and a chart.\n\n"
      "Examples:\n"
      "  orthant quantize all-MiniLM-L6-v2 --scheme int8 --out ./minilm-int8\n"
      "  orthant quantize all-MiniLM-L6-v2 --scheme mixed --budget memory=22% --out ./minilm-mixed\n"
      "  orthant quantize ./my-model --scheme int4-gptq --calibration texts.txt --accuracy-criterion 0.01 --eval ./scifact --out "
      "./small");
  command.add_option("model", arguments->model, "A model's name in the cache, or its folder")->required();
  add_scheme_options(command, *arguments);
  command.add_option(
      "--calibration", arguments->calibration_file,
      "Texts to calibrate and measure on, one a line (or JSON lines); about 100 to 400. Default: those that come with "
      "Orthant");
  command
      .add_option("--accuracy-criterion", arguments->tolerated_loss,
                  "The loss to tolerate, as 0.01: layers step back to more bits, the most sensitive first, until it is kept")
      ->check(CLI::Range(0.0, 1.0));
  command.add_option(
      "--eval", arguments->eval_folder,
      "A retrieval set in BEIR's layout: the criterion is measured on its train queries, the report on its test queries");
  command.add_option("--out", arguments->out, "The folder to write")->required();
  command.callback([arguments, &action] { action = [arguments] { return Quantization(*arguments).run(); }; });
}

}  // namespace orthant
