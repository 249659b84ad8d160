#include "api/exchange/faiss_format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace orthant {
namespace {

constexpr int kMaxDepth = 8;
constexpr std::int64_t kMaxRows = std::int64_t{1} << 40;

using Name = std::array<char, 4>;

class FaissParser {
 public:
  explicit FaissParser(const InputFile& file) : file_(file), cursor_(file, 0) {}

  Result<FaissIndex> index(int depth = 0);

 private:
  Status header(FaissIndex& index);
  Status binary_header(FaissIndex& index);
  Status flat(FaissIndex& index);
  Status binary_flat(FaissIndex& index);
  Status scalar_flat(FaissIndex& index);
  Status inverted(FaissIndex& index, Name name, int depth);
  Status id_map(FaissIndex& index, int depth);
  Status graph(FaissIndex& index, int depth);
  Status pre_transform(FaissIndex& index, int depth);

  Status scalar_quantizer(FaissIndex& index);
  Status inverted_lists(FaissIndex& index, std::uint64_t list_count);
  Result<std::vector<std::uint64_t>> list_sizes(std::uint64_t list_count);
  Status direct_map();
  Result<FaissTransform> transform();
  Status linear(FaissTransform& transform);
  Result<std::vector<float>> centroids_of(const FaissIndex& quantizer, std::uint64_t list_count);
  Status take_stored(FaissIndex& index, FaissIndex inner);

  Status skip_list(std::uint64_t element_bytes) {
    const auto count = ORTHANT_TRY(cursor_.read<std::uint64_t>());
    ORTHANT_TRY(cursor_.skip(count, element_bytes));
    return {};
  }
  template <typename T>
  Result<std::vector<T>> list() {
    return cursor_.read_array<T>(ORTHANT_TRY(cursor_.read<std::uint64_t>()));
  }
  // Where a list of exactly `count` elements begins.
  Result<std::uint64_t> list_of(std::uint64_t count, std::uint64_t element_bytes, std::string_view what) {
    const auto found = ORTHANT_TRY(cursor_.read<std::uint64_t>());
    if (found != count) return file_.damaged(fmt::format("{}: {} elements, expected {}", what, found, count));
    return cursor_.skip(count, element_bytes);
  }
  Status check_size(std::int64_t dim, std::int64_t rows) const;
  std::unexpected<Error> not_understood(Name name) const;

