#include "base/npy.h"

#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/whole_file.h"

namespace orthant {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeaderBytes = 64 << 10;

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::size_t> shape;
};

// The text after `'key':`, blanks skipped.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = header.substr(at + key.size() + 3);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return rest;
}

std::optional<Header> parse_header(std::string_view text) {
  Header header;
  const auto descr = value_of(text, "descr");
  const auto order = value_of(text, "fortran_order");
  auto shape = value_of(text, "shape");
  if (!descr || !order || !shape || !descr->starts_with('\'') || !shape->starts_with('(')) return std::nullopt;
  header.descr = descr->substr(1, descr->find('\'', 1) - 1);
  header.fortran_order = order->starts_with("True");
  shape->remove_prefix(1);
  while (!shape->empty() && !shape->starts_with(')')) {
    if (shape->starts_with(' ') || shape->starts_with(',')) {
      shape->remove_prefix(1);
      continue;
    }
    std::size_t extent = 0;
    const auto [end, error] = std::from_chars(shape->data(), shape->data() + shape->size(), extent);
    if (error != std::errc{}) return std::nullopt;
    header.shape.push_back(extent);
    shape->remove_prefix(static_cast<std::size_t>(end - shape->data()));
  }
  return header;
}

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
  const std::uint32_t exponent = half >> 10 & 0x1f;
  const std::uint32_t fraction = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 0x1f ? 0xff : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <typename From, typename Convert>
std::vector<std::uint8_t> convert_to_floats(std::string_view elements, Convert convert) {
  const std::size_t count = elements.size() / sizeof(From);
  std::vector<std::uint8_t> out(count * sizeof(float));
  for (std::size_t i = 0; i < count; ++i) {
    From from;
    std::memcpy(&from, elements.data() + i * sizeof from, sizeof from);
    const float to = convert(from);
    std::memcpy(out.data() + i * sizeof to, &to, sizeof to);
  }
  return out;
}

struct Element {
  std::string_view descr;
  NpyType type;
  std::size_t bytes;
};
constexpr Element kElements[] = {{"<f4", NpyType::kFloat32, 4},
                                 {"<f8", NpyType::kFloat32, 8},
                                 {"<f2", NpyType::kFloat32, 2},
                                 {"|i1", NpyType::kInt8, 1},
                                 {"|u1", NpyType::kUint8, 1}};

// The header's text; `reader` then stands at the elements.
std::optional<std::string_view> read_header_text(ByteReader& reader) {
  const auto magic = reader.read_bytes(kMagic.size());
  const auto major = reader.read<std::uint8_t>();
  const auto minor = reader.read<std::uint8_t>();
  if (magic != kMagic || !major || !minor) return std::nullopt;
  std::size_t bytes = 0;
  if (*major == 1) {
    bytes = reader.read<std::uint16_t>().value_or(0);
  } else {
    bytes = reader.read<std::uint32_t>().value_or(0);
  }
  if (bytes == 0 || bytes > kMaxHeaderBytes) return std::nullopt;
  return reader.read_bytes(bytes);
}

}  // namespace

std::size_t npy_element_bytes(NpyType type) {
  return type == NpyType::kFloat32 ? sizeof(float) : 1;
}

Result<NpyArray> read_npy(const std::filesystem::path& path) {
  const std::string file = ORTHANT_TRY(read_whole_file(path));
  ByteReader reader(file);
  const auto text = read_header_text(reader);
  const auto header = text ? parse_header(*text) : std::nullopt;
  if (!header) return invalid_argument(path.string() + ": not a NumPy .npy file");
  if (header->fortran_order || header->shape.size() != 2) {
    return invalid_argument(fmt::format("{}: expected a two-dimensional array in C order, found {} dimensions{}", path.string(),
                                        header->shape.size(), header->fortran_order ? " in Fortran order" : ""));
  }
  for (const Element& element : kElements) {
    if (element.descr != header->descr) continue;
    NpyArray array{element.type, header->shape[0], header->shape[1], {}};
    // In long double, where no header can make the product overflow.
    const long double expected =
        static_cast<long double>(array.rows) * static_cast<long double>(array.columns) * static_cast<long double>(element.bytes);
    if (expected != static_cast<long double>(reader.rest().size())) {
      return invalid_argument(fmt::format("{}: {} x {} elements of {} bytes expected, found {} bytes", path.string(), array.rows,
                                          array.columns, element.bytes, reader.rest().size()));
    }
    const std::string_view elements = reader.rest();
    if (element.descr == "<f8") {
      array.bytes = convert_to_floats<double>(elements, [](double value) { return static_cast<float>(value); });
    } else if (element.descr == "<f2") {
      array.bytes = convert_to_floats<std::uint16_t>(elements, half_to_float);
    } else {
      array.bytes.assign(elements.begin(), elements.end());
    }
    return array;
  }
  return invalid_argument(
      fmt::format("{}: element type '{}', expected float32, float64, float16, int8 or uint8", path.string(), header->descr));
}

