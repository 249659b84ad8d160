// orthant eval: what each quantizer costs and keeps, measured on a retrieval set with human judgements.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include "api/cli/beir_dataset.h"
#include "api/cli/commands.h"
#include "api/cli/model_comparison.h"
#include "api/cli/parallel_encoder.h"
#include "api/cli/progress.h"
#include "api/cli/rerank_evaluation.h"
#include "api/cli/retention.h"
#include "api/cli/vectors_cache.h"
#include "api/cli/weights_option.h"
#include "api/json/json_writer.h"
#include "base/whole_file.h"
#include "encoder/encoder_registry.h"
#include "engine/evaluation.h"

namespace orthant {
namespace {

constexpr std::size_t kMeasuredDepth = 10;

struct EvalArguments {
  std::string folder;
  std::string model{kDefaultModelName};
  std::string weights = "auto";
  std::string compared;  // a second model; empty: none
  std::string compared_weights = "auto";
  std::string split = "test";
  std::string json_file;
  std::string vectors_cache;
  std::size_t dimensions = 0;
  std::optional<double> oversampling;
  std::optional<double> target_recall;
  std::string reranker;
  std::size_t rerank_depth = 100;
};

Result<EmbeddingMatrix> embed(ParallelEncoder& encoder, const VectorsCache& cache, std::span<const std::string> texts,
                              const EncodeOptions& options) {
  const EncoderInfo& model = encoder.encoder().info();
  if (auto kept = cache.find(model, options, texts)) return *std::move(kept);
  const bool queries = options.purpose == Purpose::kQuery;
  Progress progress(queries ? "encoding queries" : "encoding documents", queries ? "queries" : "documents");
  EncodeResult result = ORTHANT_TRY(encoder.encode(texts, options, [&](std::size_t done) {
    progress.update(done, static_cast<double>(done) / static_cast<double>(texts.size()));
  }));
  ORTHANT_TRY(cache.keep(model, options, texts, result.embeddings));
  return std::move(result.embeddings);
}

std::string heading(const EvalArguments& arguments, const BeirDataset& dataset, const EncoderInfo& model, std::size_t dim) {
  std::string text = fmt::format("{} ({}): {} documents, {} queries; {}, {} dimensions\n", arguments.folder, arguments.split,
                                 group_digits(dataset.documents.size()), group_digits(dataset.queries.size()), model.name, dim);
  if (dataset.judged_documents_missing > 0) {
    text += fmt::format("{} judged documents are not in the corpus; they count as never found\n", dataset.judged_documents_missing);
  }
  if (dataset.judged_queries_missing > 0) {
    text += fmt::format("{} judged queries are not in queries.jsonl; they are left out\n", dataset.judged_queries_missing);
  }
  return text;
}

std::string table(std::span<const StageReport> reports) {
  std::string text = fmt::format("\n{:<22}{:>9}{:>11}{:>11}{:>12}{:>9}{:>10}{:>14}{:>10}\n", "stage", "nDCG@10", "retention",
                                 "recall@10", "recall@100", "MRR@10", "exact@10", "bytes/vector", "us/query");
  for (const StageReport& report : reports) {
    text += fmt::format("{:<22}{:>9.4f}{:>9.1f} %{:>11.4f}{:>12.4f}{:>9.4f}{:>10.4f}{:>14.1f}{:>10.1f}\n",
                        search_stages_name(report.stages), report.ndcg_at_10, report.retention * 100, report.recall_at_10,
                        report.recall_at_100, report.mrr_at_10, report.exact_recall_at_10, report.bytes_per_vector,
                        report.microseconds_per_query);
  }
  return text +
         "\nretention: nDCG@10 against float32. exact@10: overlap with the ten best of an exact float search.\n"
         "bytes/vector: what the stage needs in memory; floats that re-rank stay in the store. us/query: one thread, ten "
         "results.\n";
}

struct RerankReport {
  std::string reranker;
  RerankFigures figures;
};

std::string rerank_table(const RerankReport& report) {
  const auto line = [](std::string_view name, const RankingFigures& figures) {
    return fmt::format("{:<22}{:>9.4f}{:>22.4f}{:>21.4f}\n", name, figures.ndcg_at_10, figures.recall_at_10, figures.mrr_at_10);
  };
  const RerankFigures& figures = report.figures;
  return fmt::format(
      "\n{}, the first {} of each exact search read again:\n{:<22}{:>9}{:>22}{:>21}\n{}{}"
      "{} pairs, {} of them cut to the model's length; {:.1f} ms of one thread a query\n",
      report.reranker, figures.depth, "", "nDCG@10", "recall@10", "MRR@10", line("before", figures.before),
      line("after", figures.after), group_digits(figures.pairs), group_digits(figures.truncated), figures.milliseconds_per_query);
}

// One more stage behind those of the index.
void append_reranked(JsonWriter& json, const RerankReport& report) {
  const RerankFigures& figures = report.figures;
  json.begin_object();
  json.key("stage").string("float32+rerank");
  json.key("reranker").string(report.reranker);
  json.key("rerank_depth").number(figures.depth);
  json.key("ndcg@10").number(figures.after.ndcg_at_10);
  json.key("recall@10").number(figures.after.recall_at_10);
  json.key("mrr@10").number(figures.after.mrr_at_10);
  json.key("retention").number(figures.before.ndcg_at_10 > 0 ? figures.after.ndcg_at_10 / figures.before.ndcg_at_10 : 1.0);
  json.key("pairs").number(figures.pairs);
  json.key("truncated_pairs").number(figures.truncated);
  json.key("us_per_query").number(figures.milliseconds_per_query * 1e3);
  json.end_object();
}

void append_reports(JsonWriter& json, std::span<const StageReport> reports, const std::optional<RerankReport>& reranked) {
  json.begin_array();
  for (const StageReport& report : reports) {
    json.begin_object();
    json.key("stage").string(search_stages_name(report.stages));
    json.key("ndcg@10").number(report.ndcg_at_10);
    json.key("recall@10").number(report.recall_at_10);
    json.key("recall@100").number(report.recall_at_100);
    json.key("mrr@10").number(report.mrr_at_10);
    json.key("retention").number(report.retention);
    json.key("bytes_per_vector").number(report.bytes_per_vector);
    json.key("us_per_query").number(report.microseconds_per_query);
    json.key("exact_recall@10").number(report.exact_recall_at_10);
    json.end_object();
  }
  if (reranked) append_reranked(json, *reranked);
  json.end_array();
}

std::string to_json(std::span<const StageReport> reports, const std::optional<RerankReport>& reranked) {
  std::string text;
  JsonWriter json(text);
  append_reports(json, reports, reranked);
  return text + '\n';
}

std::string to_json(std::span<const StageReport> before, std::span<const StageReport> after,
                    std::span<const StageDifference> differences) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("before");
  append_reports(json, before, std::nullopt);
  json.key("after");
  append_reports(json, after, std::nullopt);
  json.key("differences");
  append_comparison(json, differences);
  json.end_object();
  return text + '\n';
}

Result<RerankReport> rerank(const EvalArguments& arguments, const Reranker& reranker, const BeirDataset& dataset,
                            const RetrievalSet& set, ThreadPool& pool) {
  Progress progress("reranking", "queries");
  // What lies behind the depth counts too.
  const std::size_t kept = std::max<std::size_t>(arguments.rerank_depth, kMeasuredDepth);
  const auto rankings = exact_rankings(set.documents, set.queries, kept, &pool);
  return RerankReport{
      reranker.info().name,
      ORTHANT_TRY(evaluate_reranking(reranker, dataset, rankings, arguments.rerank_depth, &pool, [&](std::size_t done) {
        progress.update(done, static_cast<double>(done) / static_cast<double>(dataset.queries.size()));
      }))};
}

// Before anything is encoded: a wrong name is told at once.
Result<std::unique_ptr<Reranker>> load_reranker(const EvalArguments& arguments) {
  if (arguments.reranker.empty()) return nullptr;
  const ModelSource source = ORTHANT_TRY(resolve_model(arguments.reranker));
  return Reranker::load(source.folder, {.name = source.name, .weights = ORTHANT_TRY(parse_weight_precision(arguments.weights))});
}

Result<RetrievalSet> embedded(const EvalArguments& arguments, ParallelEncoder& encoder, const BeirDataset& dataset) {
  const VectorsCache cache(arguments.vectors_cache);
  RetrievalSet set;
  set.documents = ORTHANT_TRY(embed(encoder, cache, dataset.documents, {Purpose::kDocument, arguments.dimensions}));
  set.queries = ORTHANT_TRY(embed(encoder, cache, dataset.queries, {Purpose::kQuery, arguments.dimensions}));
  set.judgements = dataset.judgements;
  return set;
}

EvaluationOptions evaluation_options(const EvalArguments& arguments) {
  return {.oversampling = arguments.oversampling, .target_recall = arguments.target_recall};
}

std::string called(const std::string& model, const ParallelEncoder& encoder) {
  return fmt::format("{} ({})", model, encoder.encoder().info().weight_precision);
}

// Both are loaded before anything is encoded, so that a wrong name is told at once; the first is let go before the second encodes.
Result<int> run_comparison(const EvalArguments& arguments, const BeirDataset& dataset) {
  std::optional<ParallelEncoder> encoder = ORTHANT_TRY(ParallelEncoder::load(arguments.model, arguments.weights));
  ParallelEncoder second = ORTHANT_TRY(ParallelEncoder::load(arguments.compared, arguments.compared_weights));
  const auto measured = [&](ParallelEncoder& model) -> Result<std::vector<StageReport>> {
    const RetrievalSet set = ORTHANT_TRY(embedded(arguments, model, dataset));
    auto reports = ORTHANT_TRY(evaluate(set, evaluation_options(arguments), &model.pool()));
    fmt::print("{}{}\n", heading(arguments, dataset, model.encoder().info(), set.documents.dim), table(reports));
    return reports;
  };
  const std::string name = called(arguments.model, *encoder);
  const auto before = ORTHANT_TRY(measured(*encoder));
  encoder.reset();
  const auto after = ORTHANT_TRY(measured(second));
  const auto differences = stage_differences(before, after);
  fmt::print("{}", comparison_table(differences, name, called(arguments.compared, second)));
  if (!arguments.json_file.empty()) ORTHANT_TRY(write_whole_file(arguments.json_file, to_json(before, after, differences)));
  return kExitSuccess;
}

Result<int> run_eval(const EvalArguments& arguments) {
  const BeirDataset dataset = ORTHANT_TRY(read_beir_dataset(arguments.folder, arguments.split));
  if (!arguments.compared.empty()) return run_comparison(arguments, dataset);
  const std::unique_ptr<Reranker> reranker = ORTHANT_TRY(load_reranker(arguments));
  ParallelEncoder encoder = ORTHANT_TRY(ParallelEncoder::load(arguments.model, arguments.weights));
  const RetrievalSet set = ORTHANT_TRY(embedded(arguments, encoder, dataset));
  const auto reports = ORTHANT_TRY(evaluate(set, evaluation_options(arguments), &encoder.pool()));
  fmt::print("{}{}", heading(arguments, dataset, encoder.encoder().info(), set.documents.dim), table(reports));
  std::optional<RerankReport> reranked;
  if (reranker) {
    reranked = ORTHANT_TRY(rerank(arguments, *reranker, dataset, set, encoder.pool()));
    fmt::print("{}", rerank_table(*reranked));
  }
  if (!arguments.json_file.empty()) ORTHANT_TRY(write_whole_file(arguments.json_file, to_json(reports, reranked)));
  return kExitSuccess;
}

}  // namespace

