#pragma once
// SignQuantizer: bit i is x[i] > 0, byte for byte the ubinary form of Sentence Transformers. Needs no training. With s the signs as
// +1 and -1, <query, x> is estimated by <query, s> * |x|^2 / |x|_1, which is exact for x itself as the query. Under cosine that
// factor varies so little between rows (2 percent on sentence embeddings; recall@10 of the best 10: .690 without, .692 with) that
// it is not stored: its expectation for normally distributed values, sqrt(pi / (2 dim)), serves all rows. Any thread.

#include "index/quantizer.h"

namespace orthant {

class SignQuantizer : public BinaryQuantizer {
 public:
  SignQuantizer(std::size_t dim, bool row_scales) : dim_(dim), row_scales_(row_scales) {}

  std::string_view name() const override { return "sign"; }
  std::size_t code_bytes() const override { return (dim_ + 7) / 8; }
  bool has_row_scales() const override { return row_scales_; }
  void encode(std::span<const float> rows, std::span<std::uint8_t> codes, std::span<float> scales) const override;
  CodeQuery code_query(std::span<const float> query) const override;
  LookUpTables hamming_tables(std::span<const float> query) const override;
  std::string parameters() const override { return {}; }
  bool is_trained() const override { return false; }

 private:
  std::size_t dim_;
  bool row_scales_;
};

// Bits of one vector: `code` has ceil(dim / 8) bytes.
void write_sign_code(std::span<const float> vector, std::span<std::uint8_t> code);

}  // namespace orthant
