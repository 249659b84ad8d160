#pragma once
// Where vectors stand in a FAISS index file. Own reading of the format (docs/decisions/0006-faiss-files.md), from index_read.cpp
// and index_write.cpp of FAISS: a tree of records, each a four-letter name, a header, its own fields and the indexes inside it;
// little-endian; lists are a u64 count and the elements. Every count is compared with the file's size before it is used.
//
// Understood: IndexFlat, IndexIVFFlat, IndexHNSW over any of these, IndexScalarQuantizer, IndexIVFScalarQuantizer, IndexIDMap and
// IndexIDMap2, IndexPreTransform over linear maps with orthonormal rows, normalizing and centring, and IndexBinaryFlat,
// IndexBinaryIVF, IndexBinaryHNSW and IndexBinaryIDMap(2). Vectors of other kinds cannot be made again from their codes, or only
// roughly, and are refused by name.

#include <cstdint>
#include <optional>
#include <vector>

#include "api/exchange/input_file.h"
#include "base/result.h"
#include "index/index_config.h"

namespace orthant {

// Enumerators are FAISS's ScalarQuantizer::QuantizerType.
enum class FaissScalar : std::int32_t {
  k8Bit = 0,
  k4Bit = 1,
  k8BitUniform = 2,
  k4BitUniform = 3,
  kFloat16 = 4,
  k8BitDirect = 5,
  k6Bit = 6,
  kBfloat16 = 7,
  k8BitDirectSigned = 8,
};

// How the bytes of a stored vector become floats. Nothing in `scalar`: they are floats (or bits, in a binary index).
struct FaissCodec {
  std::optional<FaissScalar> scalar;
  std::vector<float> least;  // of each dimension; the step beside it spans the whole range of codes
  std::vector<float> range;
};

// Rows that stand one after the other.
struct FaissRun {
  std::uint64_t rows = 0;
  std::uint64_t codes_at = 0;
  std::uint64_t ids_at = 0;    // i64 ids; 0: ids count from first_id
  std::uint64_t first_id = 0;  // where ids_at is 0
  std::uint32_t list = 0;      // whose centroid belongs to the vectors, where `centroids` has any
};

// x -> matrix x + offset, undone by the transposed matrix, whose rows are orthonormal. Without matrix: x -> x + offset.
struct FaissTransform {
  std::size_t dim_in = 0;
  std::size_t dim_out = 0;
  std::vector<float> matrix;  // dim_out x dim_in, row-major
  std::vector<float> offset;  // dim_out, or empty
};

struct FaissIndex {
  bool binary = false;
  std::size_t dim = 0;  // of the vectors that were put in
  std::optional<Metric> metric;
  std::uint64_t rows = 0;
  std::size_t code_bytes = 0;  // of a stored vector
  FaissCodec codec;
  std::size_t stored_dim = 0;
  std::vector<FaissRun> runs;
  std::vector<float> centroids;            // lists x stored_dim, to be added to what the codec gives; or empty
  std::vector<FaissTransform> transforms;  // in the order in which they were applied
  bool has_list_ids = false;
  std::uint64_t id_map_at = 0;  // i64 by the ids of the runs; 0: none
};

// invalid_argument: no FAISS file or a kind that is not understood; data_corruption: damaged.
Result<FaissIndex> read_faiss_format(const InputFile& file);

}  // namespace orthant
