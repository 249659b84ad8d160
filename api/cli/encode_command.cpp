// orthant encode and orthant tokenize: texts of a file to embeddings or to token ids.

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/document_reader.h"
#include "api/cli/parallel_encoder.h"
#include "api/cli/progress.h"
#include "api/cli/weights_option.h"
#include "api/json/json_writer.h"
#include "base/npy.h"
#include "encoder/embedding.h"
#include "encoder/encoder_registry.h"
#include "encoder/output_quantization.h"
#include "encoder/sparse_encoder.h"
#include "encoder/weight_precision.h"

namespace orthant {
namespace {

// What is read before it is encoded and written: bounds the memory of a command, whatever the size of its input.
constexpr std::size_t kBlockTexts = 4096;
constexpr std::size_t kBlockBytes = std::size_t{16} << 20;

struct EncodeArguments {
  std::string model{kDefaultModelName};
  std::string weights = "auto";
  std::string input;
  std::string output;
  std::string precision = "float32";
  std::string purpose = "document";
  std::size_t dimensions = 0;
  std::string calibration;
  std::string ranges;
  bool sparse = false;
};

// The next block of texts; empty at the end of the input.
Result<std::vector<std::string>> read_block(TextReader& reader) {
  std::vector<std::string> texts;
  std::size_t bytes = 0;
  while (texts.size() < kBlockTexts && bytes < kBlockBytes) {
    auto text = ORTHANT_TRY(reader.next());
    if (!text) break;
    bytes += text->size();
    texts.push_back(*std::move(text));
  }
  return texts;
}

Result<FloatMatrix> read_float_rows(const std::string& path, std::size_t dim) {
  FloatMatrix matrix = ORTHANT_TRY(read_npy_floats(path));
  if (matrix.columns != dim) {
    return invalid_argument(fmt::format("{}: {} columns, the embeddings have {} dimensions", path, matrix.columns, dim));
  }
  return matrix;
}

QuantizationRanges ranges_from_rows(std::span<const float> values, std::size_t dim) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(dim);
  return {{values.begin(), middle}, {middle, middle + static_cast<std::ptrdiff_t>(dim)}};
}

// Given ranges before calibration vectors before what is kept beside the model, as Sentence Transformers chooses.
Result<std::optional<QuantizationRanges>> choose_ranges(const EncodeArguments& arguments, OutputPrecision precision,
                                                        const Encoder& encoder, std::size_t dim) {
  if (precision != OutputPrecision::kInt8 && precision != OutputPrecision::kUint8) return std::nullopt;
  if (!arguments.ranges.empty()) {
    const FloatMatrix rows = ORTHANT_TRY(read_float_rows(arguments.ranges, dim));
    if (rows.rows != 2) {
      return invalid_argument(fmt::format("{}: {} rows, expected 2: minima and maxima", arguments.ranges, rows.rows));
    }
    return ranges_from_rows(rows.values, dim);
  }
  if (!arguments.calibration.empty()) {
    FloatMatrix rows = ORTHANT_TRY(read_float_rows(arguments.calibration, dim));
    return ORTHANT_TRY(ranges_of({rows.rows, rows.columns, std::move(rows.values)}));
  }
  return ranges_from_rows(ORTHANT_TRY(encoder.calibration_ranges(dim)).values, dim);
}

NpyType npy_type(OutputPrecision precision) {
  switch (precision) {
    case OutputPrecision::kFloat32: return NpyType::kFloat32;
    case OutputPrecision::kInt8:
    case OutputPrecision::kBinary: return NpyType::kInt8;
    default: return NpyType::kUint8;
  }
}

struct EncodeSummary {
  std::size_t texts = 0;
  std::size_t tokens = 0;
  std::size_t truncated = 0;

  void add(const EncodeResult& result) {
    texts += result.token_counts.size();
    for (const std::uint32_t count : result.token_counts) tokens += count;
    for (const bool was_truncated : result.truncated) truncated += was_truncated ? 1 : 0;
  }
};

void write_sparse_line(std::string& out, const SparseEmbedding& embedding) {
  JsonWriter json(out);
  json.begin_object().key("indices").begin_array();
  for (const std::uint32_t index : embedding.indices) json.number(index);
  json.end_array().key("values").numbers(embedding.values).end_object();
  out += '\n';
}

// Groups of texts in parallel, lines in their order.
Result<std::string> sparse_lines(const SparseEncoder& encoder, ThreadPool& pool, const std::vector<std::string>& texts,
                                 Purpose purpose, std::size_t& truncated) {
  constexpr std::size_t kGroup = 32;
  const std::size_t groups = (texts.size() + kGroup - 1) / kGroup;
  std::vector<Result<SparseEncodeResult>> results(groups);
  parallel_for(&pool, groups, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t group = begin; group < end; ++group) {
      const std::size_t first = group * kGroup;
      const std::vector<std::string_view> views(
          texts.begin() + static_cast<std::ptrdiff_t>(first),
          texts.begin() + static_cast<std::ptrdiff_t>(std::min(first + kGroup, texts.size())));
      results[group] = encoder.encode(views, purpose);
    }
  });
  std::string lines;
  for (const Result<SparseEncodeResult>& result : results) {
    if (!result) return std::unexpected(result.error());
    for (const SparseEmbedding& embedding : result->embeddings) write_sparse_line(lines, embedding);
    truncated += static_cast<std::size_t>(std::ranges::count(result->truncated, true));
  }
  return lines;
}

