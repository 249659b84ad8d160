#pragma once
// What a search tells of itself when it is asked to explain: plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "index/vector_index.h"

namespace orthant {

// What answered a filter, or one of its conditions: kept from an earlier search, the rows of named ids, field indexes, payloads
// that were read, or indexes for some rows and payloads for those that indexes left open.
enum class FilterSource { kCache, kIds, kIndexes, kIndexesAndPayloads, kPayloads };
std::string_view filter_source_name(FilterSource source);  // "cache", "ids", "indexes", "indexes and payloads", "payloads"

struct ConditionTrace {
  std::string clause;     // "must", "should", "must_not", "min_should"
  std::string condition;  // the key of a field condition; else "has_id", "has_vector", "slice", "nested <key>", "filter"
  FilterSource source = FilterSource::kPayloads;
  std::uint64_t possible_rows = 0;  // that it alone leaves
};

struct FilterTrace {
  FilterSource source = FilterSource::kPayloads;
  std::uint64_t allowed_rows = 0;
  std::uint64_t live_rows = 0;
  std::uint64_t read_payloads = 0;  // rows whose payload was asked
  double microseconds = 0;
  std::vector<ConditionTrace> conditions;  // of the top level, as they would be answered alone
};

struct SearchExplanation {
  IndexConfig config;
  std::string structure;  // of the index: "flat", "graph", "lists"
  std::string quantizer;
  std::optional<FilterTrace> filter;
  SearchTrace trace;
  double search_microseconds = 0;  // plan, query preparation and all stages
  double record_microseconds = 0;  // ids, payloads and vectors of the winners
};

}  // namespace orthant
