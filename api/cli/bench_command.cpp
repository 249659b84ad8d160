// orthant bench: what the parts of Orthant cost on this machine. So far the encoder.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include "api/cli/commands.h"
#include "api/cli/document_reader.h"
#include "api/cli/encoder_benchmark.h"
#include "api/cli/progress.h"
#include "api/json/json_writer.h"
#include "base/bytes.h"
#include "base/cpu.h"
#include "base/npy.h"
#include "base/whole_file.h"
#include "encoder/calibration_texts.h"
#include "encoder/encoder_registry.h"
#include "encoder/weight_precision.h"

namespace orthant {
namespace {

// Bundled texts are sentences: this many make a passage of about 110 tokens, and those up to this long are queries.
constexpr std::size_t kSentencesPerPassage = 5;
constexpr std::size_t kQueryCharacters = 70;

struct BenchEncoderArguments {
  std::string model{kDefaultModelName};
  std::string weights = "auto";
  std::string passages_file;
  std::string queries_file;
  std::string json_file;
  std::string embeddings_file;
  EncoderBenchmarkOptions options;
};

struct BenchTexts {
  std::vector<std::string> passages;
  std::vector<std::string> queries;
};

struct MemoryFigures {
  std::uint64_t after_load = 0;
  std::uint64_t peak = 0;
};

Result<std::vector<std::string>> read_texts(const std::string& path) {
  TextReader reader = ORTHANT_TRY(TextReader::open(path));
  std::vector<std::string> texts;
  while (auto text = ORTHANT_TRY(reader.next())) texts.push_back(*std::move(text));
  if (texts.empty()) return invalid_argument(path + ": no texts");
  return texts;
}

BenchTexts bundled_texts() {
  const std::vector<std::string_view> sentences = calibration_texts();
  BenchTexts texts;
  for (std::size_t first = 0; first + kSentencesPerPassage <= sentences.size(); first += kSentencesPerPassage) {
    texts.passages.push_back(fmt::format("{}", fmt::join(std::span(sentences).subspan(first, kSentencesPerPassage), " ")));
  }
  for (const std::string_view sentence : sentences) {
    if (sentence.size() <= kQueryCharacters) texts.queries.emplace_back(sentence);
  }
  return texts;
}

// A file given for one list leaves the other empty: figures of the user's texts do not mix with those of others.
Result<BenchTexts> choose_texts(const BenchEncoderArguments& arguments) {
  if (arguments.passages_file.empty() && arguments.queries_file.empty()) return bundled_texts();
  BenchTexts texts;
  if (!arguments.passages_file.empty()) texts.passages = ORTHANT_TRY(read_texts(arguments.passages_file));
  if (!arguments.queries_file.empty()) texts.queries = ORTHANT_TRY(read_texts(arguments.queries_file));
  return texts;
}

double mebibytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

void print_figures(const EncoderInfo& model, const EncoderBenchmark& bench, const MemoryFigures& memory) {
  fmt::print("{}: {}, {} weights, {} dimensions; {}, level {}, one thread\n", model.name, model.architecture,
             model.weight_precision, model.dim, cpu_model_name(), cpu_level_name(cpu_level()));
  if (bench.passages > 0) {
    fmt::print("passages   {} of {:.0f} tokens: {:.1f}/s by CPU time, {:.1f}/s by the wall clock; {} tokens/s\n",
               group_digits(bench.passages), static_cast<double>(bench.passage_tokens) / static_cast<double>(bench.passages),
               bench.passages_per_second(), bench.passages_per_second_wall(),
               group_digits(static_cast<std::uint64_t>(bench.tokens_per_second())));
  }
  if (bench.queries > 0) {
    fmt::print("queries    {} of {:.0f} tokens: p50 {:.2f} ms, p99 {:.2f} ms by CPU time; {:.2f} and {:.2f} ms by the wall clock\n",
               group_digits(bench.queries), static_cast<double>(bench.query_tokens) / static_cast<double>(bench.queries),
               bench.query_cpu.p50_ms, bench.query_cpu.p99_ms, bench.query_wall.p50_ms, bench.query_wall.p99_ms);
  }
  fmt::print("memory     model {:.1f} MiB; process {:.1f} MiB after loading, {:.1f} MiB at its peak\n",
             mebibytes(model.memory_bytes), mebibytes(memory.after_load), mebibytes(memory.peak));
}

double total(const StageTimes& times) {
  double sum = 0;
  for (const double seconds : times.seconds) sum += seconds;
  return sum;
}

// Stages that take nothing in both (float32 quantizes no inputs) are left out.
void print_profile(const EncoderBenchmark& bench) {
  fmt::print("\n{:<20}{:>14}{:>8}{:>14}{:>8}\n", "stage", "ms a passage", "share", "ms a query", "share");
  for (std::size_t i = 0; i < kEncodeStageNames.size(); ++i) {
    const double passage = bench.passage_stages.seconds[i];
    const double query = bench.query_stages.seconds[i];
    if (passage == 0 && query == 0) continue;
    fmt::print("{:<20}{:>14.4f}{:>6.1f} %{:>14.4f}{:>6.1f} %\n", kEncodeStageNames[i],
               passage * 1e3 / static_cast<double>(std::max<std::size_t>(bench.passages, 1)),
               passage * 100 / std::max(total(bench.passage_stages), 1e-12),
               query * 1e3 / static_cast<double>(std::max<std::size_t>(bench.queries, 1)),
               query * 100 / std::max(total(bench.query_stages), 1e-12));
  }
}

void append_stages(JsonWriter& json, const StageTimes& times) {
  json.begin_object();
  for (std::size_t i = 0; i < kEncodeStageNames.size(); ++i) json.key(kEncodeStageNames[i]).number(times.seconds[i]);
  json.end_object();
}

std::string to_json(const EncoderInfo& model, const BenchEncoderArguments& arguments, const EncoderBenchmark& bench,
                    const MemoryFigures& memory) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("model").string(model.name);
  json.key("weights").string(model.weight_precision);
  json.key("cpu").string(cpu_model_name());
  json.key("cpu_level").string(cpu_level_name(cpu_level()));
  json.key("threads").number(1U);
  json.key("batch").number(arguments.options.batch);
  json.key("rounds").number(arguments.options.rounds);
  json.key("passages").number(bench.passages);
  json.key("passage_tokens").number(bench.passage_tokens);
  json.key("passages_per_second").number(bench.passages == 0 ? 0.0 : bench.passages_per_second());
  json.key("passages_per_second_wall").number(bench.passages == 0 ? 0.0 : bench.passages_per_second_wall());
  json.key("tokens_per_second").number(bench.passages == 0 ? 0.0 : bench.tokens_per_second());
  json.key("passage_rounds").begin_array();
  for (const ElapsedTime& round : bench.passage_rounds) {
    json.begin_object().key("cpu_seconds").number(round.cpu).key("wall_seconds").number(round.wall).end_object();
  }
  json.end_array();
  json.key("queries").number(bench.queries);
  json.key("query_tokens").number(bench.query_tokens);
  json.key("query_p50_ms").number(bench.query_cpu.p50_ms);
  json.key("query_p99_ms").number(bench.query_cpu.p99_ms);
  json.key("query_p50_wall_ms").number(bench.query_wall.p50_ms);
  json.key("query_p99_wall_ms").number(bench.query_wall.p99_ms);
  json.key("model_bytes").number(model.memory_bytes);
  json.key("memory_after_load_bytes").number(memory.after_load);
  json.key("peak_memory_bytes").number(memory.peak);
  if (arguments.options.profile) {
    json.key("passage_stage_seconds");
    append_stages(json, bench.passage_stages);
    json.key("query_stage_seconds");
    append_stages(json, bench.query_stages);
  }
  json.end_object();
  return text + '\n';
}

Status write_embeddings(const std::string& path, const EmbeddingMatrix& embeddings) {
  const ByteSpan bytes(reinterpret_cast<const std::uint8_t*>(embeddings.values.data()), embeddings.values.size() * sizeof(float));
  return write_npy(path, NpyType::kFloat32, embeddings.rows, embeddings.dim, bytes);
}

Result<int> run_bench_encoder(const BenchEncoderArguments& arguments) {
  const WeightPrecision weights = ORTHANT_TRY(parse_weight_precision(arguments.weights));
  const BenchTexts texts = ORTHANT_TRY(choose_texts(arguments));
  const ModelSource source = ORTHANT_TRY(resolve_model(arguments.model));
  const auto encoder = ORTHANT_TRY(Encoder::load(source.folder, {.name = source.name, .weights = weights}));
  MemoryFigures memory;
  memory.after_load = resident_bytes();
  const EncoderBenchmark bench = ORTHANT_TRY(benchmark_encoder(*encoder, texts.passages, texts.queries, arguments.options));
  memory.peak = peak_resident_bytes();
  print_figures(encoder->info(), bench, memory);
  if (arguments.options.profile) print_profile(bench);
  if (!arguments.json_file.empty()) {
    ORTHANT_TRY(write_whole_file(arguments.json_file, to_json(encoder->info(), arguments, bench, memory)));
  }
  if (!arguments.embeddings_file.empty()) ORTHANT_TRY(write_embeddings(arguments.embeddings_file, bench.embeddings));
  return kExitSuccess;
}

void add_bench_encoder_command(CLI::App& bench, Action& action) {
  auto arguments = std::make_shared<BenchEncoderArguments>();
  CLI::App& command = *bench.add_subcommand("encoder", "Speed and memory of a model on one thread, tokenization included");
  command.footer(
      "Encodes passages in batches and queries one at a time, after one pass that is not counted. Figures are CPU times of the\n"
      "thread (a busy machine blurs them less) with wall times beside them; passages/s is that of the median round. Without\n"
      "--passages and --queries the calibration texts that come with Orthant are taken: five sentences a passage, short ones as\n"
      "queries.\n\n"
      "Examples:\n"
      "  orthant bench encoder\n"
      "  orthant bench encoder --model ./my-model --passages passages.txt --queries queries.txt --json figures.json");
  command.add_option("--model", arguments->model, "A model's name in the cache, or its folder")->capture_default_str();
  command.add_option("--weights", arguments->weights, "How the weights are held and multiplied; auto: as the model's files say")
      ->check(CLI::IsMember({"auto", "float32", "bfloat16", "float16", "int8", "int4", "nf4", "mixed"}))
      ->capture_default_str();
  command.add_option("--passages", arguments->passages_file, "Texts to encode in batches, one a line (or JSON lines, .gz, .zst)");
  command.add_option("--queries", arguments->queries_file, "Texts to encode one at a time");
  command.add_option("--batch", arguments->options.batch, "Passages of one call")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command.add_option("--rounds", arguments->options.rounds, "How often all texts are encoded")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_flag("--profile", arguments->options.profile, "Also say where the time goes, from one more pass");
  command.add_option("--json", arguments->json_file, "Also write the figures to this file");
  command.add_option("--embeddings", arguments->embeddings_file, "Also write the passages' embeddings to this .npy file");
  command.callback([arguments, &action] { action = [arguments] { return run_bench_encoder(*arguments); }; });
}

}  // namespace

void add_bench_command(CLI::App& program, Action& action) {
  CLI::App& command = *program.add_subcommand("bench", "Measure what parts of Orthant cost on this machine");
  command.require_subcommand(1);
  command.footer(
      "Example:\n"
      "  orthant bench encoder");
  add_bench_encoder_command(command, action);
}

}  // namespace orthant
