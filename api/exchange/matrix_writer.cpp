#include "api/exchange/matrix_writer.h"

#include <limits>
#include <optional>

#include <fmt/format.h>

#include "api/exchange/output_file.h"
#include "base/bytes.h"
#include "base/npy.h"

namespace orthant {
namespace {

constexpr std::size_t kUuidLetters = 36;

// One of the two is there, by the format.
struct Target {
  std::optional<NpyWriter> npy;
  std::optional<OutputFile> plain;

  Status append(ByteSpan bytes) { return npy ? npy->append(bytes) : plain->append(as_string_view(bytes)); }
  Status finish() { return npy ? npy->finish() : plain->finish(); }
};

class MatrixWriter final : public VectorWriter {
 public:
  MatrixWriter(VectorWriterOptions options, Target vectors, Target ids)
      : options_(std::move(options)), vectors_(std::move(vectors)), ids_(std::move(ids)) {}

  Status append(const VectorRows& rows) override {
    const ByteSpan floats{reinterpret_cast<const std::uint8_t*>(rows.floats.data()), rows.floats.size() * sizeof(float)};
    std::vector<std::uint8_t> codes;
    const bool as_codes =
        options_.format == FileFormat::kBvecs || (options_.format == FileFormat::kNpy && options_.form != VectorForm::kFloat32);
    if (as_codes) codes = codes_of_floats(options_.form, options_.dim, rows.floats);
    ORTHANT_TRY(append_vectors(as_codes ? ByteSpan(codes) : floats, rows.rows));
    for (const PointId& id : rows.ids) ORTHANT_TRY(append_id(id));
    return {};
  }

  // The ids first: vectors without them are what would mislead.
  Status finish() override {
    ORTHANT_TRY(ids_.finish());
    return vectors_.finish();
  }

 private:
  Status append_vectors(ByteSpan bytes, std::size_t rows) {
    if (vectors_.npy) return vectors_.append(bytes);
    const std::size_t row_bytes = rows == 0 ? 0 : bytes.size() / rows;
    const auto length = static_cast<std::int32_t>(options_.format == FileFormat::kBvecs ? row_bytes : options_.dim);
    for (std::size_t row = 0; row < rows; ++row) {
      ORTHANT_TRY(vectors_.plain->append_value(length));
      ORTHANT_TRY(vectors_.append(bytes.subspan(row * row_bytes, row_bytes)));
    }
    return {};
  }

  Status append_id(const PointId& id) {
    if (ids_.npy && options_.has_uuids) {
      std::string text = id.to_string();
      text.resize(kUuidLetters, '\0');
      return ids_.append(as_byte_span(text));
    }
    if (id.is_uuid()) return invalid_argument(fmt::format("id {}: a UUID among integers", id.to_string()));
    const std::uint64_t number = id.as_number();
    if (ids_.npy) return ids_.append({reinterpret_cast<const std::uint8_t*>(&number), sizeof number});
    if (number > std::numeric_limits<std::int32_t>::max()) {
      return invalid_argument(fmt::format("id {}: .ivecs holds integers below 2^31; --ids FILE.npy takes all", number));
    }
    ORTHANT_TRY(ids_.plain->append_value(std::int32_t{1}));
    return ids_.plain->append_value(static_cast<std::int32_t>(number));
  }

  VectorWriterOptions options_;
  Target vectors_;
  Target ids_;
};

Result<Target> vectors_target(const std::filesystem::path& path, const VectorWriterOptions& options) {
  Target target;
  if (options.format != FileFormat::kNpy) {
    target.plain.emplace(ORTHANT_TRY(OutputFile::create(path)));
    return target;
  }
  const NpyType type = options.form == VectorForm::kFloat32 ? NpyType::kFloat32
                       : options.form == VectorForm::kInt8  ? NpyType::kInt8
                                                            : NpyType::kUint8;
  const std::size_t columns = options.form == VectorForm::kUbinary ? vector_bytes(options.form, options.dim) : options.dim;
  target.npy.emplace(ORTHANT_TRY(NpyWriter::create(path, type, columns)));
  return target;
}

Result<Target> ids_target(const VectorWriterOptions& options) {
  Target target;
  if (options.ids.extension() == ".npy") {
    const bool texts = options.has_uuids;
    target.npy.emplace(
        ORTHANT_TRY(NpyWriter::create_list(options.ids, texts ? "|S36" : "<u8", texts ? kUuidLetters : sizeof(std::uint64_t))));
    return target;
  }
  if (options.ids.extension() != ".ivecs") return invalid_argument(options.ids.string() + ": ids go to .npy or .ivecs");
  if (options.has_uuids) return invalid_argument("some ids are UUIDs, which .ivecs cannot hold; --ids FILE.npy takes them");
  target.plain.emplace(ORTHANT_TRY(OutputFile::create(options.ids)));
  return target;
}

}  // namespace

Result<std::unique_ptr<VectorWriter>> create_matrix_writer(const std::filesystem::path& path, const VectorWriterOptions& options) {
  if (options.format == FileFormat::kBvecs && options.form != VectorForm::kUbinary) {
    return invalid_argument(path.string() + ": .bvecs holds bytes, for collections of ubinary codes; .fvecs and .npy hold floats");
  }
  Target ids = ORTHANT_TRY(ids_target(options));
  Target vectors = ORTHANT_TRY(vectors_target(path, options));
  return std::make_unique<MatrixWriter>(options, std::move(vectors), std::move(ids));
}

}  // namespace orthant
