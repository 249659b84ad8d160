// Searches over sparse vectors, beside a loop that adds up whole posting lists. Prints Markdown.
//
//   sparse_bench FILE
//
// FILE is written by sparse_peers.py: rows and queries in CSR, raw: u64 rows, u64 row offsets (rows + 1), u32 indices, f32 values;
// then the queries alike. Times are CPU time of the thread, the least of three rounds over all queries; the first 10 are compared.

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "index/sparse/sparse_index.h"

namespace orthant {
namespace {

constexpr std::size_t kBest = 10;

struct Matrix {
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint32_t> indices;
  std::vector<float> values;

  std::size_t rows() const { return offsets.size() - 1; }
  SparseRow row(std::size_t i) const {
    const std::size_t begin = offsets[i];
    return {std::span(indices).subspan(begin, offsets[i + 1] - begin), std::span(values).subspan(begin, offsets[i + 1] - begin)};
  }
};

template <typename T>
std::vector<T> read_values(std::ifstream& file, std::size_t count) {
  std::vector<T> values(count);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(T)));
  return values;
}

Matrix read_matrix(std::ifstream& file) {
  Matrix matrix;
  matrix.offsets = read_values<std::uint64_t>(file, read_values<std::uint64_t>(file, 1).front() + 1);
  matrix.indices = read_values<std::uint32_t>(file, matrix.offsets.back());
  matrix.values = read_values<float>(file, matrix.offsets.back());
  return matrix;
}

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Every post of every list of the query, then the best by a partial sort.
std::vector<ScoredOrdinal> add_up(const PostingLists& lists, const SparseRow& query, std::vector<float>& sums) {
  std::ranges::fill(sums, 0.0F);
  for (std::size_t i = 0; i < query.indices.size(); ++i) {
    const PostingView view = lists.find(query.indices[i]);
    for (const Post& post : view.posts) sums[post.ordinal] += query.values[i] * post.value;
  }
  std::vector<Ordinal> order(sums.size());
  std::iota(order.begin(), order.end(), Ordinal{0});
  std::partial_sort(order.begin(), order.begin() + kBest, order.end(), [&](Ordinal a, Ordinal b) { return sums[a] > sums[b]; });
  std::vector<ScoredOrdinal> best;
  for (std::size_t i = 0; i < kBest; ++i) best.push_back({order[i], sums[order[i]]});
  return best;
}

template <typename Search>
double least_ms(std::size_t queries, const Search& search) {
  double least = 1e30;
  for (int round = 0; round < 3; ++round) {
    const double begin = cpu_ms();
    for (std::size_t i = 0; i < queries; ++i) search(i);
    least = std::min(least, (cpu_ms() - begin) / static_cast<double>(queries));
  }
  return least;
}

int run(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const Matrix rows = read_matrix(file);
  const Matrix queries = read_matrix(file);
  if (!file) {
    fmt::print(stderr, "{}: cannot be read\n", path);
    return 1;
  }
  SparseIndex index;
  PostingLists lists;
  double append_ms = 0;
  for (std::size_t first = 0; first < rows.rows(); first += 16'384) {
    std::vector<SparseRow> views;
    std::vector<NewPost> posts;
    for (std::size_t i = first; i < std::min(rows.rows(), first + 16'384); ++i) {
      views.push_back(rows.row(i));
      for (std::size_t j = 0; j < views.back().indices.size(); ++j) {
        posts.push_back({views.back().indices[j], {static_cast<Ordinal>(i), views.back().values[j]}});
      }
    }
    const double begin = cpu_ms();
    index.append(views);
    append_ms += cpu_ms() - begin;
    lists.add(posts, nullptr);
  }
  std::vector<std::vector<ScoredOrdinal>> found(queries.rows()), expected(queries.rows());
  std::vector<float> sums(rows.rows());
  SearchParams params;
  params.limit = kBest;
  const double searched = least_ms(queries.rows(), [&](std::size_t i) { found[i] = index.search(queries.row(i), params); });
  const double added = least_ms(queries.rows(), [&](std::size_t i) { expected[i] = add_up(lists, queries.row(i), sums); });
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::size_t j = 0; j < found[i].size(); ++j) {
      wrong += std::abs(found[i][j].score - expected[i][j].score) > 1e-4F * std::abs(expected[i][j].score) ? 1 : 0;
    }
  }
  fmt::print("{} rows, {} values, {} queries of {:.1f} values\n\n", rows.rows(), rows.indices.size(), queries.rows(),
             static_cast<double>(queries.indices.size()) / static_cast<double>(queries.rows()));
  fmt::print("| | |\n|---|---|\n| search, ms | {:.3f} |\n| adding up whole lists, ms | {:.3f} |\n| scores that differ | {} |\n",
             searched, added, wrong);
  fmt::print("| append, ns a value | {:.0f} |\n| memory, bytes a value | {:.1f} |\n",
             append_ms * 1e6 / static_cast<double>(rows.indices.size()),
             static_cast<double>(index.memory_bytes()) / static_cast<double>(rows.indices.size()));
  return 0;
}

}  // namespace
}  // namespace orthant

int main(int count, char** arguments) {
  if (count != 2) {
    fmt::print(stderr, "usage: {} FILE\n", arguments[0]);
    return 2;
  }
  return orthant::run(arguments[1]);
}
