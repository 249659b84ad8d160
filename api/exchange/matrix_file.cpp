#include "api/exchange/matrix_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/exchange/input_file.h"
#include "base/bytes.h"
#include "base/half.h"
#include "base/npy_header.h"

namespace orthant {
namespace {

enum class Element { kFloat16, kFloat32, kFloat64, kInt8, kUint8 };

std::size_t element_bytes(Element element) {
  switch (element) {
    case Element::kFloat16: return 2;
    case Element::kFloat32: return 4;
    case Element::kFloat64: return 8;
    default: return 1;
  }
}

template <typename From, typename Convert>
void append_converted(ByteSpan bytes, std::vector<float>& out, Convert convert) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(From)) {
    From value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    out.push_back(convert(value));
  }
}

void append_floats(Element element, ByteSpan bytes, std::vector<float>& out) {
  switch (element) {
    case Element::kFloat16: return append_converted<std::uint16_t>(bytes, out, float_from_float16);
    case Element::kFloat32: {
      const std::size_t before = out.size();
      out.resize(before + bytes.size() / sizeof(float));
      std::memcpy(out.data() + before, bytes.data(), bytes.size());
      return;
    }
    case Element::kFloat64: return append_converted<double>(bytes, out, [](double value) { return static_cast<float>(value); });
    case Element::kInt8:
      return append_converted<std::int8_t>(bytes, out, [](std::int8_t value) { return static_cast<float>(value); });
    case Element::kUint8:
      return append_converted<std::uint8_t>(bytes, out, [](std::uint8_t value) { return static_cast<float>(value); });
  }
}

struct Layout {
  Element element = Element::kFloat32;
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::uint64_t rows_at = 0;       // where the first row begins
  std::uint64_t prefix_bytes = 0;  // before each row's elements: its length as i32, where there is one
};

class MatrixFile final : public VectorFile {
 public:
  MatrixFile(InputFile file, const Layout& layout, const VectorFileInfo& info)
      : file_(std::move(file)), layout_(layout), info_(info) {}

  const VectorFileInfo& info() const override { return info_; }

  Result<VectorRows> read(std::size_t max_rows) override {
    VectorRows out;
    out.rows = static_cast<std::size_t>(std::min<std::uint64_t>(max_rows, info_.rows - next_));
    const std::uint64_t row_bytes = stride();
    const auto bytes = ORTHANT_TRY(file_.read_array<std::uint8_t>(layout_.rows_at + next_ * row_bytes, out.rows * row_bytes));
    const bool floats = info_.form == VectorForm::kFloat32;
    if (floats) out.floats.reserve(out.rows * layout_.columns);
    for (std::size_t row = 0; row < out.rows; ++row) {
      const ByteSpan whole = ByteSpan(bytes).subspan(row * row_bytes, row_bytes);
      ORTHANT_TRY(check_prefix(whole, next_ + row));
      const ByteSpan elements = whole.subspan(layout_.prefix_bytes);
      if (floats) {
        append_floats(layout_.element, elements, out.floats);
      } else {
        out.codes.insert(out.codes.end(), elements.begin(), elements.end());
      }
    }
    next_ += out.rows;
    return out;
  }

  Status skip(std::uint64_t rows) override {
    next_ += std::min(rows, info_.rows - next_);
    return {};
  }

 private:
  std::uint64_t stride() const { return layout_.prefix_bytes + layout_.columns * element_bytes(layout_.element); }

  Status check_prefix(ByteSpan row, std::uint64_t number) const {
    if (layout_.prefix_bytes == 0) return {};
    std::int32_t length = 0;
    std::memcpy(&length, row.data(), sizeof length);
    if (length == static_cast<std::int64_t>(layout_.columns)) return {};
    return file_.damaged(fmt::format("row {} has {} elements, the first has {}", number, length, layout_.columns));
  }

  InputFile file_;
  Layout layout_;
  VectorFileInfo info_;
  std::uint64_t next_ = 0;
};

Result<std::unique_ptr<VectorFile>> make_matrix(InputFile file, const Layout& layout, const VectorFileOptions& options) {
  VectorFileInfo info;
  info.rows = layout.rows;
  info.dim = layout.columns;
  if (options.codes && *options.codes != VectorForm::kFloat32) {
    if (element_bytes(layout.element) != 1) return file.refused("its elements are floats, ready codes are 8-bit integers");
    info.form = *options.codes;
    if (info.form == VectorForm::kUbinary) info.dim = layout.columns * 8;
  }
  if (info.dim == 0 || info.dim > kMaxDim) return file.refused(fmt::format("{} dimensions, expected 1 to {}", info.dim, kMaxDim));
  return std::make_unique<MatrixFile>(std::move(file), layout, info);
}

struct Descr {
  std::string_view name;
  Element element;
};
constexpr Descr kDescrs[] = {{"<f2", Element::kFloat16},
                             {"<f4", Element::kFloat32},
                             {"<f8", Element::kFloat64},
                             {"|i1", Element::kInt8},
                             {"|u1", Element::kUint8}};

}  // namespace

Result<std::unique_ptr<VectorFile>> open_npy_file(const std::filesystem::path& path, const VectorFileOptions& options) {
  InputFile file = ORTHANT_TRY(InputFile::open(path));
  const auto head = ORTHANT_TRY(file.read_array<std::uint8_t>(0, std::min<std::uint64_t>(file.size(), kMaxNpyHeaderBytes)));
  const auto header = parse_npy_header(as_string_view(head));
  if (!header) return file.refused("not a NumPy .npy file");
  if (header->fortran_order || header->shape.size() != 2) {
    return file.refused(fmt::format("expected a two-dimensional array in C order, found {} dimensions{}", header->shape.size(),
                                    header->fortran_order ? " in Fortran order" : ""));
  }
  const auto* descr = std::ranges::find(kDescrs, std::string_view(header->descr), &Descr::name);
  if (descr == std::end(kDescrs)) {
    return file.refused(
        fmt::format("element type '{}', expected little-endian float16, float32, float64, int8 or uint8", header->descr));
  }
  Layout layout{descr->element, header->shape[0], header->shape[1], header->elements_at, 0};
  if (layout.columns > kMaxDim) return file.refused(fmt::format("{} dimensions, expected 1 to {}", layout.columns, kMaxDim));
  ORTHANT_TRY(file.check_range(layout.rows_at, layout.rows, layout.columns * element_bytes(layout.element)));
  return make_matrix(std::move(file), layout, options);
}

Result<std::unique_ptr<VectorFile>> open_vecs_file(const std::filesystem::path& path, const VectorFileOptions& options) {
  InputFile file = ORTHANT_TRY(InputFile::open(path));
  Layout layout;
  layout.element = options.format == FileFormat::kBvecs ? Element::kUint8 : Element::kFloat32;
  layout.prefix_bytes = sizeof(std::int32_t);
  const auto length = ORTHANT_TRY(file.read_array<std::int32_t>(0, 1)).front();
  if (length < 1 || static_cast<std::size_t>(length) > kMaxDim) {
    return file.refused(fmt::format("the first row has {} elements, expected 1 to {}", length, kMaxDim));
  }
  layout.columns = static_cast<std::uint64_t>(length);
  const std::uint64_t stride = layout.prefix_bytes + layout.columns * element_bytes(layout.element);
  layout.rows = file.size() / stride;
  if (file.size() % stride != 0) return file.damaged(fmt::format("{} bytes are no whole rows of {}", file.size(), stride));
  return make_matrix(std::move(file), layout, options);
}

}  // namespace orthant
