#include "index/vector_index.h"

#include <fmt/format.h>

#include "base/float_values.h"
#include "index/quality_measurement.h"
#include "index/row_encoder.h"
#include "index/vector_index_impl.h"

namespace orthant {
namespace {

Status check(const IndexConfig& config, const FloatVectors* stored) {
  ORTHANT_TRY(validate(config));
  if (config.form != VectorForm::kFloat32) return {};
  if (stored == nullptr) return internal_error("an index of floats needs the stored floats");
  if (stored->dim() != config.dim) {
    return internal_error(fmt::format("stored vectors have {} dimensions, the index {}", stored->dim(), config.dim));
  }
  return {};
}

}  // namespace

VectorIndex::VectorIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VectorIndex::~VectorIndex() = default;

Result<std::unique_ptr<VectorIndex>> VectorIndex::create(const IndexConfig& config, const FloatVectors* stored,
                                                         const IndexHome& home) {
  ORTHANT_TRY(check(config, stored));
  return std::unique_ptr<VectorIndex>(
      new VectorIndex(std::make_unique<Impl>(config, home, residency_for(config, home, 0), stored, 0, encoders_for(config))));
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::load(const std::filesystem::path& file, const IndexConfig& config,
                                                       const FloatVectors* stored, const IndexHome& home) {
  ORTHANT_TRY(check(config, stored));
  SnapshotReader reader = ORTHANT_TRY(SnapshotReader::open(file));
  const SnapshotHeader& header = reader.header();
  Encoders encoders;
  if (config.form == VectorForm::kFloat32) {
    encoders.binary = ORTHANT_TRY(restore_binary_quantizer(config, header.quantizer_name, header.quantizer_parameters));
  }
  // Ranges that are not wanted any more, or damaged, do not fit.
  if (config.int8_codes == Int8Codes::kDimension) encoders.int8_ranges = DimensionRanges::restore(config.dim, header.int8_ranges);
  const CodeResidency residency = residency_for(config, home, header.row_count);
  auto impl = std::make_unique<Impl>(config, home, residency, stored, header.row_count, std::move(encoders));
  if (!impl->fits(header)) {
    return data_corruption(fmt::format("index snapshot {}: made for {} dimensions, {}, quantizer \"{}\"; expected {}, {}",
                                       file.string(), header.config.dim, metric_name(header.config.metric), header.quantizer_name,
                                       config.dim, metric_name(config.metric)));
  }
  ORTHANT_TRY(reader.read_into(impl->tables_));
  // A structure that is not wanted any more is not read; a build makes the one that is.
  const std::size_t live_rows = header.row_count - impl->tables_.buried_count();
  if (header.source_name != structure_name(wanted_structure(impl->config_, live_rows))) {
    if (header.source_name.empty()) ORTHANT_TRY(reader.read_end());
  } else {
    std::unique_ptr<CandidateSource> source = ORTHANT_TRY(load_source(header.source_name, header.source_parameters, impl->parts()));
    ORTHANT_TRY(reader.read_into(*source));
    ORTHANT_TRY(reader.read_end());
    impl->source_.adopt(std::move(source));
  }
  ORTHANT_TRY(impl->read_resident_floats());
  impl->take_saved_depths(header.calibrated);
  if (header.trained_rows != 0) impl->trained_rows_ = header.trained_rows;
  if (impl->is_trained()) impl->note_training_check(header.row_count);
  impl->note_memory();
  return std::unique_ptr<VectorIndex>(new VectorIndex(std::move(impl)));
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::rebuild(const IndexConfig& config, const FloatVectors* stored, Ordinal row_count,
                                                          ThreadPool* pool, const IndexHome& home) {
  ORTHANT_TRY(check(config, stored));
  if (config.form != VectorForm::kFloat32) return internal_error("an index of users' codes cannot be rebuilt from floats");
  const CodeResidency residency = residency_for(config, home, row_count);
  std::unique_ptr<VectorIndex> index(
      new VectorIndex(std::make_unique<Impl>(config, home, residency, stored, row_count, encoders_for(config))));
  ORTHANT_TRY(index->append_stored(row_count, pool));
  return index;
}

std::string_view VectorIndex::quantizer_name() const {
  return impl_->quantizer_ ? impl_->quantizer_->name() : std::string_view();
}

Result<std::vector<float>> VectorIndex::prepare_vector(std::span<const float> vector) const {
  if (!all_finite(vector)) return invalid_argument("vector: holds a value that is not finite");
  std::vector<float> prepared(vector.begin(), vector.end());
  if (config().metric == Metric::kCosine && config().form == VectorForm::kFloat32) normalize(prepared);
  return prepared;
}

Result<std::shared_ptr<const EncodedRows>> VectorIndex::encode_rows(std::span<const float> vectors,
                                                                    std::span<const std::uint8_t> present) const {
  if (config().form != VectorForm::kFloat32) return invalid_argument("vectors: this collection takes ready codes, not floats");
  if (vectors.size() % config().dim != 0 || (!present.empty() && present.size() != vectors.size() / config().dim)) {
    return internal_error(fmt::format("{} floats and {} flags for rows of {}", vectors.size(), present.size(), config().dim));
  }
  return std::make_shared<const EncodedRows>(encode_float_rows(config(), *impl_->quantizer_, impl_->tables_.floats().kept(),
                                                               vectors, present, impl_->tables_.int8_ranges()));
}

Result<std::shared_ptr<const EncodedRows>> VectorIndex::encode_codes(std::span<const std::uint8_t> codes,
                                                                     std::span<const std::uint8_t> present) const {
  if (config().form == VectorForm::kFloat32) return invalid_argument("vectors: this collection takes floats, not ready codes");
  const std::size_t row_bytes = code_row_bytes(config());
  if (codes.size() % row_bytes != 0 || (!present.empty() && present.size() != codes.size() / row_bytes)) {
    return internal_error(fmt::format("{} code bytes and {} flags for rows of {}", codes.size(), present.size(), row_bytes));
  }
  return std::make_shared<const EncodedRows>(encode_code_rows(config(), codes, present));
}

Status VectorIndex::make_room(std::size_t rows) {
  return impl_->make_room(rows);
}
Status VectorIndex::append(const EncodedRows& rows) {
  return impl_->append(rows);
}
void VectorIndex::bury(Ordinal ordinal) {
  impl_->tables_.bury(ordinal);
}

Ordinal VectorIndex::row_count() const {
  return impl_->tables_.row_count();
}
std::size_t VectorIndex::live_count() const {
  return row_count() - impl_->tables_.buried_count();
}
bool VectorIndex::is_buried(Ordinal ordinal) const {
  return impl_->tables_.is_buried(ordinal);
}

Result<std::vector<ScoredOrdinal>> VectorIndex::search(std::span<const float> query, const SearchParams& params,
                                                       SearchTrace* trace) const {
  return impl_->search(query, params, trace);
}
Result<std::vector<std::vector<ScoredOrdinal>>> VectorIndex::search_batch(std::span<const float> queries,
                                                                          const SearchParams& params) const {
  return impl_->search_batch(queries, params);
}

Result<std::vector<ScoredOrdinal>> VectorIndex::search_examples(std::span<const float> examples, const ExampleScore& score,
                                                                const SearchParams& params) const {
  return impl_->search_examples(examples, score, params);
}

Status VectorIndex::calibrate(ThreadPool* pool) {
  return impl_->calibrate(pool);
}
bool VectorIndex::needs_calibration() const {
  return impl_->needs_calibration();
}

bool VectorIndex::needs_build() const {
  return impl_->needs_build();
}
Status VectorIndex::build(ThreadPool* pool, const std::atomic<bool>& stop) {
  return impl_->build(pool, stop);
}
std::string_view VectorIndex::structure() const {
  const IndexSource::Use source(impl_->source_);
  return source.get() == nullptr ? "flat" : source.get()->name();
}
Ordinal VectorIndex::structure_rows() const {
  const IndexSource::Use source(impl_->source_);
  return source.get() == nullptr ? row_count() : source.get()->covered_count();
}

const IndexConfig& VectorIndex::config() const {
  return impl_->asked_config_;
}
CodeResidency VectorIndex::code_residency() const {
  return impl_->config_.code_residency;
}
IndexMemory VectorIndex::memory() const {
  return impl_->memory();
}

Result<std::unique_ptr<QualityMeasurement>> VectorIndex::measure_quality(QualityRequest request) const {
  return start_quality_measurement(*this, impl_->parts(), impl_->source_, impl_->depths(), impl_->trained_rows_,
                                   std::move(request));
}

Status VectorIndex::save(const std::filesystem::path& file, const std::function<Status()>& before_commit) const {
  const auto lock = impl_->source_.hold_still();
  const IndexSource::Use source(impl_->source_);
  const Status saved = save_snapshot(file, impl_->snapshot_header(source.get()), impl_->tables_, source.get(), before_commit);
  if (source.get() != nullptr) source.get()->release_columns();
  return saved;
}

}  // namespace orthant
