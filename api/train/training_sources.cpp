#include "api/train/training_sources.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "api/cli/beir_dataset.h"
#include "api/cli/line_source.h"
#include "base/digest.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

bool is_json_file(const fs::path& file) {
  const std::string extension = without_compression_suffix(file).extension().string();
  return extension == ".jsonl" || extension == ".json" || extension == ".ndjson";
}

Result<std::string> chosen_columns(std::string_view line, std::span<const std::int64_t> columns) {
  std::vector<std::string_view> found;
  for (std::size_t start = 0; start <= line.size();) {
    const std::size_t end = std::min(line.find('\t', start), line.size());
    found.push_back(line.substr(start, end - start));
    start = end + 1;
  }
  std::string chosen;
  for (const std::int64_t column : columns) {
    if (column < 1 || column > static_cast<std::int64_t>(found.size())) {
      return invalid_argument(fmt::format("{} columns, column {} is wanted", found.size(), column));
    }
    if (!chosen.empty()) chosen += '\t';
    chosen += found[static_cast<std::size_t>(column - 1)];
  }
  return chosen;
}

Result<TrainingExample> parse_line(std::string_view line, const DataSource& source, bool json) {
  if (json) return parse_json_example(line, source.kind);
  if (source.columns.empty()) return parse_tab_example(line, source.kind);
  const std::string chosen = ORTHANT_TRY(chosen_columns(line, source.columns));
  return parse_tab_example(chosen, source.kind);
}

Result<std::vector<TrainingExample>> read_file(const DataSource& source, const TellUser& tell) {
  LineSource lines = ORTHANT_TRY(LineSource::open(source.file));
  const bool json = is_json_file(source.file);
  std::vector<TrainingExample> examples;
  std::string first_bad;
  std::size_t bad = 0;
  while (const auto line = ORTHANT_TRY(lines.next())) {
    const bool is_header = source.header && !json && lines.line_number() == 1;
    if (is_header || line->find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Result<TrainingExample> example = parse_line(*line, source, json);
    if (example) {
      example->score /= source.score_scale;
      examples.push_back(*std::move(example));
      continue;
    }
    const std::string text = fmt::format("{} line {}: {}", source.file.string(), lines.line_number(), example.error().message);
    if (++bad > source.tolerated_bad_lines) {
      const std::string rest = source.tolerated_bad_lines == 0 ? std::string()
                                                               : fmt::format(" ({} bad lines are tolerated; the first: {})",
                                                                             source.tolerated_bad_lines, first_bad);
      return invalid_argument(text + rest);
    }
    if (bad == 1) first_bad = text;
    tell("left out: " + text);
  }
  return examples;
}

Result<std::vector<TrainingExample>> read_beir(const DataSource& source, const TellUser& tell) {
  const BeirDataset set = ORTHANT_TRY(read_beir_dataset(source.beir, source.split));
  std::vector<TrainingExample> examples;
  std::size_t empty = 0;
  for (std::size_t query = 0; query < set.queries.size(); ++query) {
    for (const Judgement& judgement : set.judgements[query]) {
      if (judgement.relevance <= 0 || judgement.document >= set.documents.size()) continue;
      const std::string& document = set.documents[judgement.document];
      if (document.empty() || set.queries[query].empty()) {
        ++empty;
      } else {
        examples.push_back({{set.queries[query], document}});
      }
    }
  }
  if (empty > 0) tell(fmt::format("{}: {} pairs with an empty text left out", source.beir.string(), empty));
  return examples;
}

std::vector<TrainingExample> single_texts(const std::vector<TrainingExample>& examples) {
  std::unordered_set<std::string> seen;
  std::vector<TrainingExample> texts;
  for (const TrainingExample& example : examples) {
    for (const std::string& text : example.texts) {
      if (seen.insert(text).second) texts.push_back({{text}});
    }
  }
  return texts;
}

template <typename Example>
void keep_some(std::vector<Example>& examples, std::size_t limit, std::uint64_t seed) {
  if (limit == 0 || examples.size() <= limit) return;
  std::vector<std::uint32_t> order = shuffled_order(examples.size(), seed, 0);
  order.resize(limit);
  std::ranges::sort(order);
  std::vector<Example> kept;
  for (const std::uint32_t i : order) kept.push_back(std::move(examples[i]));
  examples = std::move(kept);
}

Result<TrainingData> read_source(const DataSource& source, std::uint64_t seed, const TellUser& tell) {
  TrainingData data{source.beir.empty() ? source.kind : ExampleKind::kPairs, {}};
  data.examples = source.beir.empty() ? ORTHANT_TRY(read_file(source, tell)) : ORTHANT_TRY(read_beir(source, tell));
  if (source.as_texts) {
    data.kind = ExampleKind::kTexts;
    data.examples = single_texts(data.examples);
  }
  keep_some(data.examples, source.limit, seed);
  const fs::path& place = source.beir.empty() ? source.file : source.beir;
  if (data.examples.empty()) return invalid_argument(fmt::format("{}: no examples", place.string()));
  return data;
}

// Documents that are not trained towards: of examples drawn by the seed, hung on the first dev example as its negatives.
void add_distractors(const TrainingData& train, std::size_t count, std::uint64_t seed, TrainingData& dev) {
  if (dev.examples.empty() || dev.kind != ExampleKind::kPairs) return;
  for (const std::uint32_t i : shuffled_order(train.examples.size(), seed, 1)) {
    if (count-- == 0) return;
    dev.examples.front().texts.push_back(train.examples[i].texts[1]);
  }
}

}  // namespace

Result<TrainingData> read_sources(std::span<const DataSource> sources, std::uint64_t seed, const TellUser& tell) {
  TrainingData all;
  for (const DataSource& source : sources) {
    TrainingData data = ORTHANT_TRY(read_source(source, seed, tell));
    if (!all.examples.empty() && data.kind != all.kind) {
      return invalid_argument(
          fmt::format("data: sources of different kinds: {} and {}", example_kind_name(all.kind), example_kind_name(data.kind)));
    }
    all.kind = data.kind;
    std::ranges::move(data.examples, std::back_inserter(all.examples));
  }
  return all;
}

Result<TrainingData> take_dev_set(const DevOptions& options, std::uint64_t seed, TrainingData& train, const TellUser& tell) {
  TrainingData dev{train.kind, {}};
  if (!options.sources.empty()) {
    dev = ORTHANT_TRY(read_sources(options.sources, seed, tell));
  } else if (options.share > 0) {
    std::vector<TrainingExample> kept;
    for (TrainingExample& example : train.examples) {
      // By the text that is asked, so that no query stands on both sides.
      const double place = static_cast<double>(checksum64(example.texts[0]) >> 11) * 0x1p-53;
      (place < options.share ? dev.examples : kept).push_back(std::move(example));
    }
    train.examples = std::move(kept);
  }
  keep_some(dev.examples, options.limit, seed);
  add_distractors(train, options.distractors, seed, dev);
  if (train.examples.empty()) return invalid_argument("dev: nothing is left to train on");
  return dev;
}

}  // namespace orthant
