#pragma once
// Reads the tensors of a BERT encoder under the names that transformers gives them. Private to transformer.cpp.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/model/safetensors.h"

namespace orthant {

class BertTensors {
 public:
  // `prefix` goes before every name: "" or "bert.".
  BertTensors(const SafeTensors& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}

  Result<std::vector<float>> vector(const std::string& name, std::size_t size) {
    const std::array shape = {size};
    std::vector<float> values = ORTHANT_TRY(file_.read_floats(prefix_ + name, shape));
    parameters_ += size;
    return values;
  }
  Result<std::vector<float>> matrix(const std::string& name, std::size_t rows, std::size_t columns) {
    const std::array shape = {rows, columns};
    parameters_ += rows * columns;
    return file_.read_floats(prefix_ + name, shape);
  }
  Result<std::span<const float>> matrix_view(const std::string& name, std::size_t rows, std::size_t columns,
                                             std::vector<float>& storage) {
    const std::array shape = {rows, columns};
    parameters_ += rows * columns;
    return file_.view_floats(prefix_ + name, shape, storage);
  }
  // Packs the weight `name`.weight as outputs [first, first + rows) of `linear`.
  Status pack(const std::string& name, std::size_t first, std::size_t rows, PackedLinear& linear) {
    std::vector<float> storage;
    const auto view = ORTHANT_TRY(matrix_view(name + ".weight", rows, linear.input_size(), storage));
    linear.set_rows(first, rows, view.data());
    return {};
  }
  bool has(const std::string& name) const { return file_.find(prefix_ + name) != nullptr; }
  std::size_t parameters() const { return parameters_; }

 private:
  const SafeTensors& file_;
  std::string prefix_;
  std::size_t parameters_ = 0;
};

}  // namespace orthant
