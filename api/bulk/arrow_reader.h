#pragma once
// ArrowReader: a body of Arrow IPC -> batches of points. Columns become ids, texts, vectors and payload as ColumnMapping says. Of a
// stream memory is bounded by one record batch, unpacked; a file, whose table of contents stands at its end, is taken into memory
// up to 256 MiB. Rows are counted from 1, as lines are.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/bulk/arrow_format.h"
#include "api/bulk/column_choice.h"
#include "api/bulk/point_reader.h"
#include "api/bulk/unpacked_bytes.h"
#include "api/json/json_writer.h"

namespace orthant::bulk {

inline constexpr std::string_view kArrowStreamType = "application/vnd.apache.arrow.stream";
inline constexpr std::string_view kArrowFileType = "application/vnd.apache.arrow.file";

class ArrowReader final : public PointReader {
 public:
  ArrowReader(ContentCoding coding, ColumnMapping mapping);

  void feed(std::string_view bytes) override;
  Result<Progress> read(DocumentBatch& batch) override;
  Status finish(DocumentBatch& batch) override;

 private:
  // False: it is not whole yet.
  Result<bool> take_message();
  // The message at the front of `bytes`. Its size; 0: it is not whole, or the stream has ended.
  Result<std::size_t> read_message(std::string_view bytes);
  Status open_file();
  Status finish_file(DocumentBatch& batch);
  Status take_schema(const FlatTable& header);
  Status take_dictionary(const FlatTable& header, std::string_view body);
  void take_row(DocumentBatch& batch);
  Result<PointInput> parse_row(std::size_t row, std::size_t& bytes) const;

  UnpackedBytes bytes_;
  const ColumnMapping mapping_;
  bool begun_ = false;  // past the magic of a file
  bool is_file_ = false;
  bool ended_ = false;                 // past the end of the stream: what follows is a file's footer
  std::vector<std::size_t> messages_;  // of a file: where they begin
  std::size_t next_message_ = 0;
  std::optional<ArrowSchema> schema_;
  ChosenColumns chosen_;
  std::map<std::int64_t, ArrowDictionary> dictionaries_;
  std::optional<ArrowBatch> current_;
  std::size_t next_row_ = 0;
  std::uint64_t rows_ = 0;  // given out
};

}  // namespace orthant::bulk
