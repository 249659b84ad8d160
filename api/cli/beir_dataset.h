#pragma once
// BeirDataset: a retrieval set in BEIR's layout, read whole: corpus.jsonl, queries.jsonl and judgements in qrels/<split>.tsv or
// qrels.tsv. A plain value.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/evaluation.h"

namespace orthant {

struct BeirDataset {
  std::vector<std::string> document_ids;
  std::vector<std::string> documents;  // title, a space, text, stripped
  std::vector<std::string> query_ids;  // those that the split judges, in the order of queries.jsonl
  std::vector<std::string> queries;
  std::vector<std::vector<Judgement>> judgements;  // one list a query
  // What the files refer to and do not hold.
  std::size_t judged_documents_missing = 0;
  std::size_t judged_queries_missing = 0;
};

// Files may be packed (.gz, .zst). not_found names the file that is missing; a bad line is invalid_argument with file and line.
Result<BeirDataset> read_beir_dataset(const std::filesystem::path& folder, std::string_view split);

// Queries and judgements without the corpus: documents by the ids that the set gives them.
struct JudgedQueries {
  std::vector<std::string> query_ids;  // those that the split judges, in the order of queries.jsonl
  std::vector<std::string> queries;
  std::vector<std::vector<std::pair<std::string, std::int32_t>>> judgements;  // one list a query
};

// Errors as read_beir_dataset().
Result<JudgedQueries> read_judged_queries(const std::filesystem::path& folder, std::string_view split);

}  // namespace orthant
