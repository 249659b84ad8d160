// How the rows of a product are cut into tiles. Included by each per-level file inside its unnamed namespace, after that file has
// defined kTileRows; hence neither include guard nor includes.

template <std::size_t kValue>
struct RowCount {
  constexpr std::size_t operator()() const { return kValue; }
};

template <std::size_t kRows, typename Tile, typename Product>
inline void multiply_row_block(Tile tile, const Product& product, std::size_t first_row, std::size_t rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return multiply_row_block<kRows - 1>(tile, product, first_row, rows);
  }
  tile(product, first_row, RowCount<kRows>());
}

// Calls tile(product, first row, RowCount) for blocks of nearly equal height: 9 rows as 5 + 4 keep more of the tile busy than 8
// + 1.
template <typename Tile, typename Product>
inline void multiply_rows(Tile tile, const Product& product) {
  const std::size_t blocks = (product.rows + kTileRows - 1) / kTileRows;
  for (std::size_t block = 0; block < blocks; ++block) {
    const std::size_t first = block * product.rows / blocks;
    multiply_row_block<kTileRows>(tile, product, first, (block + 1) * product.rows / blocks - first);
  }
}
