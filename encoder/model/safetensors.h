#pragma once
// SafeTensors: a mapped .safetensors file, or several that are parts of one (weight_files.h). Every offset, length, shape and type
// is checked before open() gives it out; a tensor's bytes stay valid as long as the object lives. Immutable after open, any thread.
// Format: u64 header length, JSON header {name: {dtype, shape, data_offsets}}, then the data without holes.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

enum class TensorType { kFloat32, kFloat16, kBfloat16, kOther };

struct TensorView {
  TensorType type = TensorType::kOther;
  std::string type_name;  // as in the file
  std::vector<std::size_t> shape;
  std::span<const std::uint8_t> bytes;

  std::size_t element_count() const;
};

// `values` of that type (not kOther) as floats; they need no alignment.
void widen_to_floats(TensorType type, std::span<const std::uint8_t> values, float* out);

class SafeTensors {
 public:
  // io_error when it cannot be read, data_corruption when it does not hold what its header says.
  static Result<SafeTensors> open(const std::filesystem::path& file);
  // Adds the tensors of another part; from then on file() is `whole`. data_corruption when both hold a tensor of one name.
  Status join(SafeTensors part, const std::filesystem::path& whole);
  SafeTensors(SafeTensors&&) noexcept;
  SafeTensors& operator=(SafeTensors&&) noexcept;
  ~SafeTensors();

  // Null when there is none of that name.
  const TensorView* find(std::string_view name) const;
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const std::filesystem::path& file() const { return file_; }
  // What was opened, in that order.
  const std::vector<std::filesystem::path>& parts() const { return parts_; }
  // Of all parts.
  std::size_t file_bytes() const;

  // The tensor, if it is of that shape and float or half; data_corruption as read_floats.
  Result<const TensorView*> float_tensor(std::string_view name, std::span<const std::size_t> shape) const;
  // The tensor as float32 in row-major order (F32, F16 and BF16 are read). data_corruption names file, tensor and what was found
  // when it is absent or has another shape or type.
  Result<std::vector<float>> read_floats(std::string_view name, std::span<const std::size_t> shape) const;
  // As read_floats, without a copy where the file holds aligned F32; `storage` holds the floats otherwise.
  Result<std::span<const float>> view_floats(std::string_view name, std::span<const std::size_t> shape,
                                             std::vector<float>& storage) const;

  // Tells the kernel that the pages are not needed for now; they come back from the file when touched.
  void release_pages() const;

 private:
  class Mapping;
  SafeTensors();

  std::filesystem::path file_;
  std::vector<std::filesystem::path> parts_;
  std::vector<std::unique_ptr<Mapping>> mappings_;
  std::map<std::string, TensorView, std::less<>> tensors_;
};

}  // namespace orthant
