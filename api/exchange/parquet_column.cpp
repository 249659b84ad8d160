#include "api/exchange/parquet_column.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>
#include <snappy.h>

#include "api/http/content_coding.h"
#include "base/bytes.h"

namespace orthant {
namespace {

constexpr std::uint64_t kMaxPageBytes = std::uint64_t{512} << 20;
constexpr std::uint64_t kMaxPageValues = std::uint64_t{1} << 26;
constexpr std::uint64_t kMaxPageTexts = std::uint64_t{1} << 24;
// Headers hold statistics, which may be long texts.
constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kUsualHeaderBytes = 4096;
// Of the rows of one read().
constexpr std::uint64_t kMaxReadTextBytes = std::uint64_t{512} << 20;

template <typename T>
void append_range(const std::vector<T>& from, std::size_t begin, std::size_t count, std::vector<T>& to) {
  const auto first = from.begin() + static_cast<std::ptrdiff_t>(begin);
  to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

std::unexpected<Error> ParquetColumnReader::damaged(std::string_view what) const {
  return file_.damaged(fmt::format("column `{}`: {}", column_.name, what));
}

Status ParquetColumnReader::close_chunk() const {
  if (chunk_open_ && chunk_rows_seen_ != chunk_rows_) {
    return damaged(fmt::format("{} rows in a row group of {}", chunk_rows_seen_, chunk_rows_));
  }
  return {};
}

Status ParquetColumnReader::open_chunk() {
  ORTHANT_TRY(close_chunk());
  if (group_ >= format_.row_groups.size()) return damaged("it ends too early");
  const ParquetRowGroup& group = format_.row_groups[group_++];
  const ParquetChunk& chunk = group.chunks[column_.first_leaf];
  if (chunk.type != column_.type) return damaged("a row group has it in another type");
  at_ = chunk.at;
  end_ = chunk.at + chunk.bytes;
  codec_ = chunk.codec;
  chunk_values_left_ = chunk.values;
  chunk_rows_ = group.rows;
  chunk_rows_seen_ = 0;
  dictionary_.reset();
  chunk_open_ = true;
  return {};
}

Result<std::string> ParquetColumnReader::unpack(std::string bytes, std::uint64_t unpacked_bytes) const {
  if (unpacked_bytes > kMaxPageBytes) return damaged(fmt::format("a page of {} bytes", unpacked_bytes));
  if (bytes.empty() && unpacked_bytes == 0) return bytes;
  std::string unpacked;
  switch (static_cast<ParquetCodec>(codec_)) {
    case ParquetCodec::kNone: unpacked = std::move(bytes); break;
    case ParquetCodec::kSnappy: {
      std::size_t length = 0;
      // Snappy makes at most 64 bytes of 3.
      const bool plausible = snappy::GetUncompressedLength(bytes.data(), bytes.size(), &length) && length == unpacked_bytes &&
                             length / 32 <= bytes.size();
      if (!plausible || !snappy::Uncompress(bytes.data(), bytes.size(), &unpacked))
        return damaged("a page that Snappy cannot unpack");
      break;
    }
    case ParquetCodec::kGzip:
    case ParquetCodec::kZstd: {
      const auto coding = static_cast<ParquetCodec>(codec_) == ParquetCodec::kGzip ? ContentCoding::kGzip : ContentCoding::kZstd;
      auto result = decompress(coding, bytes, unpacked_bytes);
      if (!result) return damaged("a page: " + result.error().message);
      unpacked = std::move(*result);
      break;
    }
    default:
      return file_.refused(
          fmt::format("column `{}`: compression {} is not supported; none, snappy, gzip and zstd are", column_.name, codec_));
  }
  if (unpacked.size() != unpacked_bytes) return damaged("a page of another size than its header says");
  return unpacked;
}

Status ParquetColumnReader::next_page() {
  while (!chunk_open_ || chunk_values_left_ == 0) ORTHANT_TRY(open_chunk());
  while (true) {
    std::optional<ParquetPageHeader> header;
    for (std::uint64_t window = kUsualHeaderBytes; !header && window <= kMaxHeaderBytes; window *= 16) {
      const auto bytes = ORTHANT_TRY(file_.read_array<std::uint8_t>(at_, std::min(window, end_ - at_)));
      header = parse_page_header(as_string_view(bytes));
    }
    if (!header) return damaged(fmt::format("no page at byte {}", at_));
    at_ += header->header_bytes;
    if (header->bytes > end_ - at_) return damaged("a page that goes beyond its column");
    const bool wanted = header->page != ParquetPage::kIndex;
    std::string bytes(wanted ? header->bytes : 0, '\0');
    if (wanted) ORTHANT_TRY(file_.read_at(at_, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}));
    at_ += header->bytes;
    if (!wanted) continue;
    ORTHANT_TRY(read_page(*header, std::move(bytes)));
    if (header->page != ParquetPage::kDictionary) return {};
  }
}

Status ParquetColumnReader::read_page(const ParquetPageHeader& header, std::string bytes) {
  const std::uint64_t limit =
      column_.type == ParquetType::kByteArray || column_.type == ParquetType::kFixedBytes ? kMaxPageTexts : kMaxPageValues;
  if (header.values > limit) return damaged(fmt::format("a page of {} values", header.values));
  if (header.page == ParquetPage::kDictionary) {
    dictionary_bytes_ = ORTHANT_TRY(unpack(std::move(bytes), header.unpacked_bytes));
    dictionary_ = decode_values(column_, static_cast<std::int32_t>(ParquetEncoding::kPlain), dictionary_bytes_, header.values);
    if (!dictionary_) return damaged("its dictionary");
    return {};
  }
  if (header.values > chunk_values_left_) return damaged("more values than the row group says");
  chunk_values_left_ -= header.values;
  if (header.page == ParquetPage::kDataV2) {
    // Levels are never packed.
    const std::uint64_t level_bytes = std::uint64_t{header.definition_bytes} + header.repetition_bytes;
    if (level_bytes > bytes.size() || level_bytes > header.unpacked_bytes) return damaged("levels that do not fit their page");
    if (header.packed) {
      const std::string rest = ORTHANT_TRY(unpack(bytes.substr(level_bytes), header.unpacked_bytes - level_bytes));
      bytes.resize(level_bytes);
      bytes += rest;
    }
    page_bytes_ = std::move(bytes);
  } else if (header.page == ParquetPage::kData) {
    page_bytes_ = ORTHANT_TRY(unpack(std::move(bytes), header.unpacked_bytes));
  } else {
    return file_.refused(fmt::format("column `{}`: a page of kind {}", column_.name, static_cast<int>(header.page)));
  }
  entries_ = header.values;
  next_entry_ = 0;
  next_value_ = 0;
  std::string_view rest = page_bytes_;
  ORTHANT_TRY(read_levels(header, rest));
  return read_values(header, rest);
}

// Takes the levels off the front of `bytes`.
Status ParquetColumnReader::read_levels(const ParquetPageHeader& header, std::string_view& bytes) {
  constexpr auto kRle = static_cast<std::int32_t>(ParquetEncoding::kRle);
  const bool second = header.page == ParquetPage::kDataV2;
  const auto take = [&](unsigned max_level, std::uint32_t bytes_in_v2, std::int32_t encoding,
                        std::vector<std::uint32_t>& levels) -> Status {
    levels.clear();
    if (max_level == 0 && !second) return {};
    ByteReader reader(bytes);
    if (max_level > 0 && !second && encoding != kRle) return file_.refused("levels in an encoding of old");
    const auto part = second ? reader.read_bytes(bytes_in_v2) : reader.read_sized();
    if (!part) return damaged("levels that do not fit their page");
    bytes = reader.rest();
    if (max_level == 0) return {};
    auto decoded = decode_hybrid(*part, static_cast<unsigned>(std::bit_width(max_level)), entries_);
    if (!decoded) return damaged("levels that cannot be decoded");
    if (std::ranges::any_of(*decoded, [&](std::uint32_t level) { return level > max_level; }))
      return damaged("a level out of range");
    levels = std::move(*decoded);
    return {};
  };
  ORTHANT_TRY(take(column_.is_list_of_lists ? 2
                   : column_.is_list        ? 1
                                            : 0,
                   header.repetition_bytes, header.repetition_encoding, repetitions_));
  return take(column_.max_definition, header.definition_bytes, header.definition_encoding, definitions_);
}

Status ParquetColumnReader::read_values(const ParquetPageHeader& header, std::string_view bytes) {
  const std::size_t count = definitions_.empty()
                                ? entries_
                                : static_cast<std::size_t>(std::ranges::count(definitions_, std::uint32_t{column_.max_definition}));
  const auto encoding = static_cast<ParquetEncoding>(header.encoding);
  std::optional<PageValues> values;
  if (encoding == ParquetEncoding::kRleDictionary || encoding == ParquetEncoding::kPlainDictionary) {
    if (!dictionary_) return damaged("a page of dictionary places without a dictionary");
    values = decode_dictionary_values(*dictionary_, bytes, count);
  } else {
    values = decode_values(column_, header.encoding, bytes, count);
  }
  if (!values) return damaged(fmt::format("{} values in encoding {} cannot be decoded", count, header.encoding));
  values_ = std::move(*values);
  return {};
}

bool ParquetColumnReader::at_row_start() const {
  return repetitions_.empty() || repetitions_[next_entry_] == 0;
}

// How many of the page's entries belong to the wanted rows; counts rows_left down where a row begins. `row_open`: the last row may
// go on in what comes next.
std::size_t ParquetColumnReader::entries_of_rows(std::uint64_t& rows_left, bool& row_open) const {
  if (repetitions_.empty()) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(rows_left, entries_ - next_entry_));
    rows_left -= count;
    row_open = false;
    return count;
  }
  std::size_t entry = next_entry_;
  for (; entry < entries_; ++entry) {
    if (repetitions_[entry] != 0) continue;
    if (rows_left == 0) break;
    --rows_left;
  }
  row_open = entry == entries_;
  return entry - next_entry_;
}

