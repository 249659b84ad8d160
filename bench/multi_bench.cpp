// Searches over multivectors, beside a loop that compares all rows by floats in memory. Prints Markdown.
//
//   multi_bench VECTORS.npy [vectors a row, default 32] [vectors a query, default 8] [queries, default 50]
//
// Consecutive vectors of the file make a row, as the passages of a document do; the last ones make the queries. Times are CPU time
// of the thread, the least of three rounds over all queries; floats of rescored rows stand in memory here.

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <vector>

#include <fmt/format.h>

#include "base/npy.h"
#include "index/best_rows.h"
#include "index/multi/multi_index.h"

namespace orthant {
namespace {

constexpr std::size_t kBest = 10;

struct Rows final : MultiVectors {
  std::size_t row_values = 0;
  std::span<const float> values;
  mutable std::size_t reads = 0;

  std::size_t count() const { return values.size() / row_values; }
  std::span<const float> row(std::size_t i) const { return values.subspan(i * row_values, row_values); }
  Status read(std::span<const Ordinal> ordinals,
              const std::function<void(std::size_t i, std::span<const float> vectors)>& visit) const override {
    reads += ordinals.size();
    for (std::size_t i = 0; i < ordinals.size(); ++i) visit(i, row(ordinals[i]));
    return {};
  }
};

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::vector<ScoredOrdinal> compare_all(const Rows& rows, std::span<const float> query, std::size_t dim) {
  BestRows best(kBest, std::nullopt);
  std::vector<float> scratch;
  for (std::size_t i = 0; i < rows.count(); ++i) {
    best.offer(static_cast<Ordinal>(i), static_cast<float>(max_sim(Metric::kDot, dim, query, rows.row(i), scratch)));
  }
  return best.take();
}

// Milliseconds a query; `answers` are those of the last round.
template <typename Search>
double time_of(const std::vector<std::span<const float>>& queries, const Search& search,
               std::vector<std::vector<ScoredOrdinal>>& answers) {
  double least = 1e30;
  for (int round = 0; round < 3; ++round) {
    answers.clear();
    const double begin = cpu_ms();
    for (const auto& query : queries) answers.push_back(search(query));
    least = std::min(least, (cpu_ms() - begin) / static_cast<double>(queries.size()));
  }
  return least;
}

double recall_of(const std::vector<std::vector<ScoredOrdinal>>& found, const std::vector<std::vector<ScoredOrdinal>>& wanted) {
  std::size_t hits = 0;
  std::size_t all = 0;
  for (std::size_t q = 0; q < wanted.size(); ++q) {
    for (const ScoredOrdinal& row : wanted[q])
      hits += std::ranges::count(found[q], row.ordinal, &ScoredOrdinal::ordinal) > 0 ? 1 : 0;
    all += wanted[q].size();
  }
  return static_cast<double>(hits) / static_cast<double>(all);
}

int run(const char* path, std::size_t row_vectors, std::size_t query_vectors, std::size_t query_count) {
  const auto matrix = read_npy_floats(path);
  if (!matrix) return fmt::print(stderr, "{}\n", matrix.error().message), 1;
  const std::size_t dim = matrix->columns;
  const std::size_t asked = query_vectors * query_count;
  if (matrix->rows < asked + row_vectors) return fmt::print(stderr, "{}: {} vectors are too few\n", path, matrix->rows), 1;
  Rows rows;
  rows.row_values = row_vectors * dim;
  rows.values = std::span(matrix->values).first((matrix->rows - asked) / row_vectors * rows.row_values);
  std::vector<std::span<const float>> queries;
  for (std::size_t q = 0; q < query_count; ++q) {
    queries.push_back(std::span(matrix->values).subspan((matrix->rows - asked + q * query_vectors) * dim, query_vectors * dim));
  }
  MultiIndex index(dim, Metric::kDot, rows);
  std::vector<std::span<const float>> added;
  for (std::size_t i = 0; i < rows.count(); ++i) added.push_back(rows.row(i));
  if (const Status appended = index.append(added); !appended) return fmt::print(stderr, "{}\n", appended.error().message), 1;
  std::vector<std::vector<ScoredOrdinal>> exact;
  std::vector<std::vector<ScoredOrdinal>> found;
  const double all_ms = time_of(queries, [&](std::span<const float> query) { return compare_all(rows, query, dim); }, exact);
  rows.reads = 0;
  const double own_ms =
      time_of(queries, [&](std::span<const float> query) { return index.search(query, {.limit = kBest}).value(); }, found);
  const double vectors = static_cast<double>(index.vector_count());
  fmt::print("{} rows of {} vectors of {} dimensions, queries of {} vectors, the {} best\n\n", rows.count(), row_vectors, dim,
             query_vectors, kBest);
  fmt::print("| | CPU ms a query | rows read as floats | recall@{} | bytes a vector in memory |\n|---|---|---|---|---|\n", kBest);
  fmt::print("| all rows by floats | {:.2f} | {} | 1 | {} |\n", all_ms, rows.count(), dim * sizeof(float));
  fmt::print("| Orthant | {:.2f} | {:.0f} | {:.4f} | {:.0f} |\n", own_ms,
             static_cast<double>(rows.reads) / (3.0 * static_cast<double>(query_count)), recall_of(found, exact),
             static_cast<double>(index.memory().total()) / vectors);
  return 0;
}

}  // namespace
}  // namespace orthant

int main(int count, char** arguments) {
  const auto number = [&](int i, std::size_t otherwise) {
    return count > i ? static_cast<std::size_t>(std::strtoull(arguments[i], nullptr, 10)) : otherwise;
  };
  if (count < 2 || number(2, 32) == 0 || number(3, 8) == 0 || number(4, 50) == 0) {
    fmt::print(stderr, "usage: multi_bench VECTORS.npy [vectors a row] [vectors a query] [queries]\n");
    return 1;
  }
  return orthant::run(arguments[1], number(2, 32), number(3, 8), number(4, 50));
}
