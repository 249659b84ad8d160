#include "index/candidates/list_builder.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/bitmap.h"
#include "index/candidates/residual_code.h"
#include "index/row_mask.h"

namespace orthant {
namespace {

constexpr std::size_t kRowGrain = 256;
constexpr std::size_t kListGrain = 16;

void decode_row(const ListSpace& space, Ordinal row, std::span<float> out) {
  space.int8.decode(space.kernels, row, out.data());
}

class SegmentBuild {
 public:
  SegmentBuild(const ListSpace& space, Ordinal first, Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop)
      : space_(space), first_(first), end_(end), pool_(pool), stop_(stop) {}

  std::unique_ptr<ListSegment> run() {
    assign();
    if (stopped()) return nullptr;
    lay_out();
    encode();
    if (stopped()) return nullptr;
    parallel_for(pool_, space_.centroids.count(), kListGrain, [&](std::size_t begin, std::size_t end) {
      for (std::size_t list = begin; list < end; ++list) {
        const ListExtent& where = segment_->extent(list);
        segment_->write_factors(list, std::span(scales_).subspan(where.begin, where.entries),
                                std::span(offsets_).subspan(where.begin, where.entries));
      }
    });
    return std::move(segment_);
  }

 private:
  bool stopped() const { return stop_.load(std::memory_order_relaxed); }

  void assign() {
    lists_.resize(end_ - first_);
    parallel_for(pool_, lists_.size(), kRowGrain, [&](std::size_t begin, std::size_t end) {
      std::vector<float> row(space_.config.dim);
      for (std::size_t i = begin; i < end && !stopped(); ++i) {
        const auto ordinal = static_cast<Ordinal>(first_ + i);
        if (space_.tables.is_buried(ordinal)) continue;
        decode_row(space_, ordinal, row);
        lists_[i] = assign_row(space_.centroids, row, space_.single_list_residual);
      }
    });
  }

  // Entries of a list stand by ascending ordinal. From here on `lists_` holds entries in place of lists.
  void lay_out() {
    std::vector<std::uint32_t> entries(space_.centroids.count());
    std::size_t entry_count = 0;
    std::size_t row_count = 0;
    for (const RowLists& row : lists_) {
      row_count += row.lists[0] != kNoList;
      for (std::uint32_t list : row.lists) {
        if (list == kNoList) continue;
        ++entries[list];
        ++entry_count;
      }
    }
    segment_ = std::make_unique<ListSegment>((space_.config.dim + 7) / 8, entries.size(), first_, end_, entry_count, row_count);
    std::uint64_t begin = 0;
    for (std::size_t list = 0; list < entries.size(); ++list) {
      segment_->extent(list).begin = begin;
      segment_->extent(list).entries = 0;
      begin += entries[list];
    }
    scales_.resize(entry_count);
    offsets_.resize(entry_count);
    positions_.resize(lists_.size() * kListsPerRow);
    for (std::size_t i = 0; i < positions_.size(); ++i) {
      const std::uint32_t list = lists_[i / kListsPerRow].lists[i % kListsPerRow];
      if (list == kNoList) continue;
      ListExtent& where = segment_->extent(list);
      positions_[i] = where.begin + where.entries++;
    }
  }

  void encode() {
    RowColumn& ordinals = segment_->column(ListSegment::kOrdinals);
    parallel_for(pool_, lists_.size(), kRowGrain, [&](std::size_t begin, std::size_t end) {
      std::vector<float> row(space_.config.dim), centroid(space_.config.dim), residual(space_.config.dim);
      std::vector<std::uint8_t> code(segment_->code_bytes());
      for (std::size_t i = begin; i < end && !stopped(); ++i) {
        const auto ordinal = static_cast<Ordinal>(first_ + i);
        if (lists_[i].lists[0] == kNoList) continue;
        decode_row(space_, ordinal, row);
        for (std::size_t copy = 0; copy < kListsPerRow; ++copy) {
          const std::uint32_t list = lists_[i].lists[copy];
          if (list == kNoList) continue;
          const std::size_t entry = positions_[i * kListsPerRow + copy];
          space_.centroids.decode(list, centroid);
          const ResidualFactors factors = encode_residual(row, centroid, residual, code);
          segment_->write_code(entry, code.data());
          *ordinals.row_as<Ordinal>(entry) = ordinal;
          write_factors(entry, factors, ordinal);
        }
      }
    });
  }

  // Squared Euclidean distance is |x|^2 - 2 <q, x> + |q|^2.
  void write_factors(std::size_t entry, const ResidualFactors& factors, Ordinal ordinal) {
    scales_[entry] = factors.scale;
    offsets_[entry] = factors.offset;
    if (space_.config.metric != Metric::kEuclid) return;
    scales_[entry] = 2 * factors.scale;
    offsets_[entry] = 2 * factors.offset + *space_.tables.squared_norms()->row_as<const float>(ordinal);
  }

