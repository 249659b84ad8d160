#pragma once
// StrictMode: what a collection's strict_mode_config allows, as checks of request bodies before they are carried out. It looks at
// the JSON, not at parsed requests: the same few members ("filter", "limit", "params", "points") stand in all of them, at any
// depth. Immutable but for the rate limits, which have their own lock; any thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/json_reader.h"
#include "api/qdrant/collection_settings.h"
#include "base/result.h"

namespace orthant::qdrant {

// A bucket that holds a minute's requests and fills evenly.
class RateLimit {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  explicit RateLimit(double per_minute) : capacity_(per_minute), tokens_(per_minute) {}
  double per_minute() const { return capacity_; }
  // Takes `cost` tokens, or says how long to wait. `what`: "Read" or "Write". resource_exhausted ends in "(in N s)".
  Status take(std::string_view what, double cost, Moment now);

 private:
  const double capacity_;
  std::mutex mutex_;
  double tokens_;           // guarded by mutex_
  Moment last_ = Moment();  // guarded by mutex_
};

// Seconds that a client is told to wait, from the message of a RateLimit's error.
std::optional<std::uint64_t> retry_after_seconds(std::string_view message);

// What a request does to a collection, in the measure of strict mode.
struct StrictFacts {
  std::uint64_t points = 0;         // in the collection
  std::uint64_t vector_bytes = 0;   // of all its points
  std::uint64_t payload_bytes = 0;  // the same
  const FieldSchemas* field_indexes = nullptr;
};
// `info` must outlive the facts.
StrictFacts strict_facts_of(const CollectionInfo& info);

class StrictMode {
 public:
  // Nothing where it is not enabled. `config`: the members of strict_mode_config as JSON text.
  static std::shared_ptr<StrictMode> make(const JsonFields& config);

  // "Bad request: " errors that name the parameter, the limit and what was found; resource_exhausted of rates.
  Status check_timeout(std::optional<std::chrono::seconds> timeout) const;
  // A query, a scroll, a count, or a batch of them.
  Status check_read(JsonValue body, const StrictFacts& facts) const;
  // The body of one write; `operation` as in points/batch: "upsert", "update_vectors", "delete", "set_payload", ...
  Status check_write(std::string_view operation, JsonValue body, const StrictFacts& facts) const;
  Status check_new_field_index(const StrictFacts& facts) const;
  // Points are to be added, whatever they are; the length of one vector of them.
  Status check_growth(const StrictFacts& facts) const;
  Status check_length(std::string_view name, const VectorInput& vector) const;

  // Tokens that a request costs: searches of a batch, points of a write; of a write by filter, half of the points where a condition
  // has no index, because they may all be read.
  static double read_cost(JsonValue body);
  static double write_cost(std::string_view operation, JsonValue body, const StrictFacts& facts);
  Status take_read(double cost, RateLimit::Moment now) const;
  Status take_write(double cost, RateLimit::Moment now) const;

  // Rate limits that stay as they were keep what is left of them.
  void inherit(const StrictMode& before);

 private:
  std::optional<double> limit(std::string_view name) const;
  Status check_limit(std::string_view name, std::string_view parameter, double found) const;
  Status check_search(JsonValue body, const StrictFacts& facts) const;
  Status check_params(JsonValue params) const;
  Status check_filter(JsonValue filter, std::string_view permission, const StrictFacts& facts) const;
  Status check_condition(JsonValue condition, const std::string& prefix, bool needs_index, const StrictFacts& facts,
                         std::size_t& conditions) const;
  Status check_payload_growth(const StrictFacts& facts) const;
  Status check_vectors(JsonValue points) const;
  Status check_vector(std::string_view name, JsonValue vector) const;
  Status check_rows(std::string_view name, std::size_t rows) const;
  Status check_indices(std::string_view name, std::size_t indices) const;

  std::map<std::string, double, std::less<>> limits_;        // flags as 0 and 1
  std::map<std::string, double, std::less<>> most_rows_;     // of multivectors, by vector name
  std::map<std::string, double, std::less<>> most_indices_;  // of sparse vectors
  std::shared_ptr<RateLimit> reads_;
  std::shared_ptr<RateLimit> writes_;
};

}  // namespace orthant::qdrant