// Of a list: an element of it; of a list of lists the first element of an inner list (or that it has none), or a further one.
void ParquetColumnReader::take_element(std::uint32_t definition, std::uint32_t repetition, ColumnRows& out) const {
  constexpr std::uint32_t kInnerRepetition = 2;
  const std::uint8_t is_value = definition == column_.max_definition ? 1 : 0;
  if (!column_.is_list_of_lists) {
    ++out.lengths.back();
    out.is_value.push_back(is_value);
    return;
  }
  if (repetition < kInnerRepetition || out.lengths.back() == 0) {
    ++out.lengths.back();
    out.inner_lengths.push_back(0);
  }
  if (definition < column_.inner_definition) return;
  ++out.inner_lengths.back();
  out.is_value.push_back(is_value);
}

void ParquetColumnReader::take_entries(std::size_t count, ColumnRows& out) {
  std::size_t values = 0;
  for (std::size_t entry = next_entry_; entry < next_entry_ + count; ++entry) {
    const std::uint32_t definition = definitions_.empty() ? column_.max_definition : definitions_[entry];
    const bool is_value = definition == column_.max_definition;
    values += is_value ? 1 : 0;
    const bool begins_row = repetitions_.empty() || repetitions_[entry] == 0;
    if (begins_row) {
      ++chunk_rows_seen_;
      const bool present = column_.is_list ? definition + 1 >= column_.element_definition : is_value;
      out.rows.push_back(present ? ColumnRows::State::kPresent : ColumnRows::State::kNull);
      if (column_.is_list) out.lengths.push_back(0);
    }
    if (column_.is_list && definition >= column_.element_definition) {
      take_element(definition, repetitions_.empty() ? 0 : repetitions_[entry], out);
    }
  }
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&values_.values)) {
    append_range(*integers, next_value_, values, out.integers);
  } else if (const auto* floats = std::get_if<std::vector<float>>(&values_.values)) {
    append_range(*floats, next_value_, values, out.floats);
  } else if (const auto* doubles = std::get_if<std::vector<double>>(&values_.values)) {
    append_range(*doubles, next_value_, values, out.doubles);
  } else {
    const auto& texts = std::get<std::vector<std::string_view>>(values_.values);
    for (std::size_t i = 0; i < values; ++i) out.texts.emplace_back(texts[next_value_ + i]);
  }
  next_value_ += values;
  next_entry_ += count;
}

