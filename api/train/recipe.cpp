#include "api/train/recipe.h"

#include <optional>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "api/cli/quantization_plan.h"
#include "api/train/recipe_map.h"
#include "base/whole_file.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxRecipeBytes = 1 << 20;
// Of the published runs.
constexpr std::size_t kDefaultRank = 8;
constexpr std::size_t kMostMebibytes = std::size_t{1} << 40;

// The parser's own message does not say where: with_place adds the key.
template <typename T, typename Parse>
Status take_name(RecipeMap& map, std::string_view key, T& value, Parse parse) {
  std::string name;
  ORTHANT_TRY(map.take(key, name));
  if (name.empty()) return {};
  auto parsed = parse(name);
  if (!parsed) return map.mismatch(key, parsed.error().message);
  value = *parsed;
  return {};
}

Status take_path(RecipeMap& map, std::string_view key, const fs::path& folder, fs::path& value) {
  std::string text;
  ORTHANT_TRY(map.take(key, text));
  if (!text.empty()) value = folder / text;  // an absolute one stays
  return {};
}

Result<DataSource> read_source(RecipeMap map, const fs::path& folder) {
  DataSource source;
  ORTHANT_TRY(take_path(map, "file", folder, source.file));
  ORTHANT_TRY(take_path(map, "beir", folder, source.beir));
  ORTHANT_TRY(map.take("split", source.split));
  ORTHANT_TRY(take_name(map, "kind", source.kind, parse_example_kind));
  ORTHANT_TRY(map.take("as_texts", source.as_texts));
  ORTHANT_TRY(map.take("header", source.header));
  ORTHANT_TRY(map.take("columns", source.columns));
  ORTHANT_TRY(map.take("score_scale", source.score_scale));
  ORTHANT_TRY(map.take("limit", source.limit));
  ORTHANT_TRY(map.take("tolerated_bad_lines", source.tolerated_bad_lines));
  ORTHANT_TRY(map.finish());
  if (source.file.empty() == source.beir.empty()) return map.mismatch("file", "either file or beir");
  if (!(source.score_scale > 0)) return map.mismatch("score_scale", "a number above 0");
  return source;
}

// A source, or a list of them.
Status read_sources(RecipeMap& parent, std::string_view key, const std::string& file, const fs::path& folder,
                    std::vector<DataSource>& sources) {
  const YAML::Node node = parent.node(key);
  if (!node.IsDefined()) return {};
  const std::string place = fmt::format("{}.", key);
  if (node.IsMap()) {
    sources.push_back(ORTHANT_TRY(read_source(ORTHANT_TRY(RecipeMap::make(node, file, place)), folder)));
    return {};
  }
  if (!node.IsSequence() || node.size() == 0) return parent.mismatch(key, "a source or a list of them");
  for (const YAML::Node& entry : node) {
    sources.push_back(ORTHANT_TRY(read_source(ORTHANT_TRY(RecipeMap::make(entry, file, place)), folder)));
  }
  return {};
}

Status read_dev(RecipeMap& parent, const std::string& file, const fs::path& folder, DevOptions& dev) {
  std::optional<RecipeMap> map = ORTHANT_TRY(parent.map("dev"));
  if (!map) return {};
  ORTHANT_TRY(read_sources(*map, "data", file, folder, dev.sources));
  ORTHANT_TRY(map->take("share", dev.share));
  ORTHANT_TRY(map->take("limit", dev.limit));
  ORTHANT_TRY(map->take("distractors", dev.distractors));
  if (!(dev.share >= 0 && dev.share < 1)) return map->mismatch("share", "0 to below 1");
  return map->finish();
}

Status read_forms(RecipeMap& loss, LossOptions& options) {
  const YAML::Node node = loss.node("forms");
  if (!node.IsDefined()) return {};
  if (!node.IsMap() || node.size() == 0) return loss.mismatch("forms", "weights by form: {float: 1, binary: 1}");
  options.forms.clear();
  for (const auto& entry : node) {
    FormWeight form;
    const auto parsed = parse_search_form(entry.first.Scalar());
    if (!parsed) return loss.mismatch("forms", parsed.error().message);
    form.form = *parsed;
    if (!entry.second.IsScalar() || !YAML::convert<double>::decode(entry.second, form.weight) || !(form.weight >= 0)) {
      return loss.mismatch("forms", "weights from 0");
    }
    options.forms.push_back(form);
  }
  return {};
}

