#include "encoder/training/training_options.h"

#include <array>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace orthant {
namespace {

constexpr std::array<std::string_view, 4> kFormNames = {"float", "int8", "binary", "asymmetric"};
constexpr std::array<std::string_view, 6> kLossNames = {"contrastive", "cosent", "cosine", "cross_entropy", "distillation", "bpr"};
constexpr std::array<std::string_view, 4> kHeadNames = {"none", "identity", "rotation", "labels"};

// The place of `name` in the names of an enumeration.
Result<std::size_t> place_of(std::string_view name, std::span<const std::string_view> names, std::string_view thing) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return i;
  }
  return invalid_argument(fmt::format("{}: found \"{}\", expected {}", thing, name, fmt::join(names, ", ")));
}

}  // namespace

Result<SearchForm> parse_search_form(std::string_view name) {
  return static_cast<SearchForm>(ORTHANT_TRY(place_of(name, kFormNames, "form")));
}

std::string_view search_form_name(SearchForm form) {
  return kFormNames[static_cast<std::size_t>(form)];
}

Result<LossKind> parse_loss_kind(std::string_view name) {
  return static_cast<LossKind>(ORTHANT_TRY(place_of(name, kLossNames, "loss")));
}

std::string_view loss_kind_name(LossKind kind) {
  return kLossNames[static_cast<std::size_t>(kind)];
}

Result<HeadKind> parse_head_kind(std::string_view name) {
  return static_cast<HeadKind>(ORTHANT_TRY(place_of(name, kHeadNames, "head")));
}

}  // namespace orthant
