#pragma once
// Arrow IPC: schema, record batches and dictionaries as columns that can be read row by row. Source: Apache Arrow's "Arrow Columnar
// Format" and its format/Schema.fbs and Message.fbs. Understood: integers, floats of 16, 32 and 64 bits, booleans, texts and bytes
// (with 32- and 64-bit offsets, and views), lists (with 32- and 64-bit offsets, and of a fixed size), structs, dates, timestamps,
// null columns, dictionaries; LZ4 and ZSTD bodies; little-endian. Files are not trusted: all offsets are checked when a batch is
// opened.

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/bulk/flatbuffer.h"
#include "base/result.h"

namespace orthant::bulk {

enum class ArrowKind : std::uint8_t {
  kNull,
  kSigned,
  kUnsigned,
  kFloat,
  kBool,
  kText,
  kBytes,
  kList,
  kStruct,
  kDate,
  kTimestamp,
  kOther
};

struct ArrowField {
  std::string name;
  ArrowKind kind = ArrowKind::kOther;
  std::string problem;               // of kOther: why it cannot be read
  unsigned bits = 0;                 // of numbers; of lists and texts: of their offsets, 0 for lists of a fixed size and for views
  std::uint32_t fixed_size = 0;      // of lists
  bool is_view = false;              // of texts and bytes
  std::uint32_t units_a_second = 1;  // kTimestamp; of kDate with 64 bits 1000
  bool in_utc = false;
  std::vector<ArrowField> children;
  std::optional<std::int64_t> dictionary;  // values are indices of it
  unsigned index_bits = 0;
  bool index_is_signed = true;
};

// Values of one field in one batch. Owns what it points into.
class ArrowColumn {
 public:
  std::size_t size() const { return rows_; }
  bool is_null(std::size_t row) const;
  // By the field's kind; the row is not null. Dictionaries are seen through.
  std::int64_t integer(std::size_t row) const;   // kSigned, kUnsigned (as bits), kDate, kTimestamp
  double real(std::size_t row) const;            // kFloat
  bool boolean(std::size_t row) const;           // kBool
  std::string_view text(std::size_t row) const;  // kText, kBytes
  // Where the value of a row stands that may be a dictionary's: that column, and `row` in it.
  const ArrowColumn& children_owner(std::size_t& row) const;
  // kList, of no dictionary: elements [first, last) of children()[0].
  std::pair<std::size_t, std::size_t> elements(std::size_t row) const;
  const std::vector<ArrowColumn>& children() const { return children_; }
  const ArrowField& field() const { return *field_; }
  // Where all of [first, last) are float32 without nulls: their bytes.
  std::optional<std::string_view> float32_bytes(std::size_t first, std::size_t last) const;

 private:
  friend class ArrowBatchReader;
  // Not looking into a dictionary.
  bool is_null_here(std::size_t row) const;
  std::uint64_t index(std::size_t row) const;
  std::int64_t offset(std::size_t row) const;
  template <typename T>
  static T at(std::string_view bytes, std::size_t i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    return value;
  }

  const ArrowField* field_ = nullptr;
  std::size_t rows_ = 0;
  std::string_view validity_;  // empty: no nulls
  std::string_view values_;    // numbers, offsets, views, indices
  std::string_view bytes_;     // of texts
  std::vector<std::string_view> view_bytes_;
  std::vector<ArrowColumn> children_;
  std::shared_ptr<const ArrowColumn> dictionary_;
};

// A record batch with the bytes that its columns stand in.
struct ArrowBatch {
  std::size_t rows = 0;
  std::vector<ArrowColumn> columns;
  std::shared_ptr<const std::string> body;
  std::vector<std::shared_ptr<const std::string>> unpacked;
};

struct ArrowDictionary {
  ArrowBatch batch;
  std::shared_ptr<const ArrowColumn> values;
};

struct ArrowSchema {
  std::vector<ArrowField> fields;
  // The field whose values are a dictionary's, by the dictionary's number.
  std::map<std::int64_t, ArrowField> dictionaries;
};
// `message_header`: the table Schema. invalid_argument: big-endian, or damaged.
Result<ArrowSchema> parse_arrow_schema(const FlatTable& header);

// `header`: the table RecordBatch; `body`: what follows the message. invalid_argument: damaged, or not understood.
Result<ArrowBatch> read_arrow_batch(const FlatTable& header, std::shared_ptr<const std::string> body,
                                    std::span<const ArrowField> fields, const std::map<std::int64_t, ArrowDictionary>& dictionaries,
                                    std::size_t max_unpacked_bytes);

}  // namespace orthant::bulk