Result<FloatMatrix> read_npy_floats(const std::filesystem::path& path) {
  const NpyArray array = ORTHANT_TRY(read_npy(path));
  if (array.type != NpyType::kFloat32) return invalid_argument(path.string() + ": expected floats, found 8-bit integers");
  FloatMatrix matrix{array.rows, array.columns, std::vector<float>(array.rows * array.columns)};
  if (!array.bytes.empty()) std::memcpy(matrix.values.data(), array.bytes.data(), array.bytes.size());
  return matrix;
}

Status write_npy(const std::filesystem::path& path, NpyType type, std::size_t rows, std::size_t columns,
                 std::span<const std::uint8_t> elements) {
  if (elements.size() != rows * columns * npy_element_bytes(type)) {
    return internal_error(fmt::format("{}: {} bytes given for {} x {} elements", path.string(), elements.size(), rows, columns));
  }
  NpyWriter writer = ORTHANT_TRY(NpyWriter::create(path, type, columns));
  ORTHANT_TRY(writer.append(elements));
  return writer.finish();
}

NpyWriter::NpyWriter(std::filesystem::path path, NpyType type, std::size_t columns)
    : path_(std::move(path)), beside_(path_.string() + ".partial"), type_(type), columns_(columns) {}

NpyWriter::~NpyWriter() {
  if (!out_.is_open()) return;
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(beside_, ignored);
}

Result<NpyWriter> NpyWriter::create(const std::filesystem::path& path, NpyType type, std::size_t columns) {
  NpyWriter writer(path, type, columns);
  writer.out_.open(writer.beside_, std::ios::binary | std::ios::trunc);
  writer.out_ << writer.header();
  if (!writer.out_) return io_error(writer.beside_.string() + ": cannot be written");
  return writer;
}

// Padded to a length that does not depend on the number of rows, so that finish() can write it again in place.
std::string NpyWriter::header() const {
  const std::string_view descr = type_ == NpyType::kFloat32 ? "<f4" : type_ == NpyType::kInt8 ? "|i1" : "|u1";
  constexpr std::size_t kHeaderBytes = 128;
  constexpr std::size_t kPrefixBytes = 10;
  std::string header(kMagic);
  header += '\x01';
  header += '\0';
  append_value(header, static_cast<std::uint16_t>(kHeaderBytes - kPrefixBytes));
  header += fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}, {}), }}", descr, rows_, columns_);
  header.resize(kHeaderBytes - 1, ' ');
  header += '\n';
  return header;
}

Status NpyWriter::append(std::span<const std::uint8_t> elements) {
  const std::size_t row_bytes = columns_ * npy_element_bytes(type_);
  if (row_bytes == 0 || elements.size() % row_bytes != 0) {
    if (elements.empty()) return {};
    return internal_error(fmt::format("{}: {} bytes are no whole rows of {}", path_.string(), elements.size(), row_bytes));
  }
  out_ << as_string_view(elements);
  if (!out_) return io_error(beside_.string() + ": writing failed");
  rows_ += elements.size() / row_bytes;
  return {};
}

Status NpyWriter::finish() {
  out_.seekp(0);
  out_ << header();
  out_.flush();
  if (!out_) return io_error(beside_.string() + ": writing failed");
  std::error_code error;
  std::filesystem::rename(beside_, path_, error);
  if (error) return io_error(fmt::format("{}: cannot be renamed to {}: {}", beside_.string(), path_.string(), error.message()));
  out_.close();
  return {};
}

}  // namespace orthant
