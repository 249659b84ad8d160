#include "index/sparse/sparse_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "index/best_rows.h"
#include "index/sparse/list_cursor.h"

namespace orthant {
namespace {

// Rows of a window: their sums stay in the second-level cache.
constexpr std::size_t kWindowRows = 8192;
// Looking a row up in a list costs as much as adding up so many posts.
constexpr std::size_t kLookUpCost = 12;
// The same of a list that was set aside: most rows are turned away by the bounds before they are looked up.
constexpr std::size_t kAsideCost = 1;
// Bounds are sums of products in another order than scores: rounding must not turn a row away.
constexpr double kBoundSlack = 1 + 1e-9;

// Which rows a search may return.
struct WantedRows {
  const RowBits& buried;
  const Bitmap* allowed;
  bool contains(Ordinal ordinal) const { return !buried.test(ordinal) && (allowed == nullptr || allowed->test(ordinal)); }
};

// The sums of one window's rows, and which rows have any. Sums are doubles: rows with equal vectors get equal scores whatever the
// order in which they were added up.
class WindowSums {
 public:
  void add(std::span<const Post> posts, double weight, Ordinal base) {
    for (const Post& post : posts) {
      const std::size_t row = post.ordinal - base;
      sums_[row] += weight * post.value;
      touched_[row] = 1;
    }
  }
  // Without noting which rows have a sum.
  void add_unnoted(std::span<const Post> posts, double weight, Ordinal base) {
    for (const Post& post : posts) sums_[post.ordinal - base] += weight * post.value;
  }

  // Calls visit(row, sum) in ascending order, and forgets all.
  template <typename Visit>
  void drain(Visit&& visit) {
    for (std::size_t first = 0; first < kWindowRows; first += sizeof(std::uint64_t)) {
      std::uint64_t flags = 0;
      std::memcpy(&flags, &touched_[first], sizeof flags);
      if (flags == 0) continue;
      std::memset(&touched_[first], 0, sizeof flags);
      for (; flags != 0; flags &= flags - 1) {
        const std::size_t row = first + static_cast<std::size_t>(std::countr_zero(flags)) / 8;
        visit(row, std::exchange(sums_[row], 0.0));
      }
    }
  }

  // Calls visit(row, sum) for sums above bound(), which is not below 0 and may rise meanwhile, and forgets all.
  template <typename Bound, typename Visit>
  void drain_above(const Bound& bound, Visit&& visit) {
    double least = bound();
    for (std::size_t row = 0; row < kWindowRows; ++row) {
      if (sums_[row] <= least) continue;
      visit(row, sums_[row]);
      least = bound();
    }
    sums_.fill(0);
  }

 private:
  std::array<double, kWindowRows> sums_{};
  alignas(8) std::array<std::uint8_t, kWindowRows> touched_{};
};

// One search on its way through the windows.
class WindowedSearch {
 public:
  WindowedSearch(std::vector<ListCursor> lists, WantedRows wanted, BestRows& best)
      : lists_(std::move(lists)), wanted_(wanted), best_(best), bounds_(lists_.size()), sums_(std::make_unique<WindowSums>()) {
    for (ListCursor& list : lists_) order_.push_back(&list);
  }

  void run() {
    for (;;) {
      std::erase_if(order_, [](const ListCursor* list) { return list->at_end(); });
      if (order_.empty()) return;
      Ordinal next = kNoOrdinal;
      for (const ListCursor* list : order_) next = std::min(next, list->ordinal());
      run_window(next / kWindowRows * kWindowRows);
    }
  }

 private:
  void run_window(Ordinal base) {
    const Ordinal end = base > kNoOrdinal - kWindowRows ? kNoOrdinal : base + static_cast<Ordinal>(kWindowRows);
    for (ListCursor* list : order_) list->enter_window(end);
    const bool bounded = best_.full() || best_.has_threshold();
    const std::size_t set_aside = bounded ? set_lists_aside() : 0;
    if (set_aside < order_.size()) add_up(base, set_aside, bounded && best_.bound() >= 0);
    for (ListCursor* list : order_) list->leave_window();
  }

