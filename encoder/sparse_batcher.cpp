#include "encoder/sparse_batcher.h"

#include <utility>

#include <fmt/format.h>

#include "base/metrics.h"
#include "encoder/estimated_tokens.h"

namespace orthant {
namespace {

struct Pending {
  SparseEncodeRequest request;
  std::vector<std::uint8_t> truncated;  // bytes: bits of a vector<bool> are shared between batches
  SparseEncodeResult result;
  SparseBatcher::Done done;
};

Status encode(const SparseEncoder& encoder, Pending& pending, std::span<const std::size_t> batch) {
  std::vector<std::string_view> texts;
  for (const std::size_t position : batch) texts.push_back(pending.request.texts[position]);
  SparseEncodeResult encoded = ORTHANT_TRY(encoder.encode(texts, pending.request.purpose));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    pending.result.embeddings[batch[i]] = std::move(encoded.embeddings[i]);
    pending.result.token_counts[batch[i]] = encoded.token_counts[i];
    pending.truncated[batch[i]] = encoded.truncated[i] ? 1 : 0;
  }
  counter("orthant_sparse_encode_texts_total", "Texts encoded to sparse vectors",
          fmt::format("model=\"{}\"", escape_label(encoder.info().name)))
      .add(batch.size());
  return {};
}

}  // namespace

SparseBatcher::SparseBatcher(const SparseEncoder& encoder, ThreadPool& pool, BatchRunnerOptions options)
    : encoder_(encoder), runner_(pool, "texts to encode", options) {}

void SparseBatcher::submit(SparseEncodeRequest request, Done done) {
  auto pending = std::make_shared<Pending>();
  const std::size_t count = request.texts.size();
  BatchRunner::Work work;
  for (const std::string& text : request.texts) {
    work.tokens.push_back(estimated_tokens(text, encoder_.info().max_seq_length));
  }
  work.deadline = request.deadline;
  work.cancelled = request.cancelled;
  pending->request = std::move(request);
  pending->done = std::move(done);
  pending->truncated.resize(count);
  pending->result.embeddings.resize(count);
  pending->result.token_counts.resize(count);
  work.run = [this, pending](std::span<const std::size_t> batch) { return encode(encoder_, *pending, batch); };
  work.done = [pending](Status status) {
    if (!status) return pending->done(std::unexpected(std::move(status).error()));
    pending->result.truncated.assign(pending->truncated.begin(), pending->truncated.end());
    pending->done(std::move(pending->result));
  };
  runner_.submit(std::move(work));
}

}  // namespace orthant
