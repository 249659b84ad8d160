#include "encoder/quantize/trial_model.h"

#include <algorithm>
#include <ctime>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/model_files.h"
#include "encoder/model/safetensors.h"
#include "encoder/model/weight_files.h"

namespace orthant {
namespace {

// Texts that go through the layers together, as in Encoder.
constexpr std::size_t kPassTokens = 1024;
constexpr std::size_t kTimedRuns = 7;

// The ends of the passes: each of kPassTokens at most, or of one text.
std::vector<std::size_t> pass_ends(std::span<const TokenizedText> texts) {
  std::vector<std::size_t> ends;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (tokens != 0 && tokens + texts[i].ids.size() > kPassTokens) {
      ends.push_back(i);
      tokens = 0;
    }
    tokens += texts[i].ids.size();
  }
  if (!texts.empty()) ends.push_back(texts.size());
  return ends;
}

}  // namespace

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Result<std::unique_ptr<TrialModel>> TrialModel::load(const std::filesystem::path& folder, const std::string& name) {
  const ModelFiles files = ORTHANT_TRY(read_model_files(folder));
  if (files.transformer.quantization) {
    return fail(ErrorCode::kFailedPrecondition, fmt::format("{}: the model is quantized already", folder.string()));
  }
  std::unique_ptr<Encoder> encoder = ORTHANT_TRY(Encoder::load(folder, {.name = name, .weights = WeightPrecision::kFloat32}));
  SafeTensors weights = ORTHANT_TRY(open_weights(ORTHANT_TRY(find_weight_files(files.transformer_folder))));
  Transformer transformer =
      ORTHANT_TRY(Transformer::load(std::move(weights), files.transformer, WeightPrecision::kFloat32, cpu_level()));
  EmbeddingHead head = ORTHANT_TRY(EmbeddingHead::load(files, cpu_level()));
  std::unique_ptr<TrialModel> model(new TrialModel(std::move(encoder), std::move(transformer), std::move(head)));
  for (std::size_t i = 0; i < model->transformer_.linears().size(); ++i) {
    LinearWeights layer = ORTHANT_TRY(model->transformer_.linear_weights(i));
    layer.data = FloatWeights{dequantize(layer)};
    model->originals_.push_back(std::move(layer));
  }
  return model;
}

std::vector<TokenizedText> TrialModel::tokenize(std::span<const std::string> texts, Purpose purpose) const {
  std::vector<TokenizedText> tokenized;
  tokenized.reserve(texts.size());
  for (const std::string& text : texts) tokenized.push_back(encoder_->tokenize(text, purpose));
  return tokenized;
}

Status TrialModel::embed_pass(std::span<const TokenizedText> texts, std::span<float> rows, LinearObserver* observer) const {
  thread_local Workspace workspace;
  std::vector<TokenSequence> sequences;
  for (const TokenizedText& text : texts) sequences.push_back({text.ids, text.type_ids});
  workspace.observer = observer;
  const auto forwarded = transformer_.forward(sequences, workspace);
  workspace.observer = nullptr;
  const std::span<const float> hidden = ORTHANT_TRY(forwarded);
  std::size_t start = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t count = texts[i].ids.size() * transformer_.config().hidden_size;
    head_.apply(hidden.subspan(start, count), rows.subspan(i * head_.size(), head_.size()));
    start += count;
  }
  return {};
}

Result<EmbeddingMatrix> TrialModel::embed(std::span<const TokenizedText> texts, ThreadPool* pool) const {
  EmbeddingMatrix embeddings{texts.size(), head_.size(), std::vector<float>(texts.size() * head_.size())};
  const std::vector<std::size_t> ends = pass_ends(texts);
  std::mutex mutex;
  Status status;  // the first failure; guarded by mutex
  parallel_for(pool, ends.size(), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t pass = begin; pass < end; ++pass) {
      const std::size_t first = pass == 0 ? 0 : ends[pass - 1];
      const std::size_t count = ends[pass] - first;
      Status done = embed_pass(texts.subspan(first, count),
                               std::span(embeddings.values).subspan(first * head_.size(), count * head_.size()), nullptr);
      const std::lock_guard lock(mutex);
      if (status && !done) status = std::move(done);
    }
  });
  ORTHANT_TRY(std::move(status));
  return embeddings;
}

Status TrialModel::observe(std::span<const TokenizedText> texts, LinearObserver& observer) const {
  std::vector<float> rows(texts.size() * head_.size());
  std::size_t first = 0;
  for (const std::size_t end : pass_ends(texts)) {
    ORTHANT_TRY(embed_pass(texts.subspan(first, end - first), rows, &observer));
    first = end;
  }
  return {};
}

Result<double> TrialModel::seconds_per_text(std::size_t tokens) const {
  TokenizedText text;
  const std::size_t words = transformer_.config().vocabulary_size;
  tokens = std::min(tokens, info().max_seq_length);
  // Spread over the vocabulary, so that rows of the embeddings come from everywhere.
  for (std::size_t i = 0; i < tokens; ++i) text.ids.push_back(static_cast<std::uint32_t>((i * 7919 + 1000) % words));
  text.type_ids.assign(text.ids.size(), 0);
  std::vector<float> row(head_.size());
  double least = 0;
  for (std::size_t run = 0; run <= kTimedRuns; ++run) {
    const double start = thread_cpu_seconds();
    ORTHANT_TRY(embed_pass(std::span(&text, 1), row, nullptr));
    const double seconds = thread_cpu_seconds() - start;
    if (run > 0) least = run == 1 ? seconds : std::min(least, seconds);
  }
  return least;
}

}  // namespace orthant
