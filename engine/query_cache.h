#pragma once
// QueryCache: embeddings of recent query texts, so that a question asked again costs no encoding. Bounded in bytes, the least
// recently used entry goes first. Any thread; one mutex, held for a look-up or a copy of one vector. Hits, misses and bytes are in
// /metrics (orthant_query_cache_*).

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "encoder/encoder.h"

namespace orthant {

// What encoding one text gave.
struct CachedQuery {
  std::vector<float> vector;
  std::uint32_t tokens = 0;
  bool truncated = false;
};

class QueryCache {
 public:
  // 0: nothing is ever kept, and nothing counted.
  explicit QueryCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  ~QueryCache();
  QueryCache(const QueryCache&) = delete;
  QueryCache& operator=(const QueryCache&) = delete;

  // Everything that the embedding of a text depends on: two models never share an entry, nor do two purposes or dimensions.
  static std::string key(const EncoderInfo& encoder, const EncodeOptions& options, std::string_view text);

  bool enabled() const { return max_bytes_ != 0; }
  std::optional<CachedQuery> find(const std::string& key);
  // Of equal keys the first entry stays: both are the same. An entry larger than the cache is not kept.
  void insert(std::string key, CachedQuery query);

  std::size_t bytes() const;

 private:
  struct Entry {
    std::string key;
    CachedQuery query;
    std::size_t bytes;
  };

  void set_bytes(std::size_t bytes);

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;                                                 // the last used first; guarded by mutex_
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // views into entries_; guarded by mutex_
  std::size_t bytes_ = 0;                                                    // guarded by mutex_
};

}  // namespace orthant
