#include "encoder/quantize/planner.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include <fmt/format.h>

namespace orthant {
namespace {

constexpr std::size_t kMaxStates = 20'000;
constexpr double kUnlimited = std::numeric_limits<double>::infinity();
// Sums of costs in another order differ by rounding: a limit that was computed as such a sum must still be met.
constexpr double kRounding = 1e-9;

// A choice for the first layers: `parent` in the list of the layer before.
struct State {
  double bytes = 0;
  double latency = 0;
  double harm = 0;
  std::uint32_t parent = 0;
  std::uint32_t option = 0;
};

struct Costs {
  double bytes = 0;
  double latency = 0;
};

// Keeps what no other state beats: fewer bytes, less latency or less harm than each. Afterwards in the order of harm.
void drop_beaten(std::vector<State>& states) {
  std::sort(states.begin(), states.end(), [](const State& a, const State& b) {
    if (a.harm != b.harm) return a.harm < b.harm;
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.latency < b.latency;
  });
  // The stairs of the kept states: latency falls as bytes rise.
  std::map<double, double> stairs;
  std::vector<State> kept;
  for (const State& state : states) {
    auto above = stairs.upper_bound(state.bytes);
    if (above != stairs.begin() && std::prev(above)->second <= state.latency) continue;
    kept.push_back(state);
    above = stairs.insert_or_assign(state.bytes, state.latency).first;
    for (++above; above != stairs.end() && above->second >= state.latency;) above = stairs.erase(above);
  }
  states = std::move(kept);
}

// Every n-th in the order of harm, and the last: the cheapest is always there to go on from.
void thin_out(std::vector<State>& states) {
  if (states.size() <= kMaxStates) return;
  std::vector<State> kept;
  for (std::size_t i = 0; i < kMaxStates; ++i) kept.push_back(states[i * (states.size() - 1) / (kMaxStates - 1)]);
  states = std::move(kept);
}

// The least that the layers from each on can cost, each cost by itself.
std::vector<Costs> least_remaining(std::span<const std::vector<PrecisionOption>> layers) {
  std::vector<Costs> least(layers.size() + 1);
  for (std::size_t i = layers.size(); i-- > 0;) {
    const auto& options = layers[i];
    least[i].bytes = least[i + 1].bytes + std::ranges::min(options, {}, &PrecisionOption::bytes).bytes;
    least[i].latency = least[i + 1].latency + std::ranges::min(options, {}, &PrecisionOption::latency).latency;
  }
  return least;
}

std::vector<State> extend(const std::vector<State>& states, std::span<const PrecisionOption> options, const Costs& room) {
  std::vector<State> extended;
  for (std::size_t parent = 0; parent < states.size(); ++parent) {
    for (std::size_t option = 0; option < options.size(); ++option) {
      const State& from = states[parent];
      const PrecisionOption& added = options[option];
      State state{.harm = from.harm + added.harm,
                  .parent = static_cast<std::uint32_t>(parent),
                  .option = static_cast<std::uint32_t>(option)};
      // A cost without limit stays 0: it must keep no state alive.
      if (room.bytes != kUnlimited) state.bytes = from.bytes + added.bytes;
      if (room.latency != kUnlimited) state.latency = from.latency + added.latency;
      if (state.bytes <= room.bytes && state.latency <= room.latency) extended.push_back(state);
    }
  }
  return extended;
}

std::unexpected<Error> unreachable(const Costs& least, const PlanLimits& limits) {
  std::string wanted;
  if (limits.bytes) wanted += fmt::format("memory: {:.0f} bytes allowed, at least {:.0f} needed; ", *limits.bytes, least.bytes);
  if (limits.latency) wanted += fmt::format("latency: {:.3g} allowed, at least {:.3g} needed; ", *limits.latency, least.latency);
  return fail(ErrorCode::kFailedPrecondition, fmt::format("the budget cannot be met ({})", wanted.substr(0, wanted.size() - 2)));
}

Result<double> parse_amount(std::string_view text, std::string_view whole) {
  double amount = 0;
  std::size_t used = 0;
  try {
    amount = std::stod(std::string(text), &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != text.size() || !(amount > 0) || amount == kUnlimited) {
    return invalid_argument(fmt::format("budget \"{}\": expected a positive number, found \"{}\"", whole, text));
  }
  return amount;
}

}  // namespace

Result<std::vector<std::size_t>> choose_precisions(std::span<const std::vector<PrecisionOption>> layers, const PlanLimits& limits) {
  const std::vector<Costs> least = least_remaining(layers);
  const Costs room{limits.bytes.value_or(kUnlimited) * (1 + kRounding), limits.latency.value_or(kUnlimited) * (1 + kRounding)};
  std::vector<std::vector<State>> states(layers.size() + 1);
  states[0].push_back({});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    states[i + 1] = extend(states[i], layers[i], {room.bytes - least[i + 1].bytes, room.latency - least[i + 1].latency});
    drop_beaten(states[i + 1]);
    thin_out(states[i + 1]);
    if (states[i + 1].empty()) return unreachable(least[0], limits);
  }
  std::vector<std::size_t> chosen(layers.size());
  std::uint32_t position = 0;  // the first state of the last list has the least harm
  for (std::size_t i = layers.size(); i > 0; --i) {
    chosen[i - 1] = states[i][position].option;
    position = states[i][position].parent;
  }
  return chosen;
}

Result<Budget> parse_budget(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view kind = text.substr(0, equals);
  if (equals == std::string_view::npos || (kind != "memory" && kind != "latency")) {
    return invalid_argument(fmt::format("budget \"{}\": expected memory=40%, memory=12MB or latency=60%", text));
  }
  Budget budget;
  budget.kind = kind == "memory" ? Budget::Kind::kMemory : Budget::Kind::kLatency;
  const std::string_view amount = text.substr(equals + 1);
  if (amount.ends_with('%')) {
    budget.share = ORTHANT_TRY(parse_amount(amount.substr(0, amount.size() - 1), text)) / 100;
    return budget;
  }
  static constexpr std::pair<std::string_view, double> kUnits[] = {{"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0},
                                                                   {"kB", 1e3},     {"MB", 1e6},        {"GB", 1e9}};
  for (const auto& [unit, bytes] : kUnits) {
    if (budget.kind != Budget::Kind::kMemory || !amount.ends_with(unit)) continue;
    budget.bytes = ORTHANT_TRY(parse_amount(amount.substr(0, amount.size() - unit.size()), text)) * bytes;
    return budget;
  }
  return invalid_argument(fmt::format("budget \"{}\": expected {}", text,
                                      budget.kind == Budget::Kind::kMemory
                                          ? "a share of float32 as 40%, or an amount as 12MB (kB, MB, GB, KiB, MiB, GiB)"
                                          : "a share of float32 as 60%"));
}

}  // namespace orthant
