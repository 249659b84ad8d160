#include "api/exchange/parquet_encodings.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "base/half.h"

namespace orthant {
namespace {

// Texts of one page that are put together from others take no more.
constexpr std::size_t kMaxBackingBytes = std::size_t{256} << 20;

class VarintReader {
 public:
  explicit VarintReader(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto part = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{part & 0x7fu} << shift;
      if ((part & 0x80) == 0) return value;
    }
    return std::nullopt;
  }
  std::optional<std::uint64_t> zigzag() {
    const auto value = varint();
    if (!value) return std::nullopt;
    return *value >> 1 ^ (~(*value & 1) + 1);
  }
  std::optional<std::string_view> take(std::uint64_t bytes) {
    if (bytes > rest_.size()) return std::nullopt;
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// `width` bits from bit `position` on, least significant first; bits behind the end are 0.
std::uint64_t bits_at(std::string_view bytes, std::uint64_t position, unsigned width) {
  std::uint64_t low = 0;
  const std::uint64_t first = position / 8;
  if (first >= bytes.size()) return 0;
  std::memcpy(&low, bytes.data() + first, std::min<std::uint64_t>(8, bytes.size() - first));
  const unsigned shift = position % 8;
  std::uint64_t value = low >> shift;
  if (shift + width > 64 && first + 8 < bytes.size()) {
    value |= std::uint64_t{static_cast<std::uint8_t>(bytes[first + 8])} << (64 - shift);
  }
  return width == 64 ? value : value & ((std::uint64_t{1} << width) - 1);
}

// Gives the values and leaves `reader` behind them.
std::optional<std::vector<std::int64_t>> decode_delta(VarintReader& reader, std::size_t count) {
  const auto block = reader.varint();
  const auto parts = reader.varint();
  const auto total = reader.varint();
  const auto first = reader.zigzag();
  if (!block || !parts || !total || !first || *total != count || *parts == 0 || *parts > 1024) return std::nullopt;
  if (*block == 0 || *block > (1 << 20) || *block % *parts != 0 || *block / *parts % 8 != 0) return std::nullopt;
  const std::uint64_t part_values = *block / *parts;
  std::vector<std::int64_t> values;
  std::uint64_t value = *first;
  if (count > 0) values.push_back(static_cast<std::int64_t>(value));
  while (values.size() < count) {
    const auto least = reader.zigzag();
    const auto widths = reader.take(*parts);
    if (!least || !widths) return std::nullopt;
    for (std::size_t part = 0; part < *parts && values.size() < count; ++part) {
      const auto width = static_cast<std::uint8_t>((*widths)[part]);
      if (width > 64) return std::nullopt;
      // The last part may be cut off behind its values.
      const std::uint64_t needed = std::min<std::uint64_t>(part_values, count - values.size());
      const std::uint64_t whole = part_values * width / 8;
      const auto bits =
          reader.take(std::min<std::uint64_t>(whole, std::max<std::uint64_t>(reader.rest().size(), (needed * width + 7) / 8)));
      if (!bits) return std::nullopt;
      for (std::uint64_t i = 0; i < needed; ++i) {
        value += *least + bits_at(*bits, i * width, width);
        values.push_back(static_cast<std::int64_t>(value));
      }
    }
  }
  return values;
}

std::optional<std::vector<std::string_view>> decode_delta_lengths(VarintReader& reader, std::size_t count) {
  const auto lengths = decode_delta(reader, count);
  if (!lengths) return std::nullopt;
  std::vector<std::string_view> texts;
  for (const std::int64_t length : *lengths) {
    const auto text = length < 0 ? std::nullopt : reader.take(static_cast<std::uint64_t>(length));
    if (!text) return std::nullopt;
    texts.push_back(*text);
  }
  return texts;
}

// Each text begins with so many bytes of the one before it.
std::optional<PageValues> decode_delta_texts(std::string_view bytes, std::size_t count) {
  VarintReader reader(bytes);
  const auto prefixes = decode_delta(reader, count);
  const auto suffixes = prefixes ? decode_delta_lengths(reader, count) : std::nullopt;
  if (!suffixes) return std::nullopt;
  PageValues page;
  std::vector<std::size_t> begins;
  std::size_t last = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto prefix = static_cast<std::uint64_t>((*prefixes)[i]);
    if (prefix > page.backing.size() - last) return std::nullopt;
    if (page.backing.size() + prefix + (*suffixes)[i].size() > kMaxBackingBytes) return std::nullopt;
    begins.push_back(page.backing.size());
    page.backing.resize(page.backing.size() + prefix);
    std::copy_n(page.backing.begin() + static_cast<std::ptrdiff_t>(last), prefix,
                page.backing.begin() + static_cast<std::ptrdiff_t>(begins.back()));
    page.backing.insert(page.backing.end(), (*suffixes)[i].begin(), (*suffixes)[i].end());
    last = begins.back();
  }
  std::vector<std::string_view> texts(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? begins[i + 1] : page.backing.size();
    texts[i] = std::string_view(page.backing.data() + begins[i], end - begins[i]);
  }
  page.values = std::move(texts);
  return page;
}

template <typename From, typename To, typename Convert>
std::optional<PageValues> decode_fixed(std::string_view bytes, std::size_t count, Convert convert) {
  if (count > bytes.size() / sizeof(From)) return std::nullopt;
  std::vector<To> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    values[i] = convert(value);
  }
  return PageValues{.values = std::move(values)};
}

std::optional<PageValues> decode_plain_texts(std::string_view bytes, std::size_t count) {
  std::vector<std::string_view> texts;
  ByteReader reader(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const auto text = reader.read_sized();
    if (!text) return std::nullopt;
    texts.push_back(*text);
  }
  return PageValues{.values = std::move(texts)};
}

std::optional<PageValues> decode_plain_bits(std::string_view bytes, std::size_t count) {
  if (count > bytes.size() * 8) return std::nullopt;
  std::vector<std::int64_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<std::uint8_t>(bytes[i / 8]) >> i % 8 & 1;
  return PageValues{.values = std::move(values)};
}

std::optional<PageValues> decode_plain(const ParquetColumn& column, std::string_view bytes, std::size_t count) {
  switch (column.type) {
    case ParquetType::kBoolean: return decode_plain_bits(bytes, count);
    case ParquetType::kInt32:
      return decode_fixed<std::int32_t, std::int64_t>(bytes, count, [](std::int32_t value) { return value; });
    case ParquetType::kInt64:
      return decode_fixed<std::int64_t, std::int64_t>(bytes, count, [](std::int64_t value) { return value; });
    case ParquetType::kFloat: return decode_fixed<float, float>(bytes, count, [](float value) { return value; });
    case ParquetType::kDouble: return decode_fixed<double, double>(bytes, count, [](double value) { return value; });
    case ParquetType::kByteArray: return decode_plain_texts(bytes, count);
    case ParquetType::kFixedBytes: break;
    default: return std::nullopt;
  }
  if (column.is_float16) return decode_fixed<std::uint16_t, float>(bytes, count, float_from_float16);
  if (column.type_bytes == 0 || count > bytes.size() / column.type_bytes) return std::nullopt;
  std::vector<std::string_view> texts(count);
  for (std::size_t i = 0; i < count; ++i) texts[i] = bytes.substr(i * column.type_bytes, column.type_bytes);
  return PageValues{.values = std::move(texts)};
}

std::size_t fixed_bytes(const ParquetColumn& column) {
  switch (column.type) {
    case ParquetType::kInt32:
    case ParquetType::kFloat: return 4;
    case ParquetType::kInt64:
    case ParquetType::kDouble: return 8;
    case ParquetType::kFixedBytes: return column.type_bytes;
    default: return 0;
  }
}

// First bytes of all values, then second bytes, ...
std::optional<PageValues> decode_split(const ParquetColumn& column, std::string_view bytes, std::size_t count) {
  const std::size_t width = fixed_bytes(column);
  if (width == 0 || count > bytes.size() / width) return std::nullopt;
  std::vector<char> joined(count * width);
  for (std::size_t byte = 0; byte < width; ++byte) {
    for (std::size_t i = 0; i < count; ++i) joined[i * width + byte] = bytes[byte * count + i];
  }
  auto page = decode_plain(column, {joined.data(), joined.size()}, count);
  if (page) page->backing = std::move(joined);
  return page;
}

std::optional<PageValues> decode_rle_booleans(std::string_view bytes, std::size_t count) {
  ByteReader reader(bytes);
  const auto runs = reader.read_sized();
  const auto bits = runs ? decode_hybrid(*runs, 1, count) : std::nullopt;
  if (!bits) return std::nullopt;
  return PageValues{.values = std::vector<std::int64_t>(bits->begin(), bits->end())};
}

template <typename T>
std::optional<PageValues> look_up(const std::vector<T>& dictionary, const std::vector<std::uint32_t>& places) {
  std::vector<T> values(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] >= dictionary.size()) return std::nullopt;
    values[i] = dictionary[places[i]];
  }
  return PageValues{.values = std::move(values)};
}

}  // namespace

