#include "api/cli/parallel_encoder.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

#include "encoder/encoder_registry.h"

namespace orthant {
namespace {

// Enough texts for full matrices, few enough that the last group keeps nobody waiting for long.
constexpr std::size_t kTextsPerGroup = 32;

Status append_result(EncodeResult& all, Result<EncodeResult> group) {
  EncodeResult part = ORTHANT_TRY(std::move(group));
  all.embeddings.rows += part.embeddings.rows;
  all.embeddings.dim = part.embeddings.dim;
  all.embeddings.values.insert(all.embeddings.values.end(), part.embeddings.values.begin(), part.embeddings.values.end());
  all.token_counts.insert(all.token_counts.end(), part.token_counts.begin(), part.token_counts.end());
  all.truncated.insert(all.truncated.end(), part.truncated.begin(), part.truncated.end());
  return {};
}

}  // namespace

ParallelEncoder::ParallelEncoder(std::unique_ptr<Encoder> encoder) : encoder_(std::move(encoder)) {
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  // parallel_for works on the calling thread as well.
  pool_ = std::make_unique<ThreadPool>("encode", std::max<std::size_t>(cores - 1, 1), 4 * cores);
}

Result<ParallelEncoder> ParallelEncoder::load(std::string_view model, std::string_view weights) {
  const WeightPrecision precision = ORTHANT_TRY(parse_weight_precision(weights));
  const ModelSource source = ORTHANT_TRY(resolve_model(model));
  return ParallelEncoder(ORTHANT_TRY(Encoder::load(source.folder, {.name = source.name, .weights = precision})));
}

Result<EncodeResult> ParallelEncoder::encode(std::span<const std::string> texts, const EncodeOptions& options,
                                             const Encoded& encoded) {
  const std::size_t group_count = (texts.size() + kTextsPerGroup - 1) / kTextsPerGroup;
  std::vector<Result<EncodeResult>> groups(group_count);
  std::mutex mutex;
  std::size_t done = 0;  // guarded by mutex
  parallel_for(pool_.get(), group_count, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t group = begin; group < end; ++group) {
      const auto part = texts.subspan(group * kTextsPerGroup, std::min(kTextsPerGroup, texts.size() - group * kTextsPerGroup));
      const std::vector<std::string_view> views(part.begin(), part.end());
      groups[group] = encoder_->encode(views, options);
      const std::lock_guard lock(mutex);
      done += part.size();
      if (encoded) encoded(done);
    }
  });
  EncodeResult all;
  all.embeddings.dim = options.dimensions == 0 ? encoder_->info().dim : options.dimensions;
  for (Result<EncodeResult>& group : groups) ORTHANT_TRY(append_result(all, std::move(group)));
  return all;
}

}  // namespace orthant
