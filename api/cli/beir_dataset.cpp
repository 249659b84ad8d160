#include "api/cli/beir_dataset.h"

#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "api/cli/document_reader.h"
#include "api/cli/line_source.h"
#include "api/json/json_reader.h"
#include "base/parse_number.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

// Judged documents of each query: id -> relevance. A pair that is judged twice keeps the last.
using Qrels = std::unordered_map<std::string, std::map<std::string, std::int32_t>>;

struct Record {
  std::string id;
  std::string title;
  std::string text;
};

std::optional<fs::path> existing(const fs::path& path) {
  for (const char* suffix : {"", ".gz", ".zst"}) {
    const fs::path candidate = path.string() + suffix;
    if (fs::is_regular_file(candidate)) return candidate;
  }
  return std::nullopt;
}

Result<fs::path> required(const fs::path& path) {
  if (const auto found = existing(path)) return *found;
  return not_found(path.string() +
                   ": no such file; a retrieval set has corpus.jsonl, queries.jsonl and qrels/<split>.tsv or qrels.tsv");
}

Result<Record> parse_record(std::string_view line) {
  const JsonDocument json = ORTHANT_TRY(JsonDocument::parse(std::string(line)));
  const JsonValue id = ORTHANT_TRY(json.root().require("_id"));
  Record record;
  record.id = id.is_number() ? std::string(id.raw()) : ORTHANT_TRY(id.as_string());
  record.title = ORTHANT_TRY(json.root().find_string("title")).value_or("");
  record.text = ORTHANT_TRY(ORTHANT_TRY(json.root().require("text")).as_string());
  return record;
}

// Calls take(line) for each line that holds anything; its errors get the file's name and the line's number.
template <typename Take>
Status for_each_line(const fs::path& path, Take&& take) {
  LineSource lines = ORTHANT_TRY(LineSource::open(path));
  while (const auto line = ORTHANT_TRY(lines.next())) {
    if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
    Status taken = take(*line);
    if (!taken) {
      return with_context(fmt::format("{}:{}", path.string(), lines.line_number()), line_error(std::move(taken).error()).error());
    }
  }
  return {};
}

Status read_records(const fs::path& path, std::vector<Record>& records) {
  std::unordered_map<std::string, std::size_t> positions;
  return for_each_line(path, [&](std::string_view line) -> Status {
    Record record = ORTHANT_TRY(parse_record(line));
    const auto [found, is_new] = positions.try_emplace(record.id, records.size());
    if (is_new) {
      records.push_back(std::move(record));
    } else {
      records[found->second] = std::move(record);
    }
    return {};
  });
}

Result<Qrels> read_qrels(const fs::path& path) {
  Qrels qrels;
  bool first = true;
  ORTHANT_TRY(for_each_line(path, [&](std::string_view line) -> Status {
    const bool may_be_header = std::exchange(first, false);
    const std::size_t one = line.find('\t');
    const std::size_t two = one == std::string_view::npos ? one : line.find('\t', one + 1);
    if (two == std::string_view::npos) return invalid_argument("expected query-id, corpus-id and score, with tabs between");
    const auto relevance = parse_number<std::int32_t>(line.substr(two + 1));
    if (relevance) {
      qrels[std::string(line.substr(0, one))][std::string(line.substr(one + 1, two - one - 1))] = *relevance;
    } else if (!may_be_header) {
      return invalid_argument(fmt::format("the score is `{}`, expected an integer", line.substr(two + 1)));
    }
    return {};
  }));
  return qrels;
}

Result<fs::path> qrels_file(const fs::path& folder, std::string_view split) {
  if (const auto of_split = existing(folder / "qrels" / fmt::format("{}.tsv", split))) return *of_split;
  // One file for all: only where the set is not split.
  if (!fs::is_directory(folder / "qrels")) return required(folder / "qrels.tsv");
  return not_found(
      fmt::format("{}: no such file; --split names one that exists", (folder / "qrels" / fmt::format("{}.tsv", split)).string()));
}

void take_documents(BeirDataset& dataset, std::vector<Record> records) {
  for (Record& record : records) {
    dataset.documents.push_back(joined_text(record.title, record.text));
    dataset.document_ids.push_back(std::move(record.id));
  }
}

void take_judged_queries(BeirDataset& dataset, std::vector<Record> records, const Qrels& qrels) {
  std::unordered_map<std::string_view, Ordinal> ordinals;
  for (std::size_t i = 0; i < dataset.document_ids.size(); ++i) ordinals.emplace(dataset.document_ids[i], static_cast<Ordinal>(i));
  for (Record& record : records) {
    const auto judged = qrels.find(record.id);
    if (judged == qrels.end()) continue;
    std::vector<Judgement> judgements;
    for (const auto& [document, relevance] : judged->second) {
      const auto known = ordinals.find(document);
      if (known == ordinals.end()) ++dataset.judged_documents_missing;
      judgements.push_back({known == ordinals.end() ? kNoOrdinal : known->second, relevance});
    }
    dataset.judgements.push_back(std::move(judgements));
    dataset.query_ids.push_back(std::move(record.id));
    dataset.queries.push_back(std::move(record.text));
  }
  dataset.judged_queries_missing = qrels.size() - dataset.queries.size();
}

std::unexpected<Error> nothing_judged(const fs::path& folder, std::string_view split) {
  return invalid_argument(fmt::format("{}: no query of queries.jsonl is judged in split `{}`", folder.string(), split));
}

}  // namespace

Result<JudgedQueries> read_judged_queries(const fs::path& folder, std::string_view split) {
  if (!fs::is_directory(folder)) return not_found(folder.string() + ": no such folder");
  std::vector<Record> records;
  ORTHANT_TRY(read_records(ORTHANT_TRY(required(folder / "queries.jsonl")), records));
  const Qrels qrels = ORTHANT_TRY(read_qrels(ORTHANT_TRY(qrels_file(folder, split))));
  JudgedQueries judged;
  for (Record& record : records) {
    const auto found = qrels.find(record.id);
    if (found == qrels.end()) continue;
    judged.judgements.emplace_back(found->second.begin(), found->second.end());
    judged.query_ids.push_back(std::move(record.id));
    judged.queries.push_back(std::move(record.text));
  }
  if (judged.queries.empty()) return nothing_judged(folder, split);
  return judged;
}

Result<BeirDataset> read_beir_dataset(const fs::path& folder, std::string_view split) {
  if (!fs::is_directory(folder)) return not_found(folder.string() + ": no such folder");
  std::vector<Record> documents;
  std::vector<Record> queries;
  ORTHANT_TRY(read_records(ORTHANT_TRY(required(folder / "corpus.jsonl")), documents));
  ORTHANT_TRY(read_records(ORTHANT_TRY(required(folder / "queries.jsonl")), queries));
  const Qrels qrels = ORTHANT_TRY(read_qrels(ORTHANT_TRY(qrels_file(folder, split))));
  BeirDataset dataset;
  take_documents(dataset, std::move(documents));
  take_judged_queries(dataset, std::move(queries), qrels);
  if (dataset.documents.empty()) return invalid_argument((folder / "corpus.jsonl").string() + ": holds no documents");
  if (dataset.queries.empty()) {
    return nothing_judged(folder, split);
  }
  return dataset;
}

}  // namespace orthant
