#include "encoder/head_difference.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/cpu.h"
#include "base/whole_file.h"
#include "encoder/model/embedding_head.h"
#include "encoder/model/model_files.h"
#include "encoder/model/weight_files.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

class Modules final : public HeadDifference {
 public:
  Modules(EmbeddingHead head, std::size_t input_size) : head_(std::move(head)), input_size_(input_size) {}
  std::size_t input_size() const override { return input_size_; }
  std::size_t output_size() const override { return head_.size(); }
  void apply(std::span<const float> before, std::span<float> after) const override { head_.apply(before, after); }

 private:
  const EmbeddingHead head_;
  const std::size_t input_size_;
};

// Both absent counts too.
bool same_file(const fs::path& left, const fs::path& right) {
  std::error_code error;
  const bool exists = fs::exists(left, error);
  if (exists != fs::exists(right, error)) return false;
  if (!exists) return true;
  const auto left_bytes = read_whole_file(left);
  const auto right_bytes = read_whole_file(right);
  return left_bytes && right_bytes && *left_bytes == *right_bytes;
}

bool same_tensors(const SafeTensors& left, const SafeTensors& right) {
  const auto same = [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.type_name == b.second.type_name && a.second.shape == b.second.shape &&
           std::ranges::equal(a.second.bytes, b.second.bytes);
  };
  return std::ranges::equal(left.tensors(), right.tensors(), same);
}

// Files may be written anew with the same tensors.
bool same_weights(const fs::path& left, const fs::path& right) {
  const auto left_files = find_weight_files(left);
  const auto right_files = find_weight_files(right);
  if (!left_files || !right_files) return false;
  const auto left_tensors = open_weights(*left_files);
  const auto right_tensors = open_weights(*right_files);
  return left_tensors && right_tensors && same_tensors(*left_tensors, *right_tensors);
}

bool same_stage(const Stage& left, const Stage& right) {
  const auto* const a = std::get_if<DenseStage>(&left);
  const auto* const b = std::get_if<DenseStage>(&right);
  if (a == nullptr || b == nullptr) return a == b;
  return a->input_size == b->input_size && a->output_size == b->output_size && a->bias == b->bias &&
         a->activation == b->activation && same_file(a->weights, b->weights);
}

// Everything up to the last module of `before`.
bool same_beginning(const EncoderInfo& before, const EncoderInfo& after, const ModelFiles& left, const ModelFiles& right) {
  const bool same_use = before.weight_precision == after.weight_precision && before.weight_compute == after.weight_compute &&
                        before.max_seq_length == after.max_seq_length && before.document_prompt == after.document_prompt &&
                        left.pooling == right.pooling;
  if (!same_use || left.stages.size() >= right.stages.size()) return false;
  if (!std::equal(left.stages.begin(), left.stages.end(), right.stages.begin(), same_stage)) return false;
  for (const char* name :
       {"config.json", "tokenizer.json", "tokenizer_config.json", "adapter_config.json", "adapter_model.safetensors"}) {
    if (!same_file(left.transformer_folder / name, right.transformer_folder / name)) return false;
  }
  return same_weights(left.transformer_folder, right.transformer_folder);
}

}  // namespace

std::unique_ptr<const HeadDifference> HeadDifference::between(const EncoderInfo& before, const EncoderInfo& after) {
  try {
    const auto left = read_model_files(before.folder);
    const auto right = read_model_files(after.folder);
    if (!left || !right || !same_beginning(before, after, *left, *right)) return nullptr;
    // The modules behind, on one "token": the embedding.
    ModelFiles rest = *right;
    rest.pooling = {PoolingMode::kCls};
    rest.transformer.hidden_size = left->embedding_size();
    rest.stages.erase(rest.stages.begin(), rest.stages.begin() + static_cast<std::ptrdiff_t>(left->stages.size()));
    auto head = EmbeddingHead::load(rest, cpu_level());
    if (!head) return nullptr;
    return std::make_unique<Modules>(std::move(*head), left->embedding_size());
  } catch (const fs::filesystem_error&) {
    return nullptr;
  }
}

}  // namespace orthant
