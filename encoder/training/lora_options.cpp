#include "encoder/training/lora_options.h"

#include <fmt/format.h>

#include "encoder/training/memory_options.h"

namespace orthant {
namespace {

constexpr std::size_t kHighestRank = 1024;

}  // namespace

Status check_lora(const LoraOptions& options) {
  if (!options.used()) return {};
  if (options.rank > kHighestRank)
    return invalid_argument(fmt::format("lora.rank: found {}, expected 1 to {}", options.rank, kHighestRank));
  if (!(options.alpha > 0)) return invalid_argument(fmt::format("lora.alpha: found {}, expected a number above 0", options.alpha));
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    return invalid_argument(fmt::format("lora.dropout: found {}, expected 0 to below 1", options.dropout));
  }
  if (options.base == WeightPrecision::kAuto || options.base == WeightPrecision::kMixed) {
    return invalid_argument("lora.base: expected nf4, int4, int8, bfloat16, float16 or float32");
  }
  if (options.start == LoraStart::kRounding && options.base == WeightPrecision::kFloat32) {
    return invalid_argument("lora.start: rounding wants a base that is rounded, float32 is not");
  }
  return {};
}

Result<LoraStart> parse_lora_start(std::string_view name) {
  if (name == "zero") return LoraStart::kZero;
  if (name == "rounding") return LoraStart::kRounding;
  return invalid_argument(fmt::format("start: found \"{}\", expected zero or rounding", name));
}

Result<MomentForm> parse_moment_form(std::string_view name) {
  if (name == "float32") return MomentForm::kFloat32;
  if (name == "8bit") return MomentForm::kDynamic8;
  return invalid_argument(fmt::format("moments: found \"{}\", expected float32 or 8bit", name));
}

}  // namespace orthant
