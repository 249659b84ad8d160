#include "api/exchange/faiss_file.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>

#include "api/exchange/faiss_codec.h"
#include "api/exchange/faiss_format.h"
#include "api/exchange/ids_file.h"
#include "api/exchange/input_file.h"

namespace orthant {
namespace {

class FaissFile final : public VectorFile {
 public:
  FaissFile(InputFile file, FaissIndex index) : file_(std::move(file)), index_(std::move(index)) {
    info_.rows = index_.rows;
    info_.dim = index_.dim;
    info_.metric = index_.metric;
    if (index_.binary) info_.form = VectorForm::kUbinary;
    info_.has_ids = index_.has_list_ids || index_.id_map_at != 0;
  }

  const VectorFileInfo& info() const override { return info_; }

  Result<VectorRows> read(std::size_t max_rows) override {
    VectorRows out;
    while (out.rows < max_rows && run_ < index_.runs.size()) {
      const FaissRun& run = index_.runs[run_];
      const auto count = std::min<std::uint64_t>(max_rows - out.rows, run.rows - row_);
      ORTHANT_TRY(read_vectors(run, count, out));
      if (info_.has_ids) ORTHANT_TRY(read_ids(run, count, out));
      out.rows += static_cast<std::size_t>(count);
      ORTHANT_TRY(skip(count));
    }
    return out;
  }

  Status skip(std::uint64_t rows) override {
    while (rows > 0 && run_ < index_.runs.size()) {
      const std::uint64_t count = std::min(rows, index_.runs[run_].rows - row_);
      rows -= count;
      row_ += count;
      if (row_ < index_.runs[run_].rows) continue;
      ++run_;
      row_ = 0;
    }
    return {};
  }

 private:
  Status read_vectors(const FaissRun& run, std::uint64_t count, VectorRows& out) const {
    const auto codes =
        ORTHANT_TRY(file_.read_array<std::uint8_t>(run.codes_at + row_ * index_.code_bytes, count * index_.code_bytes));
    if (index_.binary) {
      out.codes.insert(out.codes.end(), codes.begin(), codes.end());
      return {};
    }
    std::vector<float> floats = decode_faiss_codes(index_, codes);
    if (!index_.centroids.empty()) {
      const float* const centroid = index_.centroids.data() + run.list * index_.stored_dim;
      for (std::size_t i = 0; i < floats.size(); ++i) floats[i] += centroid[i % index_.stored_dim];
    }
    for (const FaissTransform& transform : index_.transforms | std::views::reverse) {
      floats = undo_transform(transform, std::move(floats));
    }
    out.floats.insert(out.floats.end(), floats.begin(), floats.end());
    return {};
  }

  // Of the next rows of the run: those of the lists, or positions, through the id map where there is one.
  Status read_ids(const FaissRun& run, std::uint64_t count, VectorRows& out) const {
    std::vector<std::int64_t> ids;
    if (run.ids_at != 0) {
      ids = ORTHANT_TRY(file_.read_array<std::int64_t>(run.ids_at + row_ * sizeof(std::int64_t), count));
      for (std::int64_t& id : ids) {
        if (index_.id_map_at != 0) id = ORTHANT_TRY(mapped(id));
      }
    } else {
      const std::uint64_t first = run.first_id + row_;
      ids = ORTHANT_TRY(file_.read_array<std::int64_t>(index_.id_map_at + first * sizeof(std::int64_t), count));
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Result<PointId> id = id_of_integer(ids[i]);
      if (!id) out.errors.push_back({out.rows + i, id.error().message});
      out.ids.push_back(id.value_or(PointId()));
    }
    return {};
  }

  Result<std::int64_t> mapped(std::int64_t id) const {
    if (id < 0 || static_cast<std::uint64_t>(id) >= index_.rows) {
      return file_.damaged(fmt::format("vector {} of an id map of {}", id, index_.rows));
    }
    const std::uint64_t at = index_.id_map_at + static_cast<std::uint64_t>(id) * sizeof(std::int64_t);
    return ORTHANT_TRY(file_.read_array<std::int64_t>(at, 1)).front();
  }

  InputFile file_;
  FaissIndex index_;
  VectorFileInfo info_;
  std::size_t run_ = 0;
  std::uint64_t row_ = 0;  // of the run
};

}  // namespace

Result<std::unique_ptr<VectorFile>> open_faiss_file(const std::filesystem::path& path) {
  InputFile file = ORTHANT_TRY(InputFile::open(path));
  FaissIndex index = ORTHANT_TRY(read_faiss_format(file));
  if (index.binary && !index.transforms.empty()) return file.damaged("transforms in front of a binary index");
  return std::make_unique<FaissFile>(std::move(file), std::move(index));
}

}  // namespace orthant
