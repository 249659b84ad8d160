#include "api/exchange/faiss_graph.h"

#include <exception>
#include <memory>

#include <faiss/Index.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <fmt/format.h>

namespace orthant {
namespace {

// By name: the header of the class itself needs omp.h, which Clang lacks.
constexpr const char* kIndex = "IDMap2,HNSW32";

faiss::MetricType faiss_metric(Metric metric) {
  switch (metric) {
    case Metric::kEuclid: return faiss::METRIC_L2;
    case Metric::kManhattan: return faiss::METRIC_L1;
    default: return faiss::METRIC_INNER_PRODUCT;
  }
}

}  // namespace

Status write_faiss_graph(const std::filesystem::path& path, std::size_t dim, Metric metric, std::span<const float> floats,
                         std::span<const std::int64_t> ids) {
  try {
    const std::unique_ptr<faiss::Index> index(faiss::index_factory(static_cast<int>(dim), kIndex, faiss_metric(metric)));
    if (!ids.empty()) index->add_with_ids(static_cast<faiss::Index::idx_t>(ids.size()), floats.data(), ids.data());
    faiss::write_index(index.get(), path.c_str());
  } catch (const std::exception& error) {
    return internal_error(fmt::format("{}: FAISS: {}", path.string(), error.what()));
  }
  return {};
}

}  // namespace orthant
