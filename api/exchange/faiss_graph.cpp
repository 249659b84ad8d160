#include "api/exchange/faiss_graph.h"

#include <exception>

#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/index_io.h>
#include <fmt/format.h>

namespace orthant {
namespace {

constexpr int kLinks = 32;

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
    faiss::IndexHNSWFlat graph(static_cast<int>(dim), kLinks, faiss_metric(metric));
    faiss::IndexIDMap2 mapped(&graph);
    if (!ids.empty()) mapped.add_with_ids(static_cast<faiss::Index::idx_t>(ids.size()), floats.data(), ids.data());
    faiss::write_index(&mapped, path.c_str());
  } catch (const std::exception& error) {
    return internal_error(fmt::format("{}: FAISS: {}", path.string(), error.what()));
  }
  return {};
}

}  // namespace orthant
