// A disk that fills up while another model takes over: nothing is lost, the status says why it waits, and it goes on by itself.

#include <chrono>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/engine/reembed_fixture.h"
#include "tests/support/small_disk.h"

namespace orthant::test {
namespace {

constexpr std::uint64_t kTexts = 4000;

// To the last block.
void fill_up(const std::filesystem::path& disk) {
  for (int piece = 0; std::filesystem::space(disk).available > 0 && piece < 200; ++piece) {
    std::ofstream out(disk / ("ballast" + std::to_string(piece)));
    const std::string block(4096, 'b');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
}
void make_room(const std::filesystem::path& disk) {
  for (const auto& entry : std::filesystem::directory_iterator(disk)) {
    if (entry.path().filename().string().starts_with("ballast")) std::filesystem::remove(entry.path());
  }
}

TEST(ReembedOnAFullDisk, WaitsWithTheReasonAndGoesOnWhenThereIsRoom) {
  const TemporaryDirectory disk;
  if (!mount_small_disk(disk.path(), "128m")) GTEST_SKIP() << "needs to mount a small file system, which is not allowed here";
  const std::unique_ptr<Engine> engine = Engine::open(two_models(disk.path() / "data")).value();
  ASSERT_TRUE(create(*engine, "c", one_vector(kOldModelDim)).has_value());
  for (std::uint64_t begin = 0; begin < kTexts; begin += 500) {
    std::vector<PointInput> points;
    for (std::uint64_t id = begin; id < begin + 500; ++id) points.push_back(text_point(id, numbered_text(id)));
    ASSERT_TRUE(write(*engine, "c", upsert(std::move(points))).has_value());
  }
  ASSERT_TRUE(reembed(*engine, {.vector_name = "", .model = kNewModel}).has_value());
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  ReembedProgress progress;
  do {
    // What the store gives back meanwhile is taken as well.
    fill_up(disk.path());
    progress = engine->reembed_progress("c", "").value();
    ASSERT_TRUE(is_running(progress.phase)) << reembed_phase_name(progress.phase);
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  } while (progress.phase != ReembedPhase::kWaiting);
  ASSERT_TRUE(progress.error.has_value());
  EXPECT_TRUE(progress.error->code == ErrorCode::kIoError || progress.error->code == ErrorCode::kUnavailable)
      << progress.error->message;
  EXPECT_FALSE(progress.error->message.empty());
  // The old model serves meanwhile.
  QueryRequest request;
  request.query = VectorInput(TextInput{numbered_text(77), ""});
  request.limit = 1;
  const auto found = query(*engine, "c", request);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->tokens_by_model.count(kOldModel), 1U);
  EXPECT_EQ(found->points.front().record.id, PointId::number(77));
  EXPECT_EQ(count(*engine, "c").value(), kTexts);
  make_room(disk.path());
  const ReembedProgress done = wait_until_over(*engine);
  ASSERT_EQ(done.phase, ReembedPhase::kFinished) << (done.error ? done.error->message : "");
  EXPECT_EQ(count(*engine, "c").value(), kTexts);
  std::vector<std::string> texts;
  for (std::uint64_t id = 0; id < kTexts; ++id) texts.push_back(numbered_text(id));
  const auto expected = encode(*engine, kNewModel, texts).value();
  ScrollRequest all;
  all.limit = kTexts;
  all.vectors.enabled = true;
  const ScrollResult page = scroll(*engine, "c", all).value();
  ASSERT_EQ(page.points.size(), kTexts);
  for (std::size_t i = 0; i < kTexts; ++i) {
    const auto& vector = std::get<std::vector<float>>(page.points[i].vectors->front().second);
    ASSERT_EQ(vector.size(), kNewModelDim);
    for (std::size_t d = 0; d < vector.size(); ++d) ASSERT_NEAR(vector[d], expected[i][d], 1e-5);
  }
}

}  // namespace
}  // namespace orthant::test