Status read_loss(RecipeMap& parent, LossOptions& options) {
  std::optional<RecipeMap> map = ORTHANT_TRY(parent.map("loss"));
  if (!map) return {};
  ORTHANT_TRY(take_name(*map, "kind", options.kind, parse_loss_kind));
  ORTHANT_TRY(map->take("temperature", options.temperature));
  ORTHANT_TRY(map->take("margin", options.margin));
  ORTHANT_TRY(read_forms(*map, options));
  ORTHANT_TRY(map->take("lengths", options.lengths));
  ORTHANT_TRY(map->take("soft_signs", options.soft_signs));
  ORTHANT_TRY(map->take("sharpness_growth", options.sharpness_growth));
  ORTHANT_TRY(map->take("distillation", options.distillation));
  return map->finish();
}

Status read_head(RecipeMap& parent, HeadOptions& options) {
  std::optional<RecipeMap> map = ORTHANT_TRY(parent.map("head"));
  if (!map) return {};
  ORTHANT_TRY(take_name(*map, "kind", options.kind, parse_head_kind));
  ORTHANT_TRY(map->take("centre", options.centre));
  ORTHANT_TRY(map->take("labels", options.labels));
  return map->finish();
}

Status read_lora(RecipeMap& parent, LoraOptions& options) {
  std::optional<RecipeMap> map = ORTHANT_TRY(parent.map("lora"));
  if (!map) return {};
  if (options.rank == 0) options.rank = kDefaultRank;
  ORTHANT_TRY(map->take("rank", options.rank));
  ORTHANT_TRY(map->take("alpha", options.alpha));
  ORTHANT_TRY(map->take("dropout", options.dropout));
  ORTHANT_TRY(map->take("targets", options.targets));
  ORTHANT_TRY(take_name(*map, "base", options.base, parse_weight_precision));
  ORTHANT_TRY(take_name(*map, "start", options.start, parse_lora_start));
  ORTHANT_TRY(map->take("merge", options.merge));
  return map->finish();
}

Status read_memory(RecipeMap& map, MemoryOptions& options) {
  ORTHANT_TRY(take_name(map, "moments", options.moments, parse_moment_form));
  ORTHANT_TRY(map.take("paged_moments", options.paged_moments));
  std::size_t mebibytes = options.budget >> 20;
  ORTHANT_TRY(map.take("memory_budget", mebibytes));
  if (mebibytes > kMostMebibytes) return map.mismatch("memory_budget", "MiB");
  options.budget = mebibytes << 20;
  return {};
}

// What linear layers hold and see while training, and what becomes of them.
Status read_quantization(RecipeMap& parent, const fs::path& folder, QuantizationOptions& options) {
  std::optional<RecipeMap> map = ORTHANT_TRY(parent.map("quantization"));
  if (!map) return {};
  std::string scales;
  ORTHANT_TRY(map->take("scales", scales));
  if (!scales.empty() && scales != "fitted" && scales != "learned") return map->mismatch("scales", "fitted or learned");
  if (!scales.empty()) options.learned_scales = scales == "learned";
  ORTHANT_TRY(map->take("rotate", options.scheme.rotate));
  ORTHANT_TRY(map->take("group_size", options.scheme.group_size));
  if (options.scheme.group_size != 32 && options.scheme.group_size != 64 && options.scheme.group_size != 128) {
    return map->mismatch("group_size", "32, 64 or 128");
  }
  ORTHANT_TRY(take_name(*map, "grid", options.scheme.int4_scheme, parse_int4_scheme));
  ORTHANT_TRY(take_name(*map, "activations", options.activations, parse_trained_activations));
  ORTHANT_TRY(take_name(*map, "observer", options.observer, parse_activation_observer));
  ORTHANT_TRY(map->take("freeze_after", options.freeze_after));
  ORTHANT_TRY(map->take("calibration", options.calibration_texts));
  ORTHANT_TRY(map->take("scale_rate", options.scale_rate));
  fs::path plan;
  ORTHANT_TRY(take_path(*map, "plan", folder, plan));
  if (!plan.empty()) options.plan = ORTHANT_TRY(read_plan(plan));
  return map->finish();
}

Status read_conversion(RecipeMap& parent, ConversionOptions& options) {
  std::optional<RecipeMap> map = ORTHANT_TRY(parent.map("convert"));
  if (!map) return {};
  ORTHANT_TRY(map->take("wanted", options.wanted));
  ORTHANT_TRY(map->take("tolerable_loss", options.tolerable_loss));
  ORTHANT_TRY(map->take("step_back", options.step_back));
  return map->finish();
}

Status read_trained(RecipeMap& map, TrainingOptions& options) {
  std::string trained;
  ORTHANT_TRY(map.take("train", trained));
  if (trained == "head") options.train_transformer = false;
  if (trained == "all") options.train_transformer = true;
  if (!trained.empty() && trained != "head" && trained != "all") return map.mismatch("train", "all or head");
  return map.take("train_word_embeddings", options.train_word_embeddings);
}

