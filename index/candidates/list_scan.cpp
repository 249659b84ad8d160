#include "index/candidates/list_scan.h"

#include <algorithm>
#include <limits>

#include "index/top_k.h"

namespace orthant {
namespace {

constexpr std::size_t kPrefetchedBlocks = 3;

// Rows [first, last) of a block.
std::uint64_t lanes(std::size_t first, std::size_t last) {
  const std::uint64_t below_last = last < kBlockRows ? (std::uint64_t{1} << last) - 1 : ~std::uint64_t{0};
  return below_last & (~std::uint64_t{0} << first);
}

}  // namespace

// A row passes if scale * v + offset < room, where v = step * sum + base. With the lowest offset and the best scale of the list
// (the largest for negative v, else the smallest) that bounds v, and so the sum. One more for what rounding may do.
float ListScan::sum_bound(const ListExtent& where, float constant) const {
  constexpr float kAll = std::numeric_limits<float>::infinity();
  const float room = nearest_.bound() - constant - where.offset_low;
  const float largest_scale = where.scale_low + 255 * where.scale_step;
  const float scale = room < 0 ? largest_scale : where.scale_low;
  if (!(tables_.step > 0)) return kAll;
  if (!(scale > 0)) return room < 0 ? 0 : kAll;
  return (room / scale - tables_.base) / tables_.step + 1;
}

void ListScan::add(const ListSegment& segment, std::uint32_t list, float constant) {
  const ListExtent& where = segment.extent(list);
  const std::size_t end = where.begin + where.entries;
  compared_ += where.entries;
  std::array<std::uint64_t, kRunBlocks> masks;
  for (std::size_t entry = where.begin; entry < end;) {
    const std::size_t first_block = entry / kBlockRows;
    const std::size_t run_begin = first_block * kBlockRows;
    const std::size_t chunk_end = chunk_first_row(chunk_of(run_begin) + 1);
    const std::size_t run_end = std::min({run_begin + kRunBlocks * kBlockRows, chunk_end, end});
    const std::size_t blocks = (run_end - run_begin + kBlockRows - 1) / kBlockRows;
    const BlockScan scan = {tables_.entries.data(), segment.code_bytes(), sum_bound(where, constant), 1, 0, nullptr, nullptr,
                            tables_.wide.data()};
    if (!(scan.bound > 0)) return;
    for (std::size_t i = 0; i < blocks; ++i) {
      const std::size_t block_begin = run_begin + i * kBlockRows;
      masks[i] = lanes(std::max(entry, block_begin) - block_begin, std::min(run_end - block_begin, kBlockRows));
    }
    const std::size_t found = kernels_.scan_blocks(scan, segment.block(first_block), masks.data(), blocks, 0, found_.data());
    offer(segment, where, constant, run_begin, found);
    entry = run_end;
  }
}

void ListScan::offer(const ListSegment& segment, const ListExtent& where, float constant, std::size_t first_entry,
                     std::size_t found) {
  for (std::size_t i = 0; i < found; ++i) {
    const std::size_t entry = first_entry + found_[i].ordinal;
    const float value = found_[i].distance * tables_.step + tables_.base;
    const float distance = finite_distance(constant + segment.scale(where, entry) * value + segment.offset(where, entry));
    if (!(distance < nearest_.bound())) continue;
    const Ordinal ordinal = segment.ordinal(entry);
    if (mask_.contains(ordinal)) nearest_.offer({distance, ordinal});
  }
}

// Of the two copies of a row the nearer counts: its residual is the smaller one as a rule.
std::vector<Candidate> ListScan::take() {
  std::vector<Candidate> rows = nearest_.take();
  std::ranges::sort(rows, [](const Candidate& a, const Candidate& b) {
    return a.ordinal != b.ordinal ? a.ordinal < b.ordinal : a.distance < b.distance;
  });
  const auto [copies, end] = std::ranges::unique(rows, {}, &Candidate::ordinal);
  rows.erase(copies, end);
  keep_nearest(rows, depth_);
  return rows;
}

// Into the second-level cache: more lines than can be on their way to the first.
void prefetch_list(const ListSegment& segment, std::uint32_t list) {
  const ListExtent& where = segment.extent(list);
  if (where.entries == 0) return;
  segment.prefetch_factors(where);
  const std::size_t first = where.begin / kBlockRows;
  const std::size_t last = std::min((where.begin + where.entries - 1) / kBlockRows + 1, first + kPrefetchedBlocks);
  for (std::size_t block = first; block < last; ++block) {
    const std::uint8_t* lines = segment.block(block);
    for (std::size_t byte = 0; byte < segment.code_bytes(); ++byte) __builtin_prefetch(lines + byte * kBlockRows, 0, 2);
  }
}

}  // namespace orthant