Result<ColumnRows> ParquetColumnReader::read(std::uint64_t rows) {
  ColumnRows out;
  std::uint64_t left = rows;
  bool row_open = false;  // the last row may go on in the next page of this chunk
  std::uint64_t text_bytes = 0;
  while (left > 0 || row_open) {
    if (next_entry_ == entries_) {
      if (left == 0 && chunk_values_left_ == 0) break;
      const bool new_chunk = !chunk_open_ || chunk_values_left_ == 0;
      ORTHANT_TRY(next_page());
      if (entries_ == 0) continue;
      if (new_chunk && !at_row_start()) return damaged("a row group that begins inside a row");
    }
    if (out.rows.empty() && !at_row_start()) return damaged("a page that begins inside a row");
    const std::size_t before = out.texts.size();
    take_entries(entries_of_rows(left, row_open), out);
    for (std::size_t i = before; i < out.texts.size(); ++i) text_bytes += out.texts[i].size();
    if (text_bytes > kMaxReadTextBytes) return damaged("texts of more than 512 MiB in neighbouring rows");
  }
  if (group_ == format_.row_groups.size() && chunk_values_left_ == 0 && next_entry_ == entries_) ORTHANT_TRY(close_chunk());
  return out;
}

Status ParquetColumnReader::skip(std::uint64_t rows) {
  constexpr std::uint64_t kRowsAtOnce = 4096;
  while (rows > 0) {
    const bool between_chunks = (!chunk_open_ || chunk_values_left_ == 0) && next_entry_ == entries_;
    if (between_chunks && group_ < format_.row_groups.size() && format_.row_groups[group_].rows <= rows) {
      ORTHANT_TRY(close_chunk());
      rows -= format_.row_groups[group_++].rows;
      chunk_open_ = false;
      continue;
    }
    const std::uint64_t count = std::min(rows, kRowsAtOnce);
    ORTHANT_TRY(read(count));
    rows -= count;
  }
  return {};
}

}  // namespace orthant
