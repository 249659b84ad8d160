// How a product by one panel of packed weights reads memory. Included by each per-level file inside its unnamed namespace, after
// row_tiles.h and kPanelColumns; hence neither include guard nor includes.
//
// Every tile of rows walks the whole panel. Were nothing done, the first one would wait for memory at each line and the others find
// the panel in L2: bursts that cost a narrow level a tenth of its speed at 64 rows. So where the level sets kFetchesNextPanel, each
// tile fetches its share of the panel that comes next into L2, a few lines every kSegmentSteps; weights then arrive at an even pace
// while the products run. Wide tiles take so long for a step that the CPU's own prefetching keeps up, and instructions for more
// cost 2 %: they fetch only for the one or two tiles of a short query, kNearBytes ahead of use. A step is kPanelColumns x 4 bytes
// whatever the precision: one depth of floats, two of bfloat16, four of int8.

constexpr std::size_t kSegmentSteps = 32;
constexpr std::size_t kSegmentLines = kSegmentSteps * kPanelColumns * 4 / 64;

constexpr std::size_t kNearBytes = 4096;
constexpr std::size_t kNearTiles = 2;

struct PanelAhead {
  const char* from;
  std::size_t lines;  // a segment

  void fetch() {
    for (std::size_t i = 0; i < lines; ++i, from += 64) __builtin_prefetch(from, 0, 2);
  }
};

// At each step of the few tiles of short queries.
inline void fetch_near(const void* weights) {
  ORTHANT_UNROLL
  for (std::size_t line = 0; line < kPanelColumns * 4; line += 64) {
    __builtin_prefetch(static_cast<const char*>(weights) + kNearBytes + line);
  }
}

// What a tile will write: the lines come while it multiplies, instead of being waited for when it is done.
template <std::size_t kRows>
inline void fetch_output(const float* c, std::size_t stride) {
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t column = 0; column < kPanelColumns; column += 16) __builtin_prefetch(c + r * stride + column, 1);
  }
}

template <bool kValue>
struct NearFetch {
  constexpr bool operator()() const { return kValue; }
};

// Calls tile(product, first row, RowCount, NearFetch, PanelAhead) as multiply_rows() does; product.next is where the next panel
// starts.
template <typename Tile, typename Product>
inline void multiply_rows_ahead(Tile tile, const Product& product, std::size_t steps) {
  const std::size_t blocks = (product.rows + kTileRows - 1) / kTileRows;
  if (!kFetchesNextPanel && blocks <= kNearTiles) {
    return multiply_rows(
        [&](const Product& whole, std::size_t first, auto rows) { tile(whole, first, rows, NearFetch<true>(), PanelAhead{}); },
        product);
  }
  const std::size_t lines = kFetchesNextPanel ? (kSegmentLines + blocks - 1) / blocks : 0;
  const std::size_t share = (steps + kSegmentSteps - 1) / kSegmentSteps * lines * 64;
  PanelAhead ahead{reinterpret_cast<const char*>(product.next), lines};
  multiply_rows(
      [&](const Product& whole, std::size_t first, auto rows) {
        tile(whole, first, rows, NearFetch<false>(), ahead);
        ahead.from += share;
      },
      product);
}