std::size_t PageValues::size() const {
  return std::visit([](const auto& list) { return list.size(); }, values);
}

std::optional<std::vector<std::uint32_t>> decode_hybrid(std::string_view bytes, unsigned width, std::size_t count) {
  if (width > 32) return std::nullopt;
  std::vector<std::uint32_t> values;
  values.reserve(count);
  VarintReader reader(bytes);
  while (values.size() < count) {
    const auto head = reader.varint();
    if (!head || *head >> 1 == 0) return std::nullopt;
    const std::size_t left = count - values.size();
    if ((*head & 1) == 0) {
      const auto value = reader.take((width + 7) / 8);
      if (!value) return std::nullopt;
      values.insert(values.end(), std::min<std::uint64_t>(*head >> 1, left), static_cast<std::uint32_t>(bits_at(*value, 0, width)));
      continue;
    }
    const std::uint64_t groups = *head >> 1;
    const std::uint64_t needed = std::min<std::uint64_t>(left, groups > left ? left : groups * 8);
    // Writers may cut off what stands behind the last value.
    if ((needed * width + 7) / 8 > reader.rest().size()) return std::nullopt;
    const std::uint64_t whole = groups > reader.rest().size() ? reader.rest().size() : groups * width;
    const auto packed = reader.take(std::min<std::uint64_t>(whole, reader.rest().size()));
    for (std::uint64_t i = 0; i < needed; ++i) values.push_back(static_cast<std::uint32_t>(bits_at(*packed, i * width, width)));
  }
  return values;
}

