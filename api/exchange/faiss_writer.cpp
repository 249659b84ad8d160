#include "api/exchange/faiss_writer.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "api/exchange/faiss_graph.h"
#include "api/exchange/output_file.h"

namespace orthant {
namespace {

constexpr std::int64_t kFiller = 1 << 20;  // FAISS writes two of these into each header
constexpr std::size_t kRowsAtOnce = 1024;

std::int32_t faiss_metric(Metric metric) {
  switch (metric) {
    case Metric::kEuclid: return 1;
    case Metric::kManhattan: return 2;
    default: return 0;
  }
}

Result<std::int64_t> faiss_id(const PointId& id) {
  if (!id.is_uuid() && id.as_number() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return static_cast<std::int64_t>(id.as_number());
  }
  return invalid_argument(fmt::format("id {}: FAISS holds integers below 2^63; .parquet and .npy take all ids", id.to_string()));
}

// The parts that all these files share: name and header of the id map, a flat index inside, the ids at the end.
class FaissFlatWriter : public VectorWriter {
 public:
  FaissFlatWriter(OutputFile file, const VectorWriterOptions& options)
      : file_(std::move(file)), options_(options), binary_(options.faiss == FaissKind::kBinary) {}

  Status begin() {
    ORTHANT_TRY(write_header(binary_ ? "IBM2" : "IxM2"));
    const std::int32_t metric = faiss_metric(options_.metric);
    ORTHANT_TRY(write_header(binary_ ? "IBxF" : metric == 0 ? "IxFI" : metric == 1 ? "IxF2" : "IxFl"));
    count_at_ = file_.size();
    return file_.append_value(std::uint64_t{0});
  }

  Status append(const VectorRows& rows) override {
    ORTHANT_TRY(append_ids(rows));
    if (!binary_) return file_.append_array<float>(rows.floats);
    return file_.append_array<std::uint8_t>(codes_of_floats(VectorForm::kUbinary, options_.dim, rows.floats));
  }

  Status finish() override {
    const std::uint64_t elements = ids_.size() * (binary_ ? vector_bytes(VectorForm::kUbinary, options_.dim) : options_.dim);
    ORTHANT_TRY(patch_value(count_at_, elements));
    return finish_with_ids();
  }

 protected:
  // The numbers of rows are put in at the end.
  Status write_header(std::string_view name) {
    ORTHANT_TRY(file_.append(name));
    ORTHANT_TRY(file_.append_value(static_cast<std::int32_t>(options_.dim)));
    if (binary_) ORTHANT_TRY(file_.append_value(static_cast<std::int32_t>(options_.dim / 8)));
    rows_at_.push_back(file_.size());
    ORTHANT_TRY(file_.append_value(std::int64_t{0}));
    for (int i = 0; i < 2 && !binary_; ++i) ORTHANT_TRY(file_.append_value(kFiller));
    ORTHANT_TRY(file_.append_value(std::uint8_t{1}));  // is_trained
    const std::int32_t metric = binary_ ? 1 : faiss_metric(options_.metric);
    ORTHANT_TRY(file_.append_value(metric));
    if (metric > 1) ORTHANT_TRY(file_.append_value(0.0f));
    return {};
  }

  Status append_ids(const VectorRows& rows) {
    for (const PointId& id : rows.ids) ids_.push_back(ORTHANT_TRY(faiss_id(id)));
    return {};
  }

  template <typename T>
  Status patch_value(std::uint64_t offset, T value) {
    return file_.patch(offset, {reinterpret_cast<const char*>(&value), sizeof value});
  }

  Status finish_with_ids() {
    ORTHANT_TRY(file_.append_value(std::uint64_t{ids_.size()}));
    ORTHANT_TRY(file_.append_array<std::int64_t>(ids_));
    for (const std::uint64_t at : rows_at_) ORTHANT_TRY(patch_value(at, static_cast<std::int64_t>(ids_.size())));
    return file_.finish();
  }

  OutputFile file_;
  VectorWriterOptions options_;
  std::vector<std::int64_t> ids_;

 private:
  bool binary_;
  std::vector<std::uint64_t> rows_at_;
  std::uint64_t count_at_ = 0;
};

// Codes need the range of each dimension over all rows: floats wait in a file beside until it is known.
class FaissSq8Writer final : public FaissFlatWriter {
 public:
  FaissSq8Writer(OutputFile file, OutputFile floats, const VectorWriterOptions& options)
      : FaissFlatWriter(std::move(file), options),
        floats_(std::move(floats)),
        least_(options.dim, std::numeric_limits<float>::infinity()),
        most_(options.dim, -std::numeric_limits<float>::infinity()) {}