  const InputFile& file_;
  FileCursor cursor_;
};

std::string_view text_of(const Name& name) {
  return {name.data(), name.size()};
}

std::optional<Metric> metric_of(std::int32_t faiss_metric) {
  switch (faiss_metric) {
    case 0: return Metric::kDot;
    case 1: return Metric::kEuclid;
    case 2: return Metric::kManhattan;
    default: return std::nullopt;
  }
}

std::unexpected<Error> FaissParser::not_understood(Name name) const {
  if (!std::ranges::all_of(name, [](char letter) { return letter > ' ' && letter < 127; })) {
    return file_.refused("not a FAISS index file");
  }
  return file_.refused(
      fmt::format("index of kind '{}': its vectors cannot be read back; flat, IVF flat, HNSW flat, scalar quantizer and binary "
                  "indexes can, also inside an id map or behind orthonormal transforms",
                  text_of(name)));
}

Status FaissParser::check_size(std::int64_t dim, std::int64_t rows) const {
  if (dim < 1 || static_cast<std::uint64_t>(dim) > kMaxDim) {
    return file_.damaged(fmt::format("{} dimensions, expected 1 to {}", dim, kMaxDim));
  }
  if (rows < 0 || rows > kMaxRows) return file_.damaged(fmt::format("{} vectors", rows));
  return {};
}

Status FaissParser::header(FaissIndex& index) {
  const auto dim = ORTHANT_TRY(cursor_.read<std::int32_t>());
  const auto rows = ORTHANT_TRY(cursor_.read<std::int64_t>());
  ORTHANT_TRY(cursor_.skip(2, sizeof(std::int64_t)));
  ORTHANT_TRY(cursor_.skip(1, 1));  // is_trained
  const auto metric = ORTHANT_TRY(cursor_.read<std::int32_t>());
  if (metric > 1) ORTHANT_TRY(cursor_.skip(1, sizeof(float)));
  ORTHANT_TRY(check_size(dim, rows));
  index.dim = static_cast<std::size_t>(dim);
  index.stored_dim = index.dim;
  index.rows = static_cast<std::uint64_t>(rows);
  index.metric = metric_of(metric);
  return {};
}

Status FaissParser::binary_header(FaissIndex& index) {
  const auto dim = ORTHANT_TRY(cursor_.read<std::int32_t>());
  const auto code_bytes = ORTHANT_TRY(cursor_.read<std::int32_t>());
  const auto rows = ORTHANT_TRY(cursor_.read<std::int64_t>());
  ORTHANT_TRY(cursor_.skip(1, 1));
  ORTHANT_TRY(cursor_.skip(1, sizeof(std::int32_t)));
  ORTHANT_TRY(check_size(dim, rows));
  if (dim % 8 != 0 || code_bytes != dim / 8) return file_.damaged(fmt::format("{} bits in {} bytes", dim, code_bytes));
  index.binary = true;
  index.dim = static_cast<std::size_t>(dim);
  index.stored_dim = index.dim;
  index.code_bytes = static_cast<std::size_t>(code_bytes);
  index.rows = static_cast<std::uint64_t>(rows);
  return {};
}

Status FaissParser::flat(FaissIndex& index) {
  ORTHANT_TRY(header(index));
  index.code_bytes = index.dim * sizeof(float);
  // The count is one of floats, whatever the codes are.
  const std::uint64_t at = ORTHANT_TRY(list_of(index.rows * index.dim, sizeof(float), "vectors"));
  index.runs.push_back({.rows = index.rows, .codes_at = at});
  return {};
}

Status FaissParser::binary_flat(FaissIndex& index) {
  ORTHANT_TRY(binary_header(index));
  const std::uint64_t at = ORTHANT_TRY(list_of(index.rows * index.code_bytes, 1, "vectors"));
  index.runs.push_back({.rows = index.rows, .codes_at = at});
  return {};
}

// Codes of one dimension take so many bits.
unsigned bits_of(FaissScalar scalar) {
  switch (scalar) {
    case FaissScalar::k4Bit:
    case FaissScalar::k4BitUniform: return 4;
    case FaissScalar::k6Bit: return 6;
    case FaissScalar::kFloat16:
    case FaissScalar::kBfloat16: return 16;
    default: return 8;
  }
}

// ScalarQuantizer: kind, way of finding ranges, its argument, dimension, bytes a code, ranges.
Status FaissParser::scalar_quantizer(FaissIndex& index) {
  const auto kind = ORTHANT_TRY(cursor_.read<std::int32_t>());
  ORTHANT_TRY(cursor_.skip(1, sizeof(std::int32_t) + sizeof(float)));
  const auto dim = ORTHANT_TRY(cursor_.read<std::uint64_t>());
  const auto code_bytes = ORTHANT_TRY(cursor_.read<std::uint64_t>());
  auto trained = ORTHANT_TRY(list<float>());
  if (kind < 0 || kind > static_cast<std::int32_t>(FaissScalar::k8BitDirectSigned)) {
    return file_.refused(fmt::format("scalar quantizer of kind {}, expected 0 to 8", kind));
  }
  const auto scalar = static_cast<FaissScalar>(kind);
  if (dim != index.dim || code_bytes != (dim * bits_of(scalar) + 7) / 8) {
    return file_.damaged(fmt::format("scalar quantizer: {} dimensions in {} bytes, the index has {}", dim, code_bytes, index.dim));
  }
  index.code_bytes = code_bytes;
  index.codec.scalar = scalar;
  const bool uniform = scalar == FaissScalar::k8BitUniform || scalar == FaissScalar::k4BitUniform;
  const bool ranged = uniform || scalar == FaissScalar::k8Bit || scalar == FaissScalar::k4Bit || scalar == FaissScalar::k6Bit;
  if (!ranged) return {};
  if (trained.size() != (uniform ? 2 : 2 * dim))
    return file_.damaged(fmt::format("{} range values for {} dimensions", trained.size(), dim));
  const auto middle = trained.begin() + static_cast<std::ptrdiff_t>(trained.size() / 2);
  index.codec.least.assign(trained.begin(), middle);
  index.codec.range.assign(middle, trained.end());
  index.codec.least.resize(dim, index.codec.least.front());
  index.codec.range.resize(dim, index.codec.range.front());
  return {};
}

Status FaissParser::scalar_flat(FaissIndex& index) {
  ORTHANT_TRY(header(index));
  ORTHANT_TRY(scalar_quantizer(index));
  const std::uint64_t at = ORTHANT_TRY(list_of(index.rows * index.code_bytes, 1, "codes"));
  index.runs.push_back({.rows = index.rows, .codes_at = at});
  return {};
}

Status FaissParser::direct_map() {
  constexpr std::uint8_t kHashtable = 2;
  const auto kind = ORTHANT_TRY(cursor_.read<std::uint8_t>());
  ORTHANT_TRY(skip_list(sizeof(std::int64_t)));
  if (kind == kHashtable) ORTHANT_TRY(skip_list(2 * sizeof(std::int64_t)));
  return {};
}

Result<std::vector<std::uint64_t>> FaissParser::list_sizes(std::uint64_t list_count) {
  const auto kind = ORTHANT_TRY(cursor_.read<Name>());
  auto given = ORTHANT_TRY(list<std::uint64_t>());
  if (text_of(kind) == "full") {
    if (given.size() != list_count) return file_.damaged(fmt::format("{} list sizes for {} lists", given.size(), list_count));
    return given;
  }
  if (text_of(kind) != "sprs" || given.size() % 2 != 0) return file_.damaged("list sizes of an unknown kind");
  // (list, size) pairs; list_count is bounded by the centroids that the file holds.
  std::vector<std::uint64_t> sizes(list_count);
  for (std::size_t i = 0; i < given.size(); i += 2) {
    if (given[i] >= list_count) return file_.damaged(fmt::format("list {} of {}", given[i], list_count));
    sizes[given[i]] = given[i + 1];
  }
  return sizes;
}

// "ilar": lists, bytes a code, sizes, then each list's codes and ids.
Status FaissParser::inverted_lists(FaissIndex& index, std::uint64_t list_count) {
  const auto kind = ORTHANT_TRY(cursor_.read<Name>());
  if (text_of(kind) == "il00" && index.rows == 0) return {};
  if (text_of(kind) != "ilar") {
    return file_.refused(fmt::format("inverted lists of kind '{}', expected lists inside the file", text_of(kind)));
  }
  const auto lists = ORTHANT_TRY(cursor_.read<std::uint64_t>());
  const auto code_bytes = ORTHANT_TRY(cursor_.read<std::uint64_t>());
  if (lists != list_count || code_bytes != index.code_bytes) {
    return file_.damaged(
        fmt::format("{} lists of {}-byte codes, expected {} of {}", lists, code_bytes, list_count, index.code_bytes));
  }
  std::uint64_t total = 0;
  const std::vector<std::uint64_t> sizes = ORTHANT_TRY(list_sizes(list_count));
  for (std::uint64_t list = 0; list < list_count; ++list) {
    if (sizes[list] == 0) continue;
    FaissRun run{.rows = sizes[list], .list = static_cast<std::uint32_t>(list)};
    run.codes_at = ORTHANT_TRY(cursor_.skip(run.rows, code_bytes));
    run.ids_at = ORTHANT_TRY(cursor_.skip(run.rows, sizeof(std::int64_t)));
    total += run.rows;
    index.runs.push_back(run);
  }
  index.has_list_ids = true;
  if (total == index.rows) return {};
  return file_.damaged(fmt::format("the lists hold {} vectors, the index says {}", total, index.rows));
}

Result<std::vector<float>> FaissParser::centroids_of(const FaissIndex& quantizer, std::uint64_t list_count) {
  const bool plain = !quantizer.binary && !quantizer.codec.scalar && quantizer.transforms.empty() && quantizer.id_map_at == 0 &&
                     quantizer.runs.size() == 1 && quantizer.runs.front().ids_at == 0;
  if (!plain) return file_.refused("residuals of centroids that are not plain vectors");
  return file_.read_array<float>(quantizer.runs.front().codes_at, list_count * quantizer.dim);
}

Status FaissParser::inverted(FaissIndex& index, Name name, int depth) {
  const bool binary = text_of(name) == "IBwF";
  ORTHANT_TRY(binary ? binary_header(index) : header(index));
  const auto list_count = ORTHANT_TRY(cursor_.read<std::uint64_t>());
  ORTHANT_TRY(cursor_.skip(1, sizeof(std::uint64_t)));  // nprobe
  const FaissIndex quantizer = ORTHANT_TRY(this->index(depth + 1));
  if (quantizer.rows != list_count || quantizer.dim != index.dim) {
    return file_.damaged(fmt::format("{} centroids of {} dimensions for {} lists", quantizer.rows, quantizer.dim, list_count));
  }
  ORTHANT_TRY(direct_map());
  if (!binary) index.code_bytes = index.dim * sizeof(float);
  if (text_of(name) == "IwSq") {
    ORTHANT_TRY(scalar_quantizer(index));
    ORTHANT_TRY(cursor_.skip(1, sizeof(std::uint64_t)));  // bytes a code once more
    if (ORTHANT_TRY(cursor_.read<std::uint8_t>()) != 0) index.centroids = ORTHANT_TRY(centroids_of(quantizer, list_count));
  }
  return inverted_lists(index, list_count);
}

// Everything but the header's dimension and metric comes from the index inside.
Status FaissParser::take_stored(FaissIndex& index, FaissIndex inner) {
  if (inner.rows != index.rows) return file_.damaged(fmt::format("{} vectors inside an index of {}", inner.rows, index.rows));
  const std::size_t dim = index.dim;
  const auto metric = index.metric;
  index = std::move(inner);
  index.dim = dim;
  if (metric) index.metric = metric;
  return {};
}

Status FaissParser::id_map(FaissIndex& index, int depth) {
  FaissIndex inner = ORTHANT_TRY(this->index(depth + 1));
  if (inner.dim != index.dim || inner.id_map_at != 0) return file_.damaged("an id map around an index that does not fit");
  ORTHANT_TRY(take_stored(index, std::move(inner)));
  index.id_map_at = ORTHANT_TRY(list_of(index.rows, sizeof(std::int64_t), "ids"));
  return {};
}

// The links of the graph are stepped over: the vectors are in the index behind them.
Status FaissParser::graph(FaissIndex& index, int depth) {
  ORTHANT_TRY(skip_list(sizeof(double)));              // chances of levels
  ORTHANT_TRY(skip_list(sizeof(std::int32_t)));        // neighbours by level
  ORTHANT_TRY(skip_list(sizeof(std::int32_t)));        // levels
  ORTHANT_TRY(skip_list(sizeof(std::uint64_t)));       // offsets
  ORTHANT_TRY(skip_list(sizeof(std::int32_t)));        // neighbours
  ORTHANT_TRY(cursor_.skip(5, sizeof(std::int32_t)));  // entry point, highest level, widths of building and searching, a filler
  FaissIndex inner = ORTHANT_TRY(this->index(depth + 1));
  if (inner.dim != index.dim) return file_.damaged("a graph over vectors of another dimension");
  return take_stored(index, std::move(inner));
}

// Whether matrix times its transpose is the identity, tried on a few vectors.
bool has_orthonormal_rows(const FaissTransform& transform) {
  for (std::uint32_t trial = 1; trial <= 3; ++trial) {
    std::vector<double> probe(transform.dim_out);
    std::uint32_t state = trial * 2654435761u;
    for (double& value : probe) value = static_cast<double>((state = state * 1664525u + 1013904223u) >> 16) / 65536.0 - 0.5;
    std::vector<double> back(transform.dim_in, 0.0);
    for (std::size_t out = 0; out < transform.dim_out; ++out) {
      for (std::size_t in = 0; in < transform.dim_in; ++in)
        back[in] += double{transform.matrix[out * transform.dim_in + in]} * probe[out];
    }
    for (std::size_t out = 0; out < transform.dim_out; ++out) {
      double again = 0;
      for (std::size_t in = 0; in < transform.dim_in; ++in)
        again += double{transform.matrix[out * transform.dim_in + in]} * back[in];
      if (!(std::abs(again - probe[out]) < 1e-3)) return false;
    }
  }
  return true;
}

Status FaissParser::linear(FaissTransform& transform) {
  const bool has_offset = ORTHANT_TRY(cursor_.read<std::uint8_t>()) != 0;
  transform.matrix = ORTHANT_TRY(list<float>());
  transform.offset = ORTHANT_TRY(list<float>());
  if (!has_offset) transform.offset.clear();
  return {};
}

Result<FaissTransform> FaissParser::transform() {
  FaissTransform transform;
  const auto name = ORTHANT_TRY(cursor_.read<Name>());
  const std::string_view kind = text_of(name);
  if (kind == "rrot" || kind == "LTra" || kind == "PCAm" || kind == "PcAm" || kind == "Pcam") {
    if (kind.starts_with('P')) {
      if (kind != "PCAm") ORTHANT_TRY(cursor_.skip(1, sizeof(float)));  // eigenvalue power, or epsilon
      if (kind == "Pcam") ORTHANT_TRY(cursor_.skip(1, sizeof(float)));
      if (kind == "PCAm") ORTHANT_TRY(cursor_.skip(1, sizeof(float)));
      ORTHANT_TRY(cursor_.skip(1, 1));                                         // random rotation
      if (kind != "PCAm") ORTHANT_TRY(cursor_.skip(1, sizeof(std::int32_t)));  // balanced bins
      for (int i = 0; i < 3; ++i) ORTHANT_TRY(skip_list(sizeof(float)));       // mean, eigenvalues, all components
    }
    ORTHANT_TRY(linear(transform));
  } else if (kind == "VNrm") {
    ORTHANT_TRY(cursor_.skip(1, sizeof(float)));
  } else if (kind == "VCnt") {
    transform.offset = ORTHANT_TRY(list<float>());
    for (float& value : transform.offset) value = -value;
  } else {
    return file_.refused(fmt::format("transform of kind '{}', expected a linear map, normalizing or centring", kind));
  }
  const auto dim_in = ORTHANT_TRY(cursor_.read<std::int32_t>());
  const auto dim_out = ORTHANT_TRY(cursor_.read<std::int32_t>());
  ORTHANT_TRY(cursor_.skip(1, 1));  // is_trained
  ORTHANT_TRY(check_size(dim_in, 0));
  ORTHANT_TRY(check_size(dim_out, 0));
  transform.dim_in = static_cast<std::size_t>(dim_in);
  transform.dim_out = static_cast<std::size_t>(dim_out);
  const bool is_linear = kind != "VNrm" && kind != "VCnt";
  const bool fits = transform.matrix.size() == (is_linear ? transform.dim_in * transform.dim_out : 0) &&
                    (transform.offset.empty() || transform.offset.size() == transform.dim_out) &&
                    (is_linear || transform.dim_in == transform.dim_out);
  if (!fits) return file_.damaged(fmt::format("transform '{}' from {} to {} dimensions with other sizes", kind, dim_in, dim_out));
  if (is_linear && !has_orthonormal_rows(transform)) {
    return file_.refused("a transform whose rows are not orthonormal: it cannot be undone");
  }
  return transform;
}

Status FaissParser::pre_transform(FaissIndex& index, int depth) {
  const auto count = ORTHANT_TRY(cursor_.read<std::int32_t>());
  if (count < 0 || count > 64) return file_.damaged(fmt::format("{} transforms", count));
  std::vector<FaissTransform> transforms;
  std::size_t dim = index.dim;
  for (std::int32_t i = 0; i < count; ++i) {
    transforms.push_back(ORTHANT_TRY(transform()));
    if (transforms.back().dim_in != dim) return file_.damaged("transforms of dimensions that do not fit");
    dim = transforms.back().dim_out;
  }
  FaissIndex inner = ORTHANT_TRY(this->index(depth + 1));
  if (inner.dim != dim) return file_.damaged("transforms of dimensions that do not fit");
  ORTHANT_TRY(take_stored(index, std::move(inner)));
  index.transforms.insert(index.transforms.begin(), transforms.begin(), transforms.end());
  return {};
}

Result<FaissIndex> FaissParser::index(int depth) {
  if (depth > kMaxDepth) return file_.damaged("indexes inside indexes, too deep");
  FaissIndex index;
  const auto name = ORTHANT_TRY(cursor_.read<Name>());
  const std::string_view kind = text_of(name);
  if (kind == "IxFI" || kind == "IxF2" || kind == "IxFl") {
    ORTHANT_TRY(flat(index));
  } else if (kind == "IxSQ") {
    ORTHANT_TRY(scalar_flat(index));
  } else if (kind == "IBxF") {
    ORTHANT_TRY(binary_flat(index));
  } else if (kind == "IwFl" || kind == "IwSq" || kind == "IBwF") {
    ORTHANT_TRY(inverted(index, name, depth));
  } else if (kind == "IxMp" || kind == "IxM2" || kind == "IBMp" || kind == "IBM2") {
    ORTHANT_TRY(kind.starts_with("IB") ? binary_header(index) : header(index));
    ORTHANT_TRY(id_map(index, depth));
  } else if (kind == "IHNf" || kind == "IHNs" || kind == "IBHf") {
    ORTHANT_TRY(kind.starts_with("IB") ? binary_header(index) : header(index));
    ORTHANT_TRY(graph(index, depth));
  } else if (kind == "IxPT") {
    ORTHANT_TRY(header(index));
    ORTHANT_TRY(pre_transform(index, depth));
  } else {
    return not_understood(name);
  }
  return index;
}

}  // namespace

Result<FaissIndex> read_faiss_format(const InputFile& file) {
  return FaissParser(file).index();
}

}  // namespace orthant
