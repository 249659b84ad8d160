#pragma once
// BinaryQuantizer: turns stored vectors into codes of bits and queries into weights over the bits. The contract between a quantizer
// and those who search its codes is that the negated dot product of query and row (so that lower is nearer) is estimated by
//
//   scale(row) * (sum over i of weight[i] * sign[i]) + constant
//
// where sign[i] is +1 where bit i of the row's code is set and -1 where not, scale(row) is stored beside the code (1 where the
// quantizer has no row scales), and weights and constant belong to the query. So signs, rotated and learned codes differ in what
// they write into codes, scales and weights, and scans, lists and graphs know none of them. A code of 2 or 4 bits a dimension is
// one of so many more bits, whose weights double from plane to plane (level_codes.h). Immutable once trained; any thread.
//
// An estimate errs: its standard error is scale(row) * error. RaBitQ's bound with its epsilon is that many times epsilon; a row
// whose estimate less this bound lies behind the k-th exact distance need not be rescored. For learned codes `error` is measured on
// the collection's own rows as queries, for rotated ones it is that of random rotations, for signs that of normally distributed
// values.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/index_config.h"
#include "index/look_up_tables.h"

namespace orthant {

// What a query is to the codes of a quantizer.
struct CodeQuery {
  std::vector<float> weights;  // at most 8 * code_bytes; bits past them count nothing
  float constant = 0;
  float error = 0;  // the standard error of a row's estimate is scale(row) times this
};

// The same for the blocked scan: scale(row) * (step * S + base) + constant, where S is the row's table sum and step >= 0.
struct EstimateTables {
  LookUpTables tables;
  float constant = 0;
};
EstimateTables make_estimate_tables(const CodeQuery& query);

class BinaryQuantizer {
 public:
  virtual ~BinaryQuantizer() = default;

  virtual std::string_view name() const = 0;
  virtual std::size_t code_bytes() const = 0;
  virtual bool has_row_scales() const = 0;

  // `rows`: n x dim. `codes`: n x code_bytes(), row-major, bits in the order of ubinary. `scales`: n, or empty without row scales.
  virtual void encode(std::span<const float> rows, std::span<std::uint8_t> codes, std::span<float> scales) const = 0;

  virtual CodeQuery code_query(std::span<const float> query) const = 0;
  // The sum is the Hamming distance between the codes of query and row.
  virtual LookUpTables hamming_tables(std::span<const float> query) const = 0;

  // What training left, for snapshots; empty when there was none.
  virtual std::string parameters() const = 0;
  virtual bool is_trained() const = 0;
};

// The quantizer of an index without rows: signs where the configuration allows, else a random rotation.
std::unique_ptr<const BinaryQuantizer> make_binary_quantizer(const IndexConfig& config);

// What training makes of the configuration's codes: kSign needs none; kLearned falls back to kRotated where the dimension is too
// large for a dense rotation; Manhattan distance has no use for estimates.
BinaryCodes trained_codes(const IndexConfig& config);

// How many dimensions the codes of a trained quantizer hold. A scan reads every code: it is done sooner over short ones, and what
// they tell less is made good by rescoring more rows. A graph reads few codes, and needs what they tell.
enum class CodeLength {
  kWhole,     // all
  kForScans,  // as many as scans need, where the quantizer learns which: learned_quantizer.h
};

// Whether an index of this configuration is ever trained: its 1-bit codes, the ranges of its int8 codes, or both.
bool is_trainable(const IndexConfig& config);

// Rows that training wants at most.
std::size_t wanted_training_rows(const IndexConfig& config);

// The quantizer of an index with rows like these (n x dim, prepared; at random places of the collection). The same rows, seed and
// machine give the same quantizer, whatever the pool (may be null). cancelled when `stop` is set.
Result<std::unique_ptr<const BinaryQuantizer>> train_binary_quantizer(const IndexConfig& config, std::span<const float> sample,
                                                                      std::uint64_t seed, ThreadPool* pool,
                                                                      const std::atomic<bool>& stop,
                                                                      CodeLength length = CodeLength::kWhole);

// The quantizer that gave itself this name and these parameters. data_corruption when no quantizer of this configuration did.
Result<std::unique_ptr<const BinaryQuantizer>> restore_binary_quantizer(const IndexConfig& config, std::string_view name,
                                                                        std::string_view parameters);

}  // namespace orthant