Result<int> run_sparse(const EncodeArguments& arguments) {
  TextReader reader = ORTHANT_TRY(TextReader::open(arguments.input));
  const ModelSource source = ORTHANT_TRY(resolve_model(arguments.model));
  EncoderOptions options;
  options.name = source.name;
  options.weights = ORTHANT_TRY(parse_weight_precision(arguments.weights));
  const std::unique_ptr<SparseEncoder> encoder = ORTHANT_TRY(SparseEncoder::load(source.folder, options));
  const Purpose purpose = arguments.purpose == "query" ? Purpose::kQuery : Purpose::kDocument;
  std::ofstream out(arguments.output, std::ios::binary | std::ios::trunc);
  if (!out) return io_error(arguments.output + ": cannot be written");
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  ThreadPool pool("encode", std::max<std::size_t>(cores - 1, 1), 4 * cores);
  Progress progress("encoding", "texts");
  std::size_t done = 0;
  std::size_t truncated = 0;
  while (true) {
    const std::vector<std::string> texts = ORTHANT_TRY(read_block(reader));
    if (texts.empty()) break;
    out << ORTHANT_TRY(sparse_lines(*encoder, pool, texts, purpose, truncated));
    done += texts.size();
    progress.update(done, reader.share_read());
  }
  out.close();
  if (!out) return io_error(arguments.output + ": writing failed");
  progress.clear();
  fmt::print(stderr, "{}: {} sparse vectors in {}\n", arguments.output, group_digits(done),
             format_duration(progress.elapsed_seconds()));
  if (truncated > 0) fmt::print(stderr, "{} texts were longer than the model takes and were cut\n", truncated);
  return kExitSuccess;
}

void report(const EncodeSummary& summary, const EncodeArguments& arguments, std::size_t columns, double seconds) {
  fmt::print(stderr, "{}: {} x {} {}, {} tokens in {} ({:.1f} texts/s)\n", arguments.output, group_digits(summary.texts), columns,
             arguments.precision, group_digits(summary.tokens), format_duration(seconds),
             static_cast<double>(summary.texts) / std::max(seconds, 1e-9));
  if (summary.truncated > 0) fmt::print(stderr, "{} texts were longer than the model takes and were cut\n", summary.truncated);
}

Result<int> run_encode(const EncodeArguments& arguments) {
  const OutputPrecision precision = ORTHANT_TRY(parse_output_precision(arguments.precision));
  TextReader reader = ORTHANT_TRY(TextReader::open(arguments.input));
  ParallelEncoder encoder = ORTHANT_TRY(ParallelEncoder::load(arguments.model, arguments.weights));
  const EncoderInfo& info = encoder.encoder().info();
  if (arguments.dimensions > info.dim) {
    return invalid_argument(fmt::format("--dimensions: {} is more than the {} of {}", arguments.dimensions, info.dim, info.name));
  }
  const std::size_t dim = arguments.dimensions == 0 ? info.dim : arguments.dimensions;
  const auto ranges = ORTHANT_TRY(choose_ranges(arguments, precision, encoder.encoder(), dim));
  const NpyType type = npy_type(precision);
  const std::size_t columns = output_row_bytes(precision, dim) / npy_element_bytes(type);
  NpyWriter writer = ORTHANT_TRY(NpyWriter::create(arguments.output, type, columns));
  const EncodeOptions options{arguments.purpose == "query" ? Purpose::kQuery : Purpose::kDocument, arguments.dimensions};
  Progress progress("encoding", "texts");
  EncodeSummary summary;
  double share_before = 0;
  while (true) {
    const std::vector<std::string> texts = ORTHANT_TRY(read_block(reader));
    if (texts.empty()) break;
    const double share_step = (reader.share_read() - share_before) / static_cast<double>(texts.size());
    const EncodeResult result = ORTHANT_TRY(encoder.encode(texts, options, [&](std::size_t done) {
      progress.update(summary.texts + done, share_before + share_step * static_cast<double>(done));
    }));
    share_before = reader.share_read();
    ORTHANT_TRY(writer.append(ORTHANT_TRY(quantize_embeddings(result.embeddings, precision, ranges))));
    summary.add(result);
  }
  ORTHANT_TRY(writer.finish());
  progress.clear();
  report(summary, arguments, columns, progress.elapsed_seconds());
  return kExitSuccess;
}

