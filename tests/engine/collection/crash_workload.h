#pragma once
// The writes of the crash test, made from a seed: the process that is killed does them, the test works out what must be there.
// Each writer owns a range of ids, so what it has written follows from how many of its operations were done.

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/collection/write_op.h"
#include "engine/storage/float_vectors.h"
#include "tests/engine/collection/collection_fixture.h"

namespace orthant::test {

constexpr std::size_t kCrashDim = 16;
constexpr std::size_t kCrashWriters = 4;
constexpr std::uint64_t kIdsPerWriter = 60;
// Upkeep is made to happen all the time, so that kills hit it.
constexpr UpkeepLimits kCrashLimits{.snapshot_rows = 50, .snapshot_growth = 150, .reclaim_rows = 100};

inline std::string crash_collection(std::size_t writer) {
  return writer % 2 == 0 ? "even" : "odd";
}

struct CrashPoint {
  std::string payload;
  std::vector<float> vector;
  bool operator==(const CrashPoint&) const = default;
};
using CrashState = std::map<PointId, CrashPoint>;  // of one writer

// One operation and its effect.
struct CrashOperation {
  WriteOp op;
  bool wait = true;
  CrashState after;
};

inline CrashOperation crash_operation(std::uint64_t seed, std::size_t writer, std::uint64_t number, const CrashState& before) {
  std::seed_seq sequence{seed, std::uint64_t{writer}, number};
  std::mt19937_64 random(sequence);
  auto below = [&random](std::uint64_t bound) { return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random); };
  CrashOperation operation{.op = {}, .wait = below(2) == 0, .after = before};
  std::vector<PointId> ids;
  for (std::uint64_t i = 0, count = 1 + below(8); i < count; ++i) {
    ids.push_back(PointId::number(writer * kIdsPerWriter + below(kIdsPerWriter)));
  }
  if (below(5) == 0) {
    for (const PointId& id : ids) operation.after.erase(id);
    operation.op = DeletePointsOp{ids};
    return operation;
  }
  UpsertOp upsert;
  for (const PointId& id : ids) {
    CrashPoint point{fmt::format(R"({{"writer":{},"operation":{},"nonce":{}}})", writer, number, below(1000)), {}};
    for (std::size_t i = 0; i < kCrashDim; ++i) point.vector.push_back(static_cast<float>(below(2000)) / 1000 - 1);
    upsert.points.push_back({id, {{0, std::string(float_bytes(point.vector)), std::nullopt}}, point.payload});
    operation.after[id] = std::move(point);
  }
  operation.op = std::move(upsert);
  return operation;
}

}  // namespace orthant::test
