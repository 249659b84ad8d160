#include "encoder/training/adam_w.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "encoder/training/moment_codes.h"

namespace orthant {
namespace {

// Smaller tensors (norms, biases) keep float32 moments, as in the paper: they are few, and rounding hurts them most.
constexpr std::size_t kFewestCoded = 4096;
constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::size_t block_count(std::size_t values) {
  return (values + kMomentBlock - 1) / kMomentBlock;
}

}  // namespace

AdamW::Moments AdamW::lay_out(MomentForm form, std::size_t values, std::size_t start) {
  Moments moments{.count = values, .coded = form == MomentForm::kDynamic8 && values >= kFewestCoded, .start = start};
  const std::size_t scales = moments.coded ? aligned(block_count(values) * sizeof(float)) : 0;
  const std::size_t own = aligned(values * (moments.coded ? 1 : sizeof(float)));
  moments.second = start + own;
  moments.first_scales = moments.second + own;
  moments.second_scales = moments.first_scales + scales;
  moments.end = moments.second_scales + scales;
  return moments;
}

std::size_t AdamW::moment_bytes(MomentForm form, std::size_t values) {
  return lay_out(form, values, 0).end;
}

AdamW::AdamW(const ParameterSet& parameters, const AdamWOptions& options) : parameters_(parameters), options_(options) {
  std::size_t bytes = 0;
  for (const Parameter& parameter : parameters.all()) {
    moments_.push_back(lay_out(options.moments, static_cast<std::size_t>(parameter.tensor.numel()), bytes));
    bytes = moments_.back().end;
  }
  memory_ = StateMemory::in_memory(bytes).value();
  // Codes of zeros.
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    if (!moments_[i].coded) continue;
    const float zero = 0;
    std::uint8_t code = 0;
    encode_moments(MomentSign::kSigned, {&zero, 1}, &code);
    std::fill_n(at<std::uint8_t>(moments_[i].start), moments_[i].count, code);
  }
}

Status AdamW::page_to(const std::filesystem::path& folder) {
  assert(steps_ == 0);
  StateMemory paged = ORTHANT_TRY(StateMemory::in_file(folder, memory_.bytes().size()));
  std::ranges::copy(memory_.bytes(), paged.bytes().begin());
  memory_ = std::move(paged);
  forget_pages();
  return {};
}

std::vector<AdamW::Array> AdamW::arrays(std::size_t parameter) const {
  const Moments& moments = moments_[parameter];
  const auto array = [&](std::string_view name, std::string_view type, std::size_t count, std::size_t place) {
    const std::size_t size = type == "U8" ? 1 : sizeof(float);
    return Array{name, type, count, memory_.bytes().subspan(place, count * size)};
  };
  if (!moments.coded) {
    return {array("adam.first", "F32", moments.count, moments.start), array("adam.second", "F32", moments.count, moments.second)};
  }
  const std::size_t blocks = block_count(moments.count);
  return {array("adam.first_codes", "U8", moments.count, moments.start),
          array("adam.second_codes", "U8", moments.count, moments.second),
          array("adam.first_scales", "F32", blocks, moments.first_scales),
          array("adam.second_scales", "F32", blocks, moments.second_scales)};
}

void AdamW::update(const Moments& moments, const AdamFactors& factors, const float* gradient, float* value) const {
  if (!moments.coded) {
    adam_update(factors, gradient, moments.count, value, at<float>(moments.start), at<float>(moments.second));
    return;
  }
  float first[kMomentBlock];
  float second[kMomentBlock];
  for (std::size_t block = 0; block < block_count(moments.count); ++block) {
    const std::size_t start = block * kMomentBlock;
    const std::size_t count = std::min(kMomentBlock, moments.count - start);
    std::uint8_t* first_codes = at<std::uint8_t>(moments.start) + start;
    std::uint8_t* second_codes = at<std::uint8_t>(moments.second) + start;
    float& first_scale = at<float>(moments.first_scales)[block];
    float& second_scale = at<float>(moments.second_scales)[block];
    decode_moments(MomentSign::kSigned, {first_codes, count}, first_scale, first);
    decode_moments(MomentSign::kPositive, {second_codes, count}, second_scale, second);
    adam_update(factors, gradient + start, count, value + start, first, second);
    first_scale = encode_moments(MomentSign::kSigned, {first, count}, first_codes);
    second_scale = encode_moments(MomentSign::kPositive, {second, count}, second_codes);
  }
}

void AdamW::step(double rate) {
  ++steps_;
  const double first_bias = 1.0 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double second_bias = 1.0 - std::pow(options_.beta2, static_cast<double>(steps_));
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    const Parameter& parameter = parameters_.all()[i];
    if (!parameter.tensor.grad().defined()) continue;
    const at::Tensor gradient = parameter.tensor.grad().contiguous();
    const double own_rate = rate * parameter.rate_factor;
    const double decay = parameter.decays ? own_rate * options_.weight_decay : 0.0;
    const AdamFactors factors{static_cast<float>(options_.beta1),   static_cast<float>(options_.beta2),
                              static_cast<float>(options_.epsilon), static_cast<float>(own_rate / first_bias),
                              static_cast<float>(1.0 - decay),      static_cast<float>(std::sqrt(second_bias))};
    update(moments_[i], factors, gradient.data_ptr<float>(), parameter.tensor.data_ptr<float>());
    memory_.forget(moments_[i].start, moments_[i].end - moments_[i].start);
  }
}

double rate_share(std::uint64_t step, std::uint64_t warmup, std::uint64_t all) {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (step >= all || all <= warmup) return step >= all ? 0.0 : 1.0;
  return static_cast<double>(all - step) / static_cast<double>(all - warmup);
}

}  // namespace orthant
