#include "encoder/training/quantization_options.h"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace orthant {
namespace {

template <std::size_t kCount>
Result<std::size_t> place_of(std::string_view name, const std::array<std::string_view, kCount>& names, std::string_view thing) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return i;
  }
  return invalid_argument(fmt::format("{}: found \"{}\", expected {}", thing, name, fmt::join(names, ", ")));
}

constexpr std::array<std::string_view, 4> kActivations = {"float", "dynamic", "static", "learned"};
constexpr std::array<std::string_view, 3> kObservers = {"average", "minmax", "percentile"};

}  // namespace

Result<TrainedActivations> parse_trained_activations(std::string_view name) {
  return static_cast<TrainedActivations>(ORTHANT_TRY(place_of(name, kActivations, "activations")));
}

Result<ActivationObserver> parse_activation_observer(std::string_view name) {
  return static_cast<ActivationObserver>(ORTHANT_TRY(place_of(name, kObservers, "observer")));
}

}  // namespace orthant
