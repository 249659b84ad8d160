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

// Texts that go through the layers together: kPassTokens at most, or one text.
struct Pass {
  std::size_t first;  // text
  std::span<const TokenizedText> texts;
};

std::vector<Pass> passes_of(std::span<const TokenizedText> texts) {
  std::vector<Pass> passes;
  std::size_t first = 0;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (tokens != 0 && tokens + texts[i].ids.size() > kPassTokens) {
      passes.push_back({first, texts.subspan(first, i - first)});
      first = i;
      tokens = 0;
    }
    tokens += texts[i].ids.size();
  }
  if (!texts.empty()) passes.push_back({first, texts.subspan(first)});
  return passes;
}

std::vector<TokenSequence> sequences_of(std::span<const TokenizedText> texts) {
  std::vector<TokenSequence> sequences;
  for (const TokenizedText& text : texts) sequences.push_back({text.ids, text.type_ids});
  return sequences;
}

Workspace& thread_workspace() {
  thread_local Workspace workspace;
  return workspace;
}

// Runs work(pass, position) for all of them on the threads of `pool`; the first failure.
template <typename Work>
Status for_each_pass(const std::vector<Pass>& passes, ThreadPool* pool, const Work& work) {
  std::mutex mutex;
  Status status;  // guarded by mutex
  parallel_for(pool, passes.size(), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      Status done = work(passes[i], i);
      const std::lock_guard lock(mutex);
      if (status && !done) status = std::move(done);
    }
  });
  return status;
}

}  // namespace

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Result<std::unique_ptr<TrialModel>> TrialModel::load(const std::filesystem::path& folder, const std::string& name,
                                                     std::size_t max_seq_length) {
  const ModelFiles files = ORTHANT_TRY(read_model_files(folder));
  if (files.transformer.quantization) {
    return fail(ErrorCode::kFailedPrecondition, fmt::format("{}: the model is quantized already", folder.string()));
  }
  std::unique_ptr<Encoder> encoder =
      ORTHANT_TRY(Encoder::load(folder, {.name = name, .max_seq_length = max_seq_length, .weights = WeightPrecision::kFloat32}));
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
  Workspace& workspace = thread_workspace();
  workspace.observer = observer;
  const auto forwarded = transformer_.forward(sequences_of(texts), workspace);
  workspace.observer = nullptr;
  apply_head(texts, ORTHANT_TRY(forwarded), rows);
  return {};
}

void TrialModel::apply_head(std::span<const TokenizedText> texts, std::span<const float> hidden, std::span<float> rows) const {
  std::size_t start = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t count = texts[i].ids.size() * transformer_.config().hidden_size;
    head_.apply(hidden.subspan(start, count), rows.subspan(i * head_.size(), head_.size()));
    start += count;
  }
}

Result<EmbeddingMatrix> TrialModel::embed(std::span<const TokenizedText> texts, ThreadPool* pool) const {
  EmbeddingMatrix embeddings{texts.size(), head_.size(), std::vector<float>(texts.size() * head_.size())};
  const std::vector<Pass> passes = passes_of(texts);
  ORTHANT_TRY(for_each_pass(passes, pool, [&](const Pass& pass, std::size_t /*position*/) {
    return embed_pass(pass.texts, std::span(embeddings.values).subspan(pass.first * head_.size(), pass.texts.size() * head_.size()),
                      nullptr);
  }));
  return embeddings;
}

Result<TrialModel::Halfway> TrialModel::start(std::span<const TokenizedText> texts, ThreadPool* pool) const {
  const std::vector<Pass> passes = passes_of(texts);
  Halfway halfway{.block = 0, .passes = std::vector<BlockState>(passes.size())};
  ORTHANT_TRY(for_each_pass(passes, pool, [&](const Pass& pass, std::size_t position) -> Status {
    halfway.passes[position] = ORTHANT_TRY(transformer_.first_state(sequences_of(pass.texts), thread_workspace()));
    return {};
  }));
  return halfway;
}

void TrialModel::advance(Halfway& halfway, std::span<const TokenizedText> texts, ThreadPool* pool) const {
  for_each_pass(passes_of(texts), pool, [&](const Pass& pass, std::size_t position) -> Status {
    transformer_.advance(halfway.block, halfway.passes[position], sequences_of(pass.texts), thread_workspace());
    return {};
  }).value();
  ++halfway.block;
}

EmbeddingMatrix TrialModel::embed_from(const Halfway& halfway, std::span<const TokenizedText> texts, ThreadPool* pool) const {
  EmbeddingMatrix embeddings{texts.size(), head_.size(), std::vector<float>(texts.size() * head_.size())};
  for_each_pass(passes_of(texts), pool, [&](const Pass& pass, std::size_t position) -> Status {
    const std::span<const float> hidden =
        transformer_.finish(halfway.block, halfway.passes[position], sequences_of(pass.texts), thread_workspace());
    apply_head(pass.texts, hidden,
               std::span(embeddings.values).subspan(pass.first * head_.size(), pass.texts.size() * head_.size()));
    return {};
  }).value();
  return embeddings;
}

Status TrialModel::observe(std::span<const TokenizedText> texts, LinearObserver& observer) const {
  std::vector<float> rows(texts.size() * head_.size());
  for (const Pass& pass : passes_of(texts)) ORTHANT_TRY(embed_pass(pass.texts, rows, &observer));
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
