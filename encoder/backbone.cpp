#include "encoder/backbone.h"

#include <algorithm>
#include <future>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/cpu.h"
#include "base/digest.h"
#include "base/log.h"
#include "encoder/kernels/weight_compute.h"
#include "encoder/model/safetensors.h"
#include "encoder/model/weight_files.h"

namespace orthant {
namespace {

// See cut_into_passes(); 1024 are 5 % slower in int8.
constexpr std::size_t kPassTokens = 256;

// The model's own file wins over the tokenizer's; neither can exceed the positions.
Result<std::size_t> sequence_limit(const std::filesystem::path& folder, std::size_t max_seq_length, std::size_t max_positions,
                                   const EncoderOptions& options, const Tokenizer& tokenizer) {
  std::size_t limit = max_seq_length != 0 ? max_seq_length : tokenizer.model_max_length();
  if (limit == 0) limit = max_positions;
  if (options.max_seq_length != 0) limit = options.max_seq_length;
  if (options.max_seq_length > max_positions) {
    return invalid_argument(
        fmt::format("max_seq_length: found {}, {} has {} positions", options.max_seq_length, folder.string(), max_positions));
  }
  return std::min(limit, max_positions);
}

Status check_weights(const std::filesystem::path& folder, const TransformerConfig& config, WeightPrecision wanted) {
  if (wanted != WeightPrecision::kMixed || config.quantization) return {};
  return invalid_argument(
      fmt::format("weights mixed: {} holds no plan of precisions; `orthant quantize` makes folders that do", folder.string()));
}

// What the CPU does not multiply is held as asked and widened: slower than one may expect, so it is said.
void describe_weights(const Transformer& transformer, EncoderInfo& info) {
  const WeightPrecision precision = transformer.precision();
  info.weight_precision = weight_precision_name(precision);
  info.weight_compute = weight_compute_text(precision, transformer.level());
  if (multiplied_as_stored(precision, transformer.level())) return;
  log_info(fmt::format("model {}: this CPU (level {}) does not multiply {}: weights stay in it and are widened to float32",
                       info.name, cpu_level_name(transformer.level()), info.weight_precision));
}

}  // namespace

Result<Backbone> load_backbone(const std::filesystem::path& transformer_folder, const TransformerConfig& config,
                               std::size_t max_seq_length, const EncoderOptions& options) {
  ORTHANT_TRY(check_weights(transformer_folder, config, options.weights));
  const WeightFiles files = ORTHANT_TRY(find_weight_files(transformer_folder));
  // Hashing 91 MB takes longer than all the rest: it runs beside it.
  auto digest = std::async(std::launch::async, [&files] { return weights_sha256(files); });
  std::unique_ptr<Tokenizer> tokenizer = ORTHANT_TRY(Tokenizer::load(transformer_folder));
  if (tokenizer->vocabulary_size() > config.vocabulary_size) {
    return data_corruption(fmt::format("{}: the tokenizer has {} words, the weights have {}", transformer_folder.string(),
                                       tokenizer->vocabulary_size(), config.vocabulary_size));
  }
  SafeTensors weights = ORTHANT_TRY(open_weights(files));
  Transformer transformer = ORTHANT_TRY(Transformer::load(std::move(weights), config, options.weights, cpu_level()));
  const std::size_t limit =
      ORTHANT_TRY(sequence_limit(transformer_folder, max_seq_length, config.max_positions, options, *tokenizer));
  std::string sha256 = ORTHANT_TRY(digest.get());
  if (transformer.adapters() != nullptr)
    sha256 = sha256_hex(fmt::format("{} {}", sha256, ORTHANT_TRY(transformer.adapters()->identity())));
  return Backbone{std::move(tokenizer), std::move(transformer), limit, std::move(sha256)};
}

EncoderInfo describe_backbone(const std::filesystem::path& folder, const EncoderOptions& options, const Backbone& backbone) {
  EncoderInfo info;
  const std::filesystem::path whole = folder.has_filename() ? folder : folder.parent_path();
  info.name = options.name.empty() ? whole.filename().string() : options.name;
  info.folder = folder;
  info.architecture = backbone.transformer.config().architecture;
  describe_weights(backbone.transformer, info);
  info.model_sha256 = backbone.model_sha256;
  info.max_seq_length = backbone.max_seq_length;
  info.parameter_count = backbone.transformer.parameter_count();
  info.memory_bytes = backbone.transformer.memory_bytes();
  return info;
}

std::vector<std::vector<std::size_t>> cut_into_passes(std::span<const TokenizedText> texts) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(
      order, [&](std::size_t a, std::size_t b) { return std::pair(texts[b].ids.size(), a) < std::pair(texts[a].ids.size(), b); });
  std::vector<std::vector<std::size_t>> passes;
  std::size_t tokens = 0;
  for (const std::size_t position : order) {
    tokens += texts[position].ids.size();
    if (passes.empty() || tokens > kPassTokens) {
      passes.emplace_back();
      tokens = texts[position].ids.size();
    }
    passes.back().push_back(position);
  }
  return passes;
}

}  // namespace orthant
