#pragma once
// What is trained on: examples of one or several texts, with a score or a label where the loss wants one; how they stand in lines
// of JSON and of tab-separated columns; and the order in which they come. Plain values and free functions, any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

// What stands in a line.
enum class ExampleKind : std::uint8_t {
  kPairs,   // a query, a document that answers it, documents that do not (none or more)
  kScored,  // two texts and how similar they are
  kLabels,  // a text and the number of its class, from 0
  kTexts,   // a text
};

// "pairs", "scored", "labels" or "texts".
Result<ExampleKind> parse_example_kind(std::string_view name);
std::string_view example_kind_name(ExampleKind kind);

struct TrainingExample {
  std::vector<std::string> texts;  // query, positive, negatives...; or two texts; or one
  double score = 0;                // of scored pairs
  std::uint32_t label = 0;         // of labelled texts

  bool operator==(const TrainingExample&) const = default;
};

struct TrainingData {
  ExampleKind kind = ExampleKind::kPairs;
  std::vector<TrainingExample> examples;
};

// One line of JSON by these names, or of tab-separated columns in this order; the error says what is wrong with it.
//   pairs   {"query": ..., "positive": ..., "negatives": [...]}   query, positive, negative...
//           ("anchor", "question" are taken for "query", "document", "answer", "pos" for "positive", "negative", "neg" for
//           "negatives")
//   scored  {"a": ..., "b": ..., "score": 0.8}                    a, b, score   ("sentence1", "sentence2" as well)
//   labels  {"text": ..., "label": 1}                             text, label   ("sentence" as well)
//   texts   {"text": ...} or "..."                                the whole line
Result<TrainingExample> parse_json_example(std::string_view line, ExampleKind kind);
Result<TrainingExample> parse_tab_example(std::string_view line, ExampleKind kind);

// A permutation of 0 to count - 1 that depends on seed and epoch alone (Fisher-Yates on splitmix64), the same on every machine.
std::vector<std::uint32_t> shuffled_order(std::size_t count, std::uint64_t seed, std::uint64_t epoch);

}  // namespace orthant
