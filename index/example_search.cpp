#include "index/example_search.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "base/log.h"
#include "index/row_distances.h"
#include "index/top_k.h"

namespace orthant {
namespace {

// Blocks handed to a thread at once.
constexpr std::size_t kGrainBlocks = 64;
// Rows read from the store at once.
constexpr std::size_t kReadRows = 256;
// Rows on disk are read singly when at most one in so many takes part, else they are scanned.
constexpr std::size_t kSparseFraction = 8;

// Scores blocks of at most kReadRows rows. One thread.
class BlockScorer {
 public:
  explicit BlockScorer(const ExampleSearch& search) : search_(search), similarities_(search.examples.size() * kReadRows) {}

  // distances_to(example, out) fills count distances.
  template <typename DistancesTo>
  std::span<const float> score(std::size_t count, const DistancesTo& distances_to) {
    for (std::size_t example = 0; example < search_.examples.size(); ++example) {
      float* const values = similarities_.data() + example * count;
      distances_to(example, values);
      for (std::size_t i = 0; i < count; ++i) values[i] = -values[i];
    }
    const std::span<float> scores = std::span(scores_).first(count);
    search_.score(std::span<const float>(similarities_).first(search_.examples.size() * count), scores);
    return scores;
  }

 private:
  const ExampleSearch& search_;
  std::vector<float> similarities_;
  std::array<float, kReadRows> scores_;
};

Candidate candidate_of(Ordinal ordinal, float score) {
  return {finite_distance(-score), ordinal};
}

class ExampleRun {
 public:
  ExampleRun(const IndexParts& parts, const ExampleSearch& search, const RowMask& mask)
      : parts_(parts), search_(search), mask_(mask), resident_(parts.tables.floats()) {}

  Result<std::vector<Candidate>> run() {
    if (parts_.stored == nullptr) {
      if (parts_.tables.int8_codes() == nullptr) {
        return invalid_argument("queries by example: this vector holds single bits, expected floats or int8 values");
      }
      return scan_decoded(search_.limit);
    }
    if (search_.depth != 0 && parts_.tables.int8_codes() != nullptr) {
      return rescore(parts_.config.metric == Metric::kManhattan ? scan_decoded(search_.depth) : scan_int8(search_.depth));
    }
    if (resident_.rows() != nullptr) return scan_resident();
    if (mask_.count() * kSparseFraction <= mask_.row_count()) return score_stored(rows_of_mask());
    return scan_stored();
  }

 private:
  // Over all blocks of the mask, on the helpers too. make_distances(example) gives an object with rows().
  template <typename MakeDistances>
  std::vector<Candidate> scan_blocks(std::size_t depth, const MakeDistances& make_distances) {
    std::mutex mutex;
    std::vector<Candidate> nearest;  // guarded by mutex
    const auto scan = [&](std::size_t begin, std::size_t end) {
      BlockScorer scorer(search_);
      std::vector<decltype(make_distances(0))> distances;
      distances.reserve(search_.examples.size());
      for (std::size_t i = 0; i < search_.examples.size(); ++i) distances.push_back(make_distances(i));
      NearestCandidates part(depth);
      for (std::size_t block = begin; block < end; ++block) scan_block(block, scorer, distances, part);
      const std::vector<Candidate> found = part.take();
      const std::lock_guard lock(mutex);
      nearest.insert(nearest.end(), found.begin(), found.end());
    };
    parallel_for(parts_.helpers, mask_.block_count(), kGrainBlocks, scan);
    keep_nearest(nearest, depth);
    return nearest;
  }

  template <typename Distances>
  void scan_block(std::size_t block, BlockScorer& scorer, const std::vector<Distances>& distances, NearestCandidates& nearest) {
    const std::uint64_t rows = mask_.word(block);
    if (rows == 0) return;
    const auto first = static_cast<Ordinal>(block * kBlockRows);
    const std::size_t count = std::min<std::size_t>(kBlockRows, mask_.row_count() - first);
    const auto scores = scorer.score(count, [&](std::size_t i, float* out) { distances[i].rows(first, count, out); });
    for (std::uint64_t left = rows; left != 0; left &= left - 1) {
      const auto row = static_cast<std::size_t>(std::countr_zero(left));
      nearest.offer(candidate_of(first + static_cast<Ordinal>(row), scores[row]));
    }
  }

  std::vector<Candidate> scan_int8(std::size_t depth) {
    return scan_blocks(depth, [this](std::size_t i) { return Int8Distances(parts_.tables, parts_.kernels, search_.examples[i]); });
  }
  std::vector<Candidate> scan_decoded(std::size_t depth) {
    return scan_blocks(depth,
                       [this](std::size_t i) { return DecodedDistances(parts_.tables, parts_.kernels, search_.examples[i]); });
  }
  std::vector<Candidate> scan_resident() {
    const RowColumn& rows = *resident_.rows();
    return scan_blocks(search_.limit, [&](std::size_t i) { return FloatDistances(rows, parts_.kernels, search_.examples[i]); });
  }