void add_eval_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App& command = *program.add_subcommand("eval", "Measure every quantizer on a retrieval set: quality kept, memory, speed");
  command.footer(
      "Encodes a set in BEIR's layout (corpus.jsonl, queries.jsonl, qrels/<split>.tsv or qrels.tsv), searches it with every stage\n"
      "of the index and compares with the judgements: nDCG@10, recall@10, recall@100 and MRR@10 as trec_eval computes them.\n"
      "A stage is a form of the vectors, or several: binary+int8+float scans sign bits, re-ranks with int8 and then with "
      "floats.\n\n"
      "Examples:\n"
      "  orthant eval demo/xquad-en\n"
      "  orthant eval ./scifact --model ./my-model --split test --json result.json\n"
      "  orthant eval ./scifact --oversampling 4 --vectors-cache ~/.cache/orthant/eval\n"
      "  orthant eval ./scifact --compare ./minilm-binary/model\n"
      "  orthant eval ./scifact --rerank ./my-cross-encoder --rerank-depth 50");
  command.add_option("folder", arguments->folder, "Folder of the set")->required();
  command.add_option("--model", arguments->model, "A model's name in the cache, or its folder")->capture_default_str();
  add_weights_option(command, arguments->weights);
  command.add_option("--split", arguments->split, "Which judgements: qrels/<split>.tsv")->capture_default_str();
  command.add_option("--json", arguments->json_file, "Also write the figures to this file");
  command.add_option("--vectors-cache", arguments->vectors_cache, "Folder that keeps embeddings for the next run");
  command.add_option("--dimensions", arguments->dimensions,
                     "Keep the first N values of each vector (Matryoshka models); default: all");
  auto* oversampling = command.add_option("--oversampling", arguments->oversampling,
                                          "Candidates a wanted result that the first stage hands on; default: as deep as the index "
                                          "calibrates for --target-recall");
  oversampling->check(CLI::Range(1.0, 1e6));
  command.add_option("--target-recall", arguments->target_recall, "Recall@10 against exact search to calibrate for (default 0.99)")
      ->check(CLI::Range(0.5, 1.0))
      ->excludes(oversampling);
  auto* compared = command.add_option("--compare", arguments->compared,
                                      "A second model, say the one after training: both are measured, and the differences stage by "
                                      "stage, with how sure they are");
  add_weights_option(command, arguments->compared_weights, "--compare-weights")->needs(compared);
  auto* reranker = command.add_option("--rerank", arguments->reranker,
                                      "A cross-encoder's name in the cache, or its folder: also says what it makes of the first "
                                      "documents of each exact search");
  reranker->excludes(compared);
  command.add_option("--rerank-depth", arguments->rerank_depth, "How many of them it reads")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command.callback([arguments, &action] { action = [arguments] { return run_eval(*arguments); }; });
}

}  // namespace orthant