  Status append(const VectorRows& rows) override {
    ORTHANT_TRY(append_ids(rows));
    for (std::size_t i = 0; i < rows.floats.size(); ++i) {
      float& least = least_[i % options_.dim];
      float& most = most_[i % options_.dim];
      least = std::min(least, rows.floats[i]);
      most = std::max(most, rows.floats[i]);
    }
    return floats_.append_array<float>(rows.floats);
  }

  Status finish() override {
    ORTHANT_TRY(write_header("IxM2"));
    ORTHANT_TRY(write_header("IxSQ"));
    ORTHANT_TRY(write_quantizer());
    ORTHANT_TRY(file_.append_value(std::uint64_t{ids_.size() * options_.dim}));
    std::vector<float> floats;
    for (std::uint64_t row = 0; row < ids_.size(); row += kRowsAtOnce) {
      const std::uint64_t rows = std::min<std::uint64_t>(kRowsAtOnce, ids_.size() - row);
      floats.resize(rows * options_.dim);
      ORTHANT_TRY(floats_.read_at(row * options_.dim * sizeof(float),
                                  {reinterpret_cast<std::uint8_t*>(floats.data()), floats.size() * sizeof(float)}));
      ORTHANT_TRY(file_.append_array<std::uint8_t>(encode(floats)));
    }
    return finish_with_ids();
  }

 private:
  // Kind (8 bit), way of finding ranges (least and most) and its argument, dimension, bytes a code, ranges.
  Status write_quantizer() {
    ORTHANT_TRY(file_.append_value(std::int32_t{0}));
    ORTHANT_TRY(file_.append_value(std::int32_t{0}));
    ORTHANT_TRY(file_.append_value(0.0f));
    ORTHANT_TRY(file_.append_value(std::uint64_t{options_.dim}));
    ORTHANT_TRY(file_.append_value(std::uint64_t{options_.dim}));
    ORTHANT_TRY(file_.append_value(std::uint64_t{2 * options_.dim}));
    for (std::size_t i = 0; i < options_.dim; ++i) {
      if (ids_.empty()) least_[i] = most_[i] = 0;
      most_[i] -= least_[i];
    }
    ORTHANT_TRY(file_.append_array<float>(least_));
    return file_.append_array<float>(most_);
  }

  std::vector<std::uint8_t> encode(const std::vector<float>& floats) const {
    std::vector<std::uint8_t> codes(floats.size());
    for (std::size_t i = 0; i < floats.size(); ++i) {
      const std::size_t j = i % options_.dim;
      const float share = most_[j] == 0 ? 0 : std::clamp((floats[i] - least_[j]) / most_[j], 0.0f, 1.0f);
      codes[i] = static_cast<std::uint8_t>(255 * share);
    }
    return codes;
  }

  OutputFile floats_;
  std::vector<float> least_;
  std::vector<float> most_;  // the span behind `least_` once codes are made
};

class FaissGraphWriter final : public VectorWriter {
 public:
  FaissGraphWriter(OutputFile file, const VectorWriterOptions& options) : file_(std::move(file)), options_(options) {}

  Status append(const VectorRows& rows) override {
    for (const PointId& id : rows.ids) ids_.push_back(ORTHANT_TRY(faiss_id(id)));
    floats_.insert(floats_.end(), rows.floats.begin(), rows.floats.end());
    return {};
  }
  Status finish() override {
    ORTHANT_TRY(write_faiss_graph(file_.beside(), options_.dim, options_.metric, floats_, ids_));
    return file_.finish();
  }

 private:
  OutputFile file_;
  VectorWriterOptions options_;
  std::vector<float> floats_;
  std::vector<std::int64_t> ids_;
};

}  // namespace

Result<std::unique_ptr<VectorWriter>> create_faiss_writer(const std::filesystem::path& path, const VectorWriterOptions& options) {
  if (options.has_uuids) return invalid_argument("some ids are UUIDs, which FAISS cannot hold; .parquet and .npy take them");
  if (options.faiss == FaissKind::kBinary && options.dim % 8 != 0) {
    return invalid_argument(fmt::format("{} dimensions: binary indexes of FAISS need a multiple of 8", options.dim));
  }
  OutputFile file = ORTHANT_TRY(OutputFile::create(path));
  if (options.faiss == FaissKind::kHnsw) return std::make_unique<FaissGraphWriter>(std::move(file), options);
  if (options.faiss == FaissKind::kSq8) {
    OutputFile floats = ORTHANT_TRY(OutputFile::create(path.string() + ".floats"));
    return std::make_unique<FaissSq8Writer>(std::move(file), std::move(floats), options);
  }
  auto writer = std::make_unique<FaissFlatWriter>(std::move(file), options);
  ORTHANT_TRY(writer->begin());
  return writer;
}

}  // namespace orthant