Result<int> run_tokenize(const EncodeArguments& arguments) {
  TextReader reader = ORTHANT_TRY(TextReader::open(arguments.input));
  ParallelEncoder encoder = ORTHANT_TRY(ParallelEncoder::load(arguments.model, arguments.weights));
  const Purpose purpose = arguments.purpose == "query" ? Purpose::kQuery : Purpose::kDocument;
  std::ofstream out(arguments.output, std::ios::binary | std::ios::trunc);
  if (!out) return io_error(arguments.output + ": cannot be written");
  Progress progress("tokenizing", "texts");
  std::size_t done = 0;
  while (true) {
    const std::vector<std::string> texts = ORTHANT_TRY(read_block(reader));
    if (texts.empty()) break;
    std::vector<std::string> lines(texts.size());
    parallel_for(&encoder.pool(), texts.size(), 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        lines[i] = fmt::format("[{}]\n", fmt::join(encoder.encoder().tokenize(texts[i], purpose).ids, ", "));
      }
    });
    for (const std::string& line : lines) out << line;
    done += texts.size();
    progress.update(done, reader.share_read());
  }
  out.close();
  if (!out) return io_error(arguments.output + ": writing failed");
  progress.clear();
  fmt::print(stderr, "{}: {} texts in {}\n", arguments.output, group_digits(done), format_duration(progress.elapsed_seconds()));
  return kExitSuccess;
}

void add_common_options(CLI::App& command, EncodeArguments& arguments) {
  command.add_option("--model", arguments.model, "A model's name in the cache, or its folder")->capture_default_str();
  add_weights_option(command, arguments.weights);
  command
      .add_option(
          "--input", arguments.input,
          "Texts. A file that ends in .jsonl holds a JSON string, or an object with `text`, a line; any other file holds one "
          "text a line. .gz and .zst files are unpacked; - is standard input")
      ->required();
}

}  // namespace

void add_encode_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<EncodeArguments>();
  CLI::App& command = *program.add_subcommand("encode", "Turn texts into embeddings, in any output precision (.npy)");
  command.footer(
      "Writes one row a text. float32 gives the model's embeddings as they are. int8 and uint8 are 4 times smaller and need the\n"
      "range of each dimension: from --ranges, from --calibration, or else from texts that come with Orthant. binary and ubinary\n"
      "keep the sign of each value: 32 times smaller. The bytes are those of Sentence Transformers' quantize_embeddings.\n\n"
      "Examples:\n"
      "  orthant encode --model all-MiniLM-L6-v2 --input texts.txt --output texts.npy\n"
      "  orthant encode --model ./my-model --input queries.jsonl --output queries.npy --purpose query\n"
      "  orthant encode --model all-MiniLM-L6-v2 --input texts.txt --output texts-u1.npy --precision ubinary");
  add_common_options(command, *arguments);
  command.add_option("--output", arguments->output, "The .npy file to write (with --sparse: JSON lines)")->required();
  command.add_option("--precision", arguments->precision, "What the numbers are given out as")
      ->check(CLI::IsMember({"float32", "int8", "uint8", "binary", "ubinary"}))
      ->capture_default_str();
  command.add_option("--purpose", arguments->purpose, "What the texts are for: some models want another prompt for queries")
      ->check(CLI::IsMember({"query", "document"}))
      ->capture_default_str();
  command.add_option("--dimensions", arguments->dimensions, "Keep the first N values only (Matryoshka models); default: all");
  auto* calibration = command.add_option("--calibration", arguments->calibration,
                                         "Embeddings (n x dimensions, .npy) whose minima and maxima scale int8 and uint8");
  command.add_option("--ranges", arguments->ranges, "The minima and maxima themselves (2 x dimensions, .npy)")
      ->excludes(calibration);
  command.add_flag("--sparse", arguments->sparse, "The model is a sparse encoder (SPLADE): write {\"indices\", \"values\"} a line");
  command.callback([arguments, &action] {
    action = [arguments] { return arguments->sparse ? run_sparse(*arguments) : run_encode(*arguments); };
  });
}

void add_tokenize_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<EncodeArguments>();
  CLI::App& command = *program.add_subcommand("tokenize", "Turn texts into token ids (a JSON list a line)");
  command.footer(
      "Writes what the model really reads: ids with special tokens, cut at the model's longest sequence, never padded. They are\n"
      "those of the Hugging Face tokenizer of the same model.\n\n"
      "Example:\n"
      "  orthant tokenize --model all-MiniLM-L6-v2 --input texts.txt --output ids.jsonl");
  add_common_options(command, *arguments);
  command.add_option("--output", arguments->output, "The .jsonl file to write")->required();
  command.add_option("--purpose", arguments->purpose, "What the texts are for: some models want another prompt for queries")
      ->check(CLI::IsMember({"query", "document"}))
      ->capture_default_str();
  command.callback([arguments, &action] { action = [arguments] { return run_tokenize(*arguments); }; });
}

}  // namespace orthant