Status read_options(RecipeMap& map, const fs::path& folder, TrainingOptions& options) {
  ORTHANT_TRY(read_loss(map, options.loss));
  ORTHANT_TRY(read_head(map, options.head));
  ORTHANT_TRY(read_trained(map, options));
  ORTHANT_TRY(take_name(map, "weights", options.weights, parse_weight_precision));
  ORTHANT_TRY(read_lora(map, options.lora));
  ORTHANT_TRY(read_memory(map, options.memory));
  ORTHANT_TRY(read_quantization(map, folder, options.quantization));
  ORTHANT_TRY(read_conversion(map, options.conversion));
  ORTHANT_TRY(take_path(map, "teacher", folder, options.teacher));
  ORTHANT_TRY(map.take("max_seq_length", options.max_seq_length));
  ORTHANT_TRY(map.take("batch_size", options.batch_size));
  ORTHANT_TRY(map.take("accumulate", options.accumulate));
  ORTHANT_TRY(map.take("chunk_tokens", options.chunk_tokens));
  ORTHANT_TRY(map.take("epochs", options.epochs));
  ORTHANT_TRY(map.take("max_steps", options.max_steps));
  ORTHANT_TRY(map.take("learning_rate", options.learning_rate));
  ORTHANT_TRY(map.take("head_rate", options.head_rate));
  ORTHANT_TRY(map.take("warmup", options.warmup));
  ORTHANT_TRY(map.take("weight_decay", options.weight_decay));
  ORTHANT_TRY(map.take("clip", options.clip));
  ORTHANT_TRY(map.take("dropout", options.dropout));
  ORTHANT_TRY(map.take("bfloat16", options.bfloat16));
  ORTHANT_TRY(map.take("checkpointing", options.checkpointing));
  ORTHANT_TRY(map.take("seed", options.seed));
  ORTHANT_TRY(map.take("threads", options.threads));
  ORTHANT_TRY(map.take("checkpoint_every", options.checkpoint_every));
  ORTHANT_TRY(map.take("evaluate_every", options.evaluate_every));
  ORTHANT_TRY(map.take("patience", options.patience));
  ORTHANT_TRY(map.take("dev_metric", options.dev_metric));
  return map.take("tolerated_float_loss", options.tolerated_float_loss);
}

// Each entry of `stages` states what differs from the keys above; without any there is one stage.
Status read_stages(RecipeMap& top, const std::string& file, const fs::path& folder, Recipe& recipe) {
  TrainingOptions common;
  ORTHANT_TRY(read_options(top, folder, common));
  const YAML::Node stages = top.node("stages");
  if (!stages.IsDefined()) {
    recipe.stages.push_back({"training", common});
    return {};
  }
  if (!stages.IsSequence() || stages.size() == 0) return top.mismatch("stages", "a list of stages");
  for (const YAML::Node& node : stages) {
    RecipeMap map = ORTHANT_TRY(RecipeMap::make(node, file, fmt::format("stages[{}].", recipe.stages.size())));
    RecipeStage stage{fmt::format("stage-{}", recipe.stages.size() + 1), common};
    ORTHANT_TRY(map.take("name", stage.name));
    ORTHANT_TRY(read_options(map, folder, stage.options));
    ORTHANT_TRY(map.finish());
    recipe.stages.push_back(std::move(stage));
  }
  return {};
}

Result<Recipe> from_yaml(const YAML::Node& root, const std::string& file, const fs::path& folder) {
  Recipe recipe;
  RecipeMap map = ORTHANT_TRY(RecipeMap::make(root, file, ""));
  ORTHANT_TRY(map.take("model", recipe.model));
  std::string output;
  ORTHANT_TRY(map.take("output", output));
  recipe.output = output;
  ORTHANT_TRY(read_sources(map, "data", file, folder, recipe.data));
  ORTHANT_TRY(read_dev(map, file, folder, recipe.dev));
  ORTHANT_TRY(read_stages(map, file, folder, recipe));
  ORTHANT_TRY(map.finish());
  if (recipe.model.empty()) return invalid_argument(fmt::format("{}: model: missing", file));
  if (recipe.data.empty()) return invalid_argument(fmt::format("{}: data: missing", file));
  return recipe;
}

}  // namespace

Result<Recipe> read_recipe(const fs::path& file, const fs::path& data_folder) {
  const std::string text = ORTHANT_TRY(read_whole_file(file, kMaxRecipeBytes));
  try {
    Recipe recipe = ORTHANT_TRY(from_yaml(YAML::Load(text), file.string(), data_folder));
    recipe.text = text;
    return recipe;
  } catch (const YAML::Exception& exception) {
    return invalid_argument(fmt::format("{} line {}: {}", file.string(), exception.mark.line + 1, exception.msg));
  }
}

}  // namespace orthant