  const ListSpace& space_;
  const Ordinal first_;
  const Ordinal end_;
  ThreadPool* pool_;
  const std::atomic<bool>& stop_;
  std::vector<RowLists> lists_;           // of each row
  std::vector<std::uint64_t> positions_;  // of each row and copy: its entry
  std::vector<float> scales_;             // of each entry
  std::vector<float> offsets_;
  std::unique_ptr<ListSegment> segment_;
};

class SegmentMerge {
 public:
  SegmentMerge(const ListSpace& space, std::span<const ListSegment* const> segments, ThreadPool* pool,
               const std::atomic<bool>& stop)
      : space_(space), segments_(segments), pool_(pool), stop_(stop) {}

  std::unique_ptr<ListSegment> run() {
    take_live_rows();
    lay_out();
    parallel_for(pool_, space_.centroids.count(), kListGrain, [&](std::size_t begin, std::size_t end) {
      for (std::size_t list = begin; list < end && !stop_.load(std::memory_order_relaxed); ++list) copy_list(list);
    });
    if (stop_.load(std::memory_order_relaxed)) return nullptr;
    return std::move(merged_);
  }

 private:
  Ordinal first() const { return segments_.front()->first(); }

  // Once, because rows may be buried while the merge runs: both copies of a row stay or go.
  void take_live_rows() {
    live_ = Bitmap(segments_.back()->end() - first());
    RowMask(space_.tables, nullptr, segments_.back()->end(), first()).for_each([this](Ordinal row) { live_.set(row - first()); });
  }

  template <typename Visit>
  void for_each_entry(std::size_t list, const Visit& visit) const {
    for (const ListSegment* segment : segments_) {
      const ListExtent& where = segment->extent(list);
      for (std::size_t entry = where.begin; entry < where.begin + where.entries; ++entry) {
        if (live_.test(segment->ordinal(entry) - first())) visit(*segment, where, entry);
      }
    }
  }

  void lay_out() {
    const std::size_t list_count = space_.centroids.count();
    std::vector<std::uint32_t> entries(list_count);
    parallel_for(pool_, list_count, kListGrain, [&](std::size_t begin, std::size_t end) {
      for (std::size_t list = begin; list < end; ++list) {
        for_each_entry(list, [&](const ListSegment&, const ListExtent&, std::size_t) { ++entries[list]; });
      }
    });
    std::size_t entry_count = 0;
    for (std::uint32_t count : entries) entry_count += count;
    const std::size_t code_bytes = segments_.front()->code_bytes();
    merged_ = std::make_unique<ListSegment>(code_bytes, list_count, first(), segments_.back()->end(), entry_count, rows_in_lists());
    std::uint64_t begin = 0;
    for (std::size_t list = 0; list < list_count; ++list) {
      merged_->extent(list) = {.begin = begin, .entries = entries[list]};
      begin += entries[list];
    }
  }

  // Of the live rows, those in lists: all but rows that were buried, which never come back.
  std::size_t rows_in_lists() const { return live_.count(); }

  void copy_list(std::size_t list) {
    std::vector<float> scales, offsets;
    std::vector<std::uint8_t> code(merged_->code_bytes());
    std::size_t target = merged_->extent(list).begin;
    for_each_entry(list, [&](const ListSegment& segment, const ListExtent& where, std::size_t entry) {
      segment.read_code(entry, code.data());
      merged_->write_code(target, code.data());
      *merged_->column(ListSegment::kOrdinals).row_as<Ordinal>(target) = segment.ordinal(entry);
      scales.push_back(segment.scale(where, entry));
      offsets.push_back(segment.offset(where, entry));
      ++target;
    });
    merged_->write_factors(list, scales, offsets);
  }

  const ListSpace& space_;
  const std::span<const ListSegment* const> segments_;
  ThreadPool* pool_;
  const std::atomic<bool>& stop_;
  Bitmap live_;
  std::unique_ptr<ListSegment> merged_;
};

}  // namespace

std::unique_ptr<ListSegment> build_segment(const ListSpace& space, Ordinal first, Ordinal end, ThreadPool* pool,
                                           const std::atomic<bool>& stop) {
  return SegmentBuild(space, first, end, pool, stop).run();
}

std::unique_ptr<ListSegment> merge_segments(const ListSpace& space, std::span<const ListSegment* const> segments, ThreadPool* pool,
                                            const std::atomic<bool>& stop) {
  return SegmentMerge(space, segments, pool, stop).run();
}

}  // namespace orthant
