#include "encoder/model/folder_copy.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

namespace orthant {
namespace {

namespace fs = std::filesystem;

// Weights in other formats, and what belongs to the model as it was.
constexpr std::string_view kOtherWeights[] = {".bin", ".h5", ".ot", ".msgpack", ".onnx", ".gguf", ".pt", ".pth", ".tflite"};
constexpr std::string_view kRangesPrefix = "orthant-ranges-";
// Of LoRA: writers merge what they change the weights of (encoder/model/lora_adapters.h).
constexpr std::string_view kAdapters[] = {"adapter_config.json", "adapter_model.safetensors"};

bool is_left_out(const fs::path& file) {
  const std::string extension = file.extension().string();
  const bool other_weights = std::ranges::find(kOtherWeights, extension) != std::end(kOtherWeights);
  const bool adapters = std::ranges::find(kAdapters, file.filename().string()) != std::end(kAdapters);
  return other_weights || adapters || file.filename().string().starts_with(kRangesPrefix);
}

}  // namespace

FolderBeside::FolderBeside(const fs::path& target)
    : path_(target.parent_path() / fmt::format(".{}.{}", target.filename().string(), getpid())) {}

FolderBeside::~FolderBeside() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void copy_model_files(const fs::path& source, const fs::path& target, const SafeTensors& weights) {
  const auto holds_weights = [&weights](const fs::path& file) {
    return fs::equivalent(file, weights.file()) ||
           std::ranges::any_of(weights.parts(), [&](const fs::path& part) { return fs::equivalent(file, part); });
  };
  for (auto entry = fs::recursive_directory_iterator(source); entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    if (entry->is_directory() && (name.starts_with('.') || name == "onnx" || name == "openvino")) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && !is_left_out(entry->path()) && !holds_weights(entry->path())) {
      const fs::path copy = target / entry->path().lexically_relative(source);
      fs::create_directories(copy.parent_path());
      fs::copy_file(entry->path(), copy);
    }
  }
}

Result<fs::path> prepare_target_folder(const fs::path& target) {
  fs::path whole = fs::absolute(target).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  if (fs::exists(whole) && !(fs::is_directory(whole) && fs::is_empty(whole))) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("{}: there is something already", whole.string()));
  }
  fs::create_directories(whole.parent_path());
  return whole;
}

}  // namespace orthant
