#pragma once
// The metadata of Parquet files: schema, row groups, places of columns. Source: apache/parquet-format, parquet.thrift and README.
// Columns of one value a row and lists of such values are understood, lists of lists of numbers, and members of groups; what is
// nested deeper is listed, but cannot be read.
// Plain values; free functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/exchange/input_file.h"
#include "base/result.h"

namespace orthant {

// Numbers of the format.
enum class ParquetType : std::int32_t {
  kBoolean = 0,
  kInt32 = 1,
  kInt64 = 2,
  kInt96 = 3,
  kFloat = 4,
  kDouble = 5,
  kByteArray = 6,
  kFixedBytes = 7,
};
enum class ParquetCodec : std::int32_t { kNone = 0, kSnappy = 1, kGzip = 2, kZstd = 6 };
enum class ParquetEncoding : std::int32_t {
  kPlain = 0,
  kPlainDictionary = 2,
  kRle = 3,
  kDeltaBinaryPacked = 5,
  kDeltaLengthByteArray = 6,
  kDeltaByteArray = 7,
  kRleDictionary = 8,
  kByteStreamSplit = 9,
};
enum class ParquetPage : std::int32_t { kData = 0, kIndex = 1, kDictionary = 2, kDataV2 = 3 };

// What values of a column mean.
enum class ParquetMeaning {
  kBoolean,
  kSigned,
  kUnsigned,
  kFloat,  // of 16, 32 or 64 bits
  kText,
  kJson,
  kBytes,
  kUuid,
  kDate,       // days since 1970
  kTimestamp,  // units since 1970
  kOther,
};

struct ParquetColumn {
  std::string name;
  std::string problem;  // why it cannot be read; empty: it can
  std::size_t first_leaf = 0;
  ParquetType type = ParquetType::kBoolean;
  std::uint32_t type_bytes = 0;  // of kFixedBytes
  ParquetMeaning meaning = ParquetMeaning::kOther;
  bool is_float16 = false;
  bool in_utc = false;                   // kTimestamp
  std::uint32_t units_a_second = 1'000;  // kTimestamp
  bool is_list = false;
  // Of numbers alone; `problem` says that it is nested, for those who take plain lists.
  bool is_list_of_lists = false;
  // Levels: a value stands where the definition level is max_definition; in a list an element (or null) where it is at least
  // element_definition, an empty list one below, no list below that. inner_definition is the same of the inner lists.
  unsigned max_definition = 0;
  unsigned element_definition = 0;
  unsigned inner_definition = 0;
  // Of a group that is no list, which has a `problem` too: can be read one by one.
  std::vector<ParquetColumn> members;
};

struct ParquetChunk {
  ParquetType type = ParquetType::kBoolean;
  std::int32_t codec = 0;
  std::uint64_t values = 0;  // with nulls
  std::uint64_t at = 0;      // first page, of the dictionary where there is one
  std::uint64_t bytes = 0;
};
struct ParquetRowGroup {
  std::uint64_t rows = 0;
  std::vector<ParquetChunk> chunks;  // by leaf
};

struct ParquetFormat {
  std::vector<ParquetColumn> columns;
  std::vector<ParquetRowGroup> row_groups;
  std::uint64_t rows = 0;
};

// invalid_argument: no Parquet, or encrypted; data_corruption: damaged.
Result<ParquetFormat> read_parquet_format(const InputFile& file);

struct ParquetPageHeader {
  ParquetPage page = ParquetPage::kData;
  std::uint32_t bytes = 0;  // as it stands in the file
  std::uint32_t unpacked_bytes = 0;
  std::uint32_t values = 0;
  std::int32_t encoding = 0;
  std::int32_t definition_encoding = 3;
  std::int32_t repetition_encoding = 3;
  std::uint32_t definition_bytes = 0;  // kDataV2
  std::uint32_t repetition_bytes = 0;  // kDataV2
  bool packed = true;                  // kDataV2
  std::uint32_t header_bytes = 0;
};
// `bytes` begins with a page header. Nothing where it does not.
std::optional<ParquetPageHeader> parse_page_header(std::string_view bytes);

}  // namespace orthant
