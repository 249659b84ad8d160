#include "engine/query_cache.h"

#include <utility>

#include <fmt/format.h>

#include "base/metrics.h"

namespace orthant {
namespace {

// What an entry takes beside its text and values: the nodes of list and map and the allocator's share (measured: about 200).
constexpr std::size_t kEntryOverhead = 256;

Counter& hits() {
  static Counter& metric = counter("orthant_query_cache_hits_total", "Query texts whose embedding was in the cache");
  return metric;
}
Counter& misses() {
  static Counter& metric = counter("orthant_query_cache_misses_total", "Query texts that had to be encoded");
  return metric;
}
Gauge& bytes_held() {
  static Gauge& metric = gauge("orthant_query_cache_bytes", "Memory of the cached query embeddings");
  return metric;
}

}  // namespace

QueryCache::~QueryCache() {
  set_bytes(0);
}

std::string QueryCache::key(const EncoderInfo& encoder, const EncodeOptions& options, std::string_view text) {
  // No field but the text can hold a line feed from a user; the text is the last one.
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", encoder.name, encoder.model_sha256, encoder.weight_precision,
                     encoder.pooling, encoder.max_seq_length, options.purpose == Purpose::kQuery ? "query" : "document",
                     options.dimensions, text);
}

std::optional<CachedQuery> QueryCache::find(const std::string& key) {
  if (!enabled()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    misses().add();
    return std::nullopt;
  }
  hits().add();
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->query;
}

void QueryCache::insert(std::string key, CachedQuery query) {
  const std::size_t bytes = key.size() + query.vector.size() * sizeof(float) + kEntryOverhead;
  if (bytes > max_bytes_) return;
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return;
  std::size_t held = bytes_ + bytes;
  while (held > max_bytes_) {
    held -= entries_.back().bytes;
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({std::move(key), std::move(query), bytes});
  by_key_.emplace(entries_.front().key, entries_.begin());
  set_bytes(held);
}

std::size_t QueryCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

// The gauge holds the sum over the caches of the process.
void QueryCache::set_bytes(std::size_t bytes) {
  bytes_held().add(static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(bytes_));
  bytes_ = bytes;
}

}  // namespace orthant