  void add_up(Ordinal base, std::size_t set_aside, bool above_zero) {
    const std::span<ListCursor* const> added = std::span<ListCursor* const>(order_).subspan(set_aside);
    const auto visit = [&](std::size_t row, double sum) { settle(base + static_cast<Ordinal>(row), sum, set_aside); };
    if (above_zero && set_aside == 0) {
      for (const ListCursor* list : added) sums_->add_unnoted(list->window(), list->weight(), base);
      sums_->drain_above([this] { return double{best_.bound()}; }, visit);
      return;
    }
    for (const ListCursor* list : added) sums_->add(list->window(), list->weight(), base);
    sums_->drain(visit);
  }

  // Brings the lists into the order of what they can add in this window, least first; gives how many of the first are set aside:
  // they cannot bring a row among the best by themselves, and looking up in them what the others bring is cheaper than adding them
  // up. bounds_[i]: what the first i lists can add together.
  std::size_t set_lists_aside() {
    std::size_t posts = 0;
    for (ListCursor* list : order_) {
      list->measure_window();
      posts += list->window().size();
    }
    std::ranges::sort(order_, {}, [](const ListCursor* list) { return list->most_in_window(); });
    double bound = 0;
    std::size_t set_aside = 0;
    std::size_t posts_aside = 0;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      bounds_[i] = bound * kBoundSlack;
      bound += order_[i]->most_in_window();
      if (bound * kBoundSlack > best_.bound()) continue;
      set_aside = i + 1;
      posts_aside += order_[i]->window().size();
    }
    return (posts - posts_aside) * set_aside * kAsideCost <= posts_aside ? set_aside : 0;
  }

  void settle(Ordinal ordinal, double sum, std::size_t set_aside) {
    for (std::size_t i = set_aside; i > 0; --i) {
      if (sum + (bounds_[i - 1] + order_[i - 1]->most_in_window()) * kBoundSlack <= best_.bound()) return;
      sum += order_[i - 1]->find(ordinal);
    }
    const auto score = static_cast<float>(sum);
    if (best_.full() && score <= best_.bound()) return;
    if (wanted_.contains(ordinal)) best_.offer(ordinal, score);
  }

  std::vector<ListCursor> lists_;
  const WantedRows wanted_;
  BestRows& best_;
  std::vector<ListCursor*> order_;
  std::vector<double> bounds_;
  std::unique_ptr<WindowSums> sums_;
};

// Where few rows are allowed: each of them looked up in every list.
void look_up_rows(std::vector<ListCursor>& lists, const WantedRows& wanted, BestRows& best) {
  wanted.allowed->for_each([&](std::size_t row) {
    const auto ordinal = static_cast<Ordinal>(row);
    double sum = 0;
    bool shared = false;
    for (ListCursor& list : lists) {
      list.skip_to(ordinal);
      if (list.at_end() || list.ordinal() != ordinal) continue;
      sum += list.contribution();
      shared = true;
    }
    if (shared && !wanted.buried.test(ordinal)) best.offer(ordinal, static_cast<float>(sum));
  });
}

std::vector<ListCursor> lists_of(const PostingLists& lists, const SparseRow& query, Ordinal row_count) {
  std::vector<ListCursor> cursors;
  for (std::size_t i = 0; i < query.indices.size(); ++i) {
    ListCursor cursor(lists.find(query.indices[i]), query.values[i], row_count);
    if (cursor.size() > 0) cursors.push_back(std::move(cursor));
  }
  return cursors;
}

}  // namespace

void SparseIndex::append(std::span<const SparseRow> rows, ThreadPool* pool) {
  Ordinal ordinal = row_count();
  std::vector<NewPost> posts;
  std::size_t present = 0;
  for (const SparseRow& row : rows) {
    if (row.present) {
      present_.set(ordinal);
      ++present;
      for (std::size_t i = 0; i < row.indices.size(); ++i) posts.push_back({row.indices[i], {ordinal, row.values[i]}});
    }
    ++ordinal;
  }
  lists_.add(posts, pool);
  vector_count_.fetch_add(present, std::memory_order_relaxed);
  value_count_.fetch_add(posts.size(), std::memory_order_relaxed);
  live_count_.fetch_add(present, std::memory_order_relaxed);
  row_count_.store(ordinal, std::memory_order_release);
}

std::uint64_t SparseIndex::value_bytes() const {
  const auto vectors = static_cast<double>(vector_count_.load(std::memory_order_relaxed));
  if (vectors == 0) return 0;
  const double values = static_cast<double>(value_count_.load(std::memory_order_relaxed)) / vectors;
  return static_cast<std::uint64_t>(values * static_cast<double>(live_count()) * sizeof(Post));
}