std::optional<PageValues> decode_values(const ParquetColumn& column, std::int32_t encoding, std::string_view bytes,
                                        std::size_t count) {
  VarintReader reader(bytes);
  const bool integer = column.type == ParquetType::kInt32 || column.type == ParquetType::kInt64;
  const bool text = column.type == ParquetType::kByteArray || (column.type == ParquetType::kFixedBytes && !column.is_float16);
  switch (static_cast<ParquetEncoding>(encoding)) {
    case ParquetEncoding::kPlain: return decode_plain(column, bytes, count);
    case ParquetEncoding::kByteStreamSplit: return decode_split(column, bytes, count);
    case ParquetEncoding::kRle:
      if (column.type == ParquetType::kBoolean) return decode_rle_booleans(bytes, count);
      return std::nullopt;
    case ParquetEncoding::kDeltaBinaryPacked: {
      auto values = integer ? decode_delta(reader, count) : std::nullopt;
      if (!values) return std::nullopt;
      if (column.type == ParquetType::kInt32) {
        for (std::int64_t& value : *values) value = static_cast<std::int32_t>(value);
      }
      return PageValues{.values = std::move(*values)};
    }
    case ParquetEncoding::kDeltaLengthByteArray: {
      auto texts = text ? decode_delta_lengths(reader, count) : std::nullopt;
      if (!texts) return std::nullopt;
      return PageValues{.values = std::move(*texts)};
    }
    case ParquetEncoding::kDeltaByteArray: return text ? decode_delta_texts(bytes, count) : std::nullopt;
    default: return std::nullopt;
  }
}

std::optional<PageValues> decode_dictionary_values(const PageValues& dictionary, std::string_view bytes, std::size_t count) {
  if (count == 0 && bytes.empty()) {
    return std::visit([](const auto& list) { return look_up(list, {}); }, dictionary.values);
  }
  if (bytes.empty()) return std::nullopt;
  const auto places = decode_hybrid(bytes.substr(1), static_cast<std::uint8_t>(bytes.front()), count);
  if (!places) return std::nullopt;
  return std::visit([&](const auto& list) { return look_up(list, *places); }, dictionary.values);
}

}  // namespace orthant
