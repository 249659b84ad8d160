#include "api/train/recipe_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/cli/commands.h"
#include "api/cli/progress.h"
#include "api/train/recipe.h"
#include "api/train/training_curves.h"
#include "api/train/training_sources.h"
#include "base/digest.h"
#include "base/whole_file.h"
#include "encoder/encoder_registry.h"
#include "encoder/training/trainer.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

// Lines of a run that has no terminal to draw on.
constexpr double kLineSeconds = 30;

void print_line(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

std::string scores_text(const DevScores& scores) {
  return fmt::format("float {:.4f}, int8 {:.4f}, binary {:.4f}", scores.float_search, scores.int8_search, scores.binary_search);
}

// What a run says while it goes on.
class Reporter {
 public:
  explicit Reporter(const std::string& title) : progress_(title, "steps") {}

  Trainer::Observer observer() {
    Trainer::Observer observer;
    observer.step = [this](const StepReport& report) { step(report); };
    observer.evaluation = [this](const EvaluationReport& report) {
      progress_.clear();
      print_line(fmt::format("step {}: dev {}{}", report.step, scores_text(report.scores), report.best ? "  (best)" : ""));
    };
    return observer;
  }

 private:
  void step(const StepReport& report) {
    malloc_trim(0);  // what smaller tensors left
    const double share = static_cast<double>(report.step) / static_cast<double>(report.all_steps);
    if (!started_)
      progress_.start_from(report.step - 1, static_cast<double>(report.step - 1) / static_cast<double>(report.all_steps));
    started_ = true;
    progress_.set_note(fmt::format("loss {:.4g}, rate {:.3g}", report.loss, report.rate));
    progress_.update(report.step, share);
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - last_line_).count() < kLineSeconds || isatty(STDERR_FILENO) != 0) return;
    last_line_ = now;
    print_line(fmt::format("step {} of {}: loss {:.4g}, rate {:.3g}, {:.0f} tokens/s, {} left", report.step, report.all_steps,
                           report.loss, report.rate, static_cast<double>(report.tokens) / std::max(report.seconds, 1e-9),
                           format_duration(report.seconds * static_cast<double>(report.all_steps - report.step))));
  }

  Progress progress_;
  bool started_ = false;
  std::chrono::steady_clock::time_point last_line_{};
};

std::string forecast_text(const MemoryForecast& forecast) {
  const auto mebibytes = [](std::size_t bytes) { return (bytes + (std::size_t{1} << 19)) >> 20; };
  std::string text = fmt::format("{} MiB of memory at the peak: weights {}, gradients {}, optimizer {}, activations {}, other {}",
                                 mebibytes(forecast.all()), mebibytes(forecast.weights), mebibytes(forecast.gradients),
                                 mebibytes(forecast.optimizer), mebibytes(forecast.activations), mebibytes(forecast.other));
  if (!forecast.fitted.empty()) text += fmt::format("; to fit the budget: {}", forecast.fitted);
  return text;
}

std::size_t peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) >> 10;
}

std::string conversion_text(const ConversionReport& report) {
  std::string text = fmt::format("{}: integers; cosine to training's forward {:.5f} (least {:.5f})", report.folder.string(),
                                 report.mean_cosine, report.least_cosine);
  if (!std::isnan(report.converted_score)) {
    text += fmt::format("; dev {:.4f}, training's forward {:.4f}, the same weights in float32 {:.4f}", report.converted_score,
                        report.training_score, report.float_score);
  }
  for (const std::string& step : report.steps_back) text += fmt::format("\n  stepped back: {}", step);
  return text;
}

std::string data_digest(const TrainingData& data) {
  Sha256 digest;
  for (const TrainingExample& example : data.examples) {
    for (const std::string& text : example.texts) digest.update(text + '\n');
    digest.update(fmt::format("{} {}\n", example.score, example.label));
  }
  return digest.hex();
}

class Run {
 public:
  explicit Run(const RecipeArguments& arguments) : arguments_(arguments) {}

  Result<int> run() {
    ORTHANT_TRY(read());
    if (!arguments_.scored.empty()) return score();
    fs::path model = ORTHANT_TRY(resolve_model(recipe_.model)).folder;
    for (std::size_t i = 0; i < recipe_.stages.size(); ++i) {
      const bool last = i + 1 == recipe_.stages.size();
      const fs::path output = last ? recipe_.output : recipe_.output / fmt::format("stage-{}", i + 1);
      ORTHANT_TRY(run_stage(recipe_.stages[i], model, output, i));
      if (arguments_.forecast_only) return kExitSuccess;
      model = output / "model";
    }
    return kExitSuccess;
  }

