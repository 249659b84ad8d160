#pragma once
// What the tests of re-embedding share with the process that one of them kills: two tiny models of 16 and of 10 dimensions, and
// texts that they tell apart.

#include <chrono>
#include <string>
#include <thread>

#include "base/float_values.h"
#include "tests/engine/engine_fixture.h"

namespace orthant::test {

constexpr const char* kOldModel = "old";
constexpr const char* kNewModel = "new";
constexpr std::size_t kOldModelDim = 16;
constexpr std::size_t kNewModelDim = 10;

inline Settings two_models(const std::filesystem::path& directory) {
  const std::string models = std::string(ORTHANT_SOURCE_DIR) + "/tests/encoder/golden/models/";
  Settings settings = settings_for(directory);
  settings.models = {std::string(kOldModel) + "=" + models + "cls", std::string(kNewModel) + "=" + models + "dense_half"};
  return settings;
}

// Words that the models know, in an order that follows from the number.
inline std::string numbered_text(std::uint64_t number) {
  constexpr const char* kWords[] = {"river", "bridge", "stands", "cold", "water", "quick", "slow", "night", "stone", "under"};
  std::string text = "the";
  for (int i = 0; i < 8; ++i, number /= 10) text += std::string(" ") + kWords[number % 10];
  return text;
}

inline Result<ReembedProgress> reembed(Engine& engine, ReembedRequest request) {
  return wait_for<ReembedProgress>([&](Done<ReembedProgress> done) { engine.reembed("c", std::move(request), std::move(done)); });
}

inline ReembedProgress wait_until_over(Engine& engine, const std::string& vector_name = "") {
  for (;;) {
    ReembedProgress progress = engine.reembed_progress("c", vector_name).value();
    if (!is_running(progress.phase)) return progress;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

inline Result<std::vector<std::vector<float>>> encode(Engine& engine, const std::string& model, std::vector<std::string> texts) {
  const std::size_t count = texts.size();
  const auto encoded = ORTHANT_TRY(wait_for<EncodeResult>([&](Done<EncodeResult> done) {
    engine.encode(model, std::move(texts), {.purpose = Purpose::kDocument}, {}, std::move(done));
  }));
  std::vector<std::vector<float>> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = encoded.embeddings.row(i);
    std::vector<float> vector(row.begin(), row.end());
    scale_to_unit_length(vector);
    rows.push_back(std::move(vector));
  }
  return rows;
}

}  // namespace orthant::test