  std::vector<Ordinal> rows_of_mask() const {
    std::vector<Ordinal> ordinals;
    mask_.for_each([&](Ordinal ordinal) { ordinals.push_back(ordinal); });
    return ordinals;
  }

  // By their floats.
  Result<std::vector<Candidate>> rescore(std::vector<Candidate> candidates) {
    std::vector<Ordinal> ordinals;
    for (const Candidate& candidate : candidates) ordinals.push_back(candidate.ordinal);
    std::ranges::sort(ordinals);
    if (resident_.rows() == nullptr) return score_stored(ordinals);
    NearestCandidates nearest(search_.limit);
    BlockScorer scorer(search_);
    for (std::size_t first = 0; first < ordinals.size(); first += kBlockRows) {
      const auto part = std::span<const Ordinal>(ordinals).subspan(first, std::min(kBlockRows, ordinals.size() - first));
      const auto scores = scorer.score(part.size(), [&](std::size_t i, float* out) {
        FloatDistances(*resident_.rows(), parts_.kernels, search_.examples[i]).list(part, out);
      });
      for (std::size_t i = 0; i < part.size(); ++i) nearest.offer(candidate_of(part[i], scores[i]));
    }
    return nearest.take();
  }

  void offer_rows(std::span<const Ordinal> ordinals, std::span<const float> rows, BlockScorer& scorer, NearestCandidates& nearest) {
    const auto scores = scorer.score(ordinals.size(), [&](std::size_t i, float* out) {
      float_distances(parts_.kernels, search_.examples[i], rows.data(), ordinals.size(), out);
    });
    for (std::size_t i = 0; i < ordinals.size(); ++i) nearest.offer(candidate_of(ordinals[i], scores[i]));
  }

  // Ascending ordinals. Rows that are gone from the store, because they were replaced meanwhile, are left out.
  Result<std::vector<Candidate>> score_stored(std::span<const Ordinal> ordinals) {
    NearestCandidates nearest(search_.limit);
    BlockScorer scorer(search_);
    std::vector<float> rows(kReadRows * parts_.config.dim);
    for (std::size_t first = 0; first < ordinals.size(); first += kReadRows) {
      const auto part = ordinals.subspan(first, std::min(kReadRows, ordinals.size() - first));
      const std::span<float> room = std::span(rows).first(part.size() * parts_.config.dim);
      const Status whole = parts_.stored->read(part, room);
      if (whole) {
        offer_rows(part, room, scorer, nearest);
        continue;
      }
      if (whole.error().code != ErrorCode::kDataCorruption) return std::unexpected<Error>(whole.error());
      ORTHANT_TRY(score_one_by_one(part, scorer, nearest));
    }
    return nearest.take();
  }

  Status score_one_by_one(std::span<const Ordinal> ordinals, BlockScorer& scorer, NearestCandidates& nearest) {
    std::vector<float> row(parts_.config.dim);
    for (const Ordinal& ordinal : ordinals) {
      const Status read = parts_.stored->read({&ordinal, 1}, row);
      if (!read && read.error().code != ErrorCode::kDataCorruption) return read;
      if (read) {
        offer_rows({&ordinal, 1}, row, scorer, nearest);
      } else if (!parts_.tables.is_buried(ordinal)) {
        log_warning("search leaves out a row: " + read.error().message);
      }
    }
    return {};
  }

  Result<std::vector<Candidate>> scan_stored() {
    NearestCandidates nearest(search_.limit);
    BlockScorer scorer(search_);
    std::vector<Ordinal> ordinals;
    std::vector<float> rows;
    const auto flush = [&] {
      if (!ordinals.empty()) offer_rows(ordinals, rows, scorer, nearest);
      ordinals.clear();
      rows.clear();
    };
    ORTHANT_TRY(parts_.stored->scan(0, static_cast<Ordinal>(mask_.row_count()), [&](Ordinal ordinal, std::span<const float> row) {
      if (!mask_.contains(ordinal)) return true;
      ordinals.push_back(ordinal);
      rows.insert(rows.end(), row.begin(), row.end());
      if (ordinals.size() == kReadRows) flush();
      return true;
    }));
    flush();
    return nearest.take();
  }

  const IndexParts& parts_;
  const ExampleSearch& search_;
  const RowMask& mask_;
  ResidentFloats::Use resident_;
};

}  // namespace

Result<std::vector<ScoredOrdinal>> search_by_examples(const IndexParts& parts, const ExampleSearch& search, const RowMask& mask) {
  std::vector<ScoredOrdinal> found;
  if (search.limit == 0 || mask.row_count() == 0) return found;
  std::vector<Candidate> candidates = ORTHANT_TRY(ExampleRun(parts, search, mask).run());
  std::ranges::sort(candidates, nearer);
  for (const Candidate& candidate : candidates) found.push_back({candidate.ordinal, 0.0F - candidate.distance});
  if (found.size() > search.limit) found.resize(search.limit);
  return found;
}

}  // namespace orthant
