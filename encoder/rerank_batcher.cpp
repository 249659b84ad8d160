#include "encoder/rerank_batcher.h"

#include <utility>

#include <fmt/format.h>

#include "base/metrics.h"
#include "encoder/estimated_tokens.h"

namespace orthant {
namespace {

struct Pending {
  RerankRequest request;
  std::vector<std::uint8_t> truncated;  // bytes: bits of a vector<bool> are shared between batches
  RerankResult result;
  RerankBatcher::Done done;
};

Status score(const Reranker& reranker, Pending& pending, std::span<const std::size_t> batch) {
  std::vector<std::string_view> documents;
  for (const std::size_t position : batch) documents.push_back(pending.request.documents[position]);
  const RerankResult scored = ORTHANT_TRY(reranker.score(pending.request.query, documents));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    pending.result.logits[batch[i]] = scored.logits[i];
    pending.result.scores[batch[i]] = scored.scores[i];
    pending.result.token_counts[batch[i]] = scored.token_counts[i];
    pending.truncated[batch[i]] = scored.truncated[i] ? 1 : 0;
  }
  counter("orthant_rerank_pairs_total", "Pairs scored by rerankers",
          fmt::format("model=\"{}\"", escape_label(reranker.info().name)))
      .add(batch.size());
  return {};
}

}  // namespace

RerankBatcher::RerankBatcher(const Reranker& reranker, ThreadPool& pool, BatchRunnerOptions options)
    : reranker_(reranker), runner_(pool, "pairs to rerank", options) {}

void RerankBatcher::submit(RerankRequest request, Done done) {
  auto pending = std::make_shared<Pending>();
  const std::size_t count = request.documents.size();
  const std::size_t limit = reranker_.info().max_seq_length;
  BatchRunner::Work work;
  for (const std::string& document : request.documents) {
    work.tokens.push_back(std::min(estimated_tokens(request.query, limit) + estimated_tokens(document, limit), limit));
  }
  work.deadline = request.deadline;
  work.cancelled = request.cancelled;
  pending->request = std::move(request);
  pending->done = std::move(done);
  pending->truncated.resize(count);
  pending->result.logits.resize(count);
  pending->result.scores.resize(count);
  pending->result.token_counts.resize(count);
  work.run = [this, pending](std::span<const std::size_t> batch) { return score(reranker_, *pending, batch); };
  work.done = [pending](Status status) {
    if (!status) return pending->done(std::unexpected(std::move(status).error()));
    pending->result.truncated.assign(pending->truncated.begin(), pending->truncated.end());
    pending->done(std::move(pending->result));
  };
  runner_.submit(std::move(work));
}

}  // namespace orthant