 private:
  Status read() {
    const fs::path recipe = arguments_.recipe;
    const fs::path folder = arguments_.data_folder.empty() ? recipe.parent_path() : fs::path(arguments_.data_folder);
    recipe_ = ORTHANT_TRY(read_recipe(recipe, folder));
    if (!arguments_.model.empty()) recipe_.model = arguments_.model;
    if (!arguments_.output.empty()) recipe_.output = arguments_.output;
    if (recipe_.output.empty() && arguments_.scored.empty())
      return invalid_argument(fmt::format("{}: output: missing, nor is there --output", recipe.string()));
    for (RecipeStage& stage : recipe_.stages) {
      if (arguments_.seed) stage.options.seed = *arguments_.seed;
      if (arguments_.threads) stage.options.threads = *arguments_.threads;
      if (arguments_.max_steps) stage.options.max_steps = *arguments_.max_steps;
    }
    const std::uint64_t seed = recipe_.stages.front().options.seed;
    train_ = ORTHANT_TRY(read_sources(recipe_.data, seed, print_line));
    dev_ = ORTHANT_TRY(take_dev_set(recipe_.dev, seed, train_, print_line));
    print_line(fmt::format("{} examples ({}) to train on, {} to measure on", group_digits(train_.examples.size()),
                           example_kind_name(train_.kind), group_digits(dev_.examples.size())));
    return {};
  }

  // What encoders of these folders make of the dev set, as they are loaded elsewhere too.
  Result<int> score() {
    if (dev_.examples.empty()) return invalid_argument("--score: the recipe has no dev set");
    const WeightPrecision weights = ORTHANT_TRY(parse_weight_precision(arguments_.weights));
    for (const std::string& name : arguments_.scored) {
      const ModelSource source = ORTHANT_TRY(resolve_model(name));
      const DevScores scores = ORTHANT_TRY(score_encoder(source.folder, weights, dev_));
      print_line(fmt::format("{} ({}): {}", name, arguments_.weights, scores_text(scores)));
    }
    return kExitSuccess;
  }

  Status run_stage(const RecipeStage& stage, const fs::path& model, const fs::path& output, std::size_t number) {
    TrainingOptions options = stage.options;
    options.model = model;
    options.output = output;
    options.vectors_cache = arguments_.vectors_cache;
    options.fingerprint = sha256_hex(fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", recipe_.text, number, options.seed, options.threads,
                                                 arguments_.max_steps.value_or(0), data_digest(train_), data_digest(dev_)));
    const bool done =
        recipe_.stages.size() > 1 && number + 1 < recipe_.stages.size() && fs::exists(output / "model" / "modules.json");
    if (done) {
      print_line(fmt::format("{}: done before, {} is there", stage.name, (output / "model").string()));
      return {};
    }
    const auto trainer = ORTHANT_TRY(Trainer::make(options, train_, dev_));
    for (const std::string& note : trainer->notes()) print_line(fmt::format("{}: {}", stage.name, note));
    print_line(fmt::format("{}: {} steps; {}", stage.name, group_digits(trainer->all_steps()), forecast_text(trainer->forecast())));
    if (arguments_.forecast_only) return {};
    if (const std::uint64_t step = ORTHANT_TRY(trainer->checkpointed_step()))
      print_line(fmt::format("going on from step {}", step));
    Reporter reporter(stage.name);
    const TrainingOutcome outcome = ORTHANT_TRY(trainer->run(reporter.observer()));
    ORTHANT_TRY(write_whole_file(output / "curves.svg", ORTHANT_TRY(training_svg(stage.name, output / "metrics.jsonl"))));
    if (outcome.start && outcome.best) {
      print_line(fmt::format("dev before: {}\ndev after:  {} (step {}{})", scores_text(outcome.start->scores),
                             scores_text(outcome.best->scores), outcome.best->step,
                             outcome.stopped_early ? ", stopped early" : ""));
    }
    print_line(fmt::format("{} MiB of memory at the peak of this process, {} foretold", peak_mebibytes(),
                           trainer->forecast().all() >> 20));
    if (outcome.conversion) print_line(conversion_text(*outcome.conversion));
    print_line(fmt::format("{}: {} steps in {}; loss {:.4g} at the end", (output / "model").string(), outcome.steps,
                           format_duration(outcome.seconds), outcome.last_loss));
    return {};
  }

  const RecipeArguments& arguments_;
  Recipe recipe_;
  TrainingData train_;
  TrainingData dev_;
};

}  // namespace

Result<int> run_recipe(const RecipeArguments& arguments) {
  return Run(arguments).run();
}

}  // namespace orthant
