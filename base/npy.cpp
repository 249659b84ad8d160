#include "base/npy.h"

#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/half.h"
#include "base/npy_header.h"
#include "base/whole_file.h"

namespace orthant {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

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

}  // namespace

std::size_t npy_element_bytes(NpyType type) {
  return type == NpyType::kFloat32 ? sizeof(float) : 1;
}

Result<NpyArray> read_npy(const std::filesystem::path& path) {
  const std::string file = ORTHANT_TRY(read_whole_file(path));
  const auto header = parse_npy_header(file);
  if (!header) return invalid_argument(path.string() + ": not a NumPy .npy file");
  const std::string_view elements = std::string_view(file).substr(header->elements_at);
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
    if (expected != static_cast<long double>(elements.size())) {
      return invalid_argument(fmt::format("{}: {} x {} elements of {} bytes expected, found {} bytes", path.string(), array.rows,
                                          array.columns, element.bytes, elements.size()));
    }
    if (element.descr == "<f8") {
      array.bytes = convert_to_floats<double>(elements, [](double value) { return static_cast<float>(value); });
    } else if (element.descr == "<f2") {
      array.bytes = convert_to_floats<std::uint16_t>(elements, float_from_float16);
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

NpyWriter::NpyWriter(std::filesystem::path path, std::string descr, std::size_t row_bytes, std::optional<std::size_t> columns)
    : path_(std::move(path)),
      beside_(path_.string() + ".partial"),
      descr_(std::move(descr)),
      row_bytes_(row_bytes),
      columns_(columns) {}

NpyWriter::~NpyWriter() {
  if (!out_.is_open()) return;
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(beside_, ignored);
}

Result<NpyWriter> NpyWriter::create(const std::filesystem::path& path, NpyType type, std::size_t columns) {
  const char* descr = type == NpyType::kFloat32 ? "<f4" : type == NpyType::kInt8 ? "|i1" : "|u1";
  return start(NpyWriter(path, descr, columns * npy_element_bytes(type), columns));
}

Result<NpyWriter> NpyWriter::create_list(const std::filesystem::path& path, std::string_view descr, std::size_t element_bytes) {
  return start(NpyWriter(path, std::string(descr), element_bytes, std::nullopt));
}

Result<NpyWriter> NpyWriter::start(NpyWriter writer) {
  writer.out_.open(writer.beside_, std::ios::binary | std::ios::trunc);
  writer.out_ << writer.header();
  if (!writer.out_) return io_error(writer.beside_.string() + ": cannot be written");
  return writer;
}

// Padded to a length that does not depend on the number of rows, so that finish() can write it again in place.
std::string NpyWriter::header() const {
  constexpr std::size_t kHeaderBytes = 128;
  constexpr std::size_t kPrefixBytes = 10;
  std::string header(kMagic);
  header += '\x01';
  header += '\0';
  append_value(header, static_cast<std::uint16_t>(kHeaderBytes - kPrefixBytes));
  const std::string columns = columns_ ? fmt::format(" {}", *columns_) : "";
  header += fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},{}), }}", descr_, rows_, columns);
  header.resize(kHeaderBytes - 1, ' ');
  header += '\n';
  return header;
}

Status NpyWriter::append(std::span<const std::uint8_t> elements) {
  if (row_bytes_ == 0 || elements.size() % row_bytes_ != 0) {
    if (elements.empty()) return {};
    return internal_error(fmt::format("{}: {} bytes are no whole rows of {}", path_.string(), elements.size(), row_bytes_));
  }
  out_ << as_string_view(elements);
  if (!out_) return io_error(beside_.string() + ": writing failed");
  rows_ += elements.size() / row_bytes_;
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