void SparseIndex::bury(Ordinal ordinal, std::span<const std::uint32_t> indices) {
  if (!present_.test(ordinal) || !buried_.set(ordinal)) return;
  live_count_.fetch_sub(1, std::memory_order_relaxed);
  lists_.count_burial(indices);
}

std::vector<float> SparseIndex::times_idf(const SparseRow& query, const Bitmap* corpus) const {
  const auto counts = [&](Ordinal ordinal) { return present_.test(ordinal) && !buried_.test(ordinal); };
  std::size_t counted = live_count();
  if (corpus != nullptr) {
    counted = 0;
    corpus->for_each([&](std::size_t row) { counted += counts(static_cast<Ordinal>(row)) ? 1 : 0; });
  }
  const auto rows = static_cast<double>(counted);
  std::vector<float> weights;
  for (std::size_t i = 0; i < query.indices.size(); ++i) {
    const PostingView list = lists_.find(query.indices[i]);
    double having = list.live;
    if (corpus != nullptr) {
      having = static_cast<double>(
          std::ranges::count_if(list.posts, [&](const Post& post) { return corpus->test(post.ordinal) && counts(post.ordinal); }));
    }
    const double idf = std::log(1 + (std::max(rows - having, 0.0) + 0.5) / (having + 0.5));
    weights.push_back(static_cast<float>(query.values[i] * idf));
  }
  return weights;
}

std::vector<ScoredOrdinal> SparseIndex::search(const SparseRow& query, const SearchParams& params) const {
  std::vector<ListCursor> lists = lists_of(lists_, query, row_count());
  BestRows best(params.limit, params.score_threshold);
  const WantedRows wanted{buried_, params.allowed};
  std::size_t posts = 0;
  for (const ListCursor& list : lists) posts += list.size();
  const bool few = params.allowed != nullptr && params.allowed->count() * lists.size() * kLookUpCost < posts;
  if (few) {
    look_up_rows(lists, wanted, best);
  } else {
    WindowedSearch(std::move(lists), wanted, best).run();
  }
  return best.take();
}

std::vector<ScoredOrdinal> SparseIndex::search_examples(std::span<const SparseRow> examples, const ExampleScore& score,
                                                        const SearchParams& params) const {
  const Ordinal rows = row_count();
  const WantedRows wanted{buried_, params.allowed};
  // Example by example over the same windows; the similarities of the touched rows side by side.
  std::vector<std::vector<ListCursor>> lists;
  for (const SparseRow& example : examples) lists.push_back(lists_of(lists_, example, rows));
  BestRows best(params.limit, params.score_threshold);
  WindowSums sums;
  std::vector<float> window(examples.size() * kWindowRows);
  for (Ordinal base = 0; base < rows; base += static_cast<Ordinal>(std::min<std::size_t>(kWindowRows, rows - base))) {
    const auto end = static_cast<Ordinal>(std::min<std::size_t>(rows, base + kWindowRows));
    std::vector<std::uint8_t> touched(kWindowRows);
    std::ranges::fill(window, 0.0F);
    for (std::size_t e = 0; e < examples.size(); ++e) {
      for (ListCursor& list : lists[e]) {
        list.enter_window(end);
        sums.add(list.window(), list.weight(), base);
        list.leave_window();
      }
      sums.drain([&](std::size_t row, double sum) {
        window[e * kWindowRows + row] = static_cast<float>(sum);
        touched[row] = 1;
      });
    }
    std::vector<Ordinal> found;
    for (std::size_t row = 0; row < kWindowRows; ++row) {
      const Ordinal ordinal = base + static_cast<Ordinal>(row);
      if (touched[row] != 0 && wanted.contains(ordinal)) found.push_back(ordinal);
    }
    std::vector<float> similarities;
    for (std::size_t e = 0; e < examples.size(); ++e) {
      for (const Ordinal ordinal : found) similarities.push_back(window[e * kWindowRows + (ordinal - base)]);
    }
    std::vector<float> scores(found.size());
    if (!found.empty()) score(similarities, scores);
    for (std::size_t i = 0; i < found.size(); ++i) best.offer(found[i], scores[i]);
  }
  return best.take();
}

}  // namespace orthant
