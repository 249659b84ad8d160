// orthant-train as a program: a run that is killed and started again ends with the weights of one that was not.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/whole_file.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kProgram = fs::path(ORTHANT_BINARY_DIR) / "bin" / "orthant-train";
const fs::path kModel = fs::path(ORTHANT_SOURCE_DIR) / "tests/encoder/golden/models/default_prompt";
constexpr auto kPatience = std::chrono::seconds(120);

class OrthantTrain : public testing::Test {
 protected:
  void SetUp() override {
    std::string lines;
    for (const std::string word : {"river", "bridge", "stone", "cold", "water", "night", "quick", "slow"}) {
      lines += "{\"query\": \"the " + word + "\", \"positive\": \"" + word + " and a " + word + "\"}\n";
    }
    ASSERT_TRUE(write_whole_file(path("pairs.jsonl"), lines).has_value());
    ASSERT_TRUE(write_whole_file(path("recipe.yaml"), "model: " + kModel.string() + R"(
data: {file: pairs.jsonl}
dev: {data: {file: pairs.jsonl}}
loss: {forms: {float: 1, binary: 1}}
batch_size: 4
max_steps: 400
learning_rate: 0.003
dropout: 0.1
checkpoint_every: 50
evaluate_every: 100
tolerated_float_loss: 1
)")
                    .has_value());
  }

  fs::path path(const std::string& name) const { return directory_.path() / name; }

  pid_t start(const std::string& output, const std::string& recipe = "recipe.yaml") const {
    const std::vector<std::string> words = {kProgram.string(), path(recipe).string(), "--output", path(output).string()};
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const std::string log = path(output + ".log").string();
    const pid_t child = fork();
    if (child == 0) {
      const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(file, 1);
      dup2(file, 2);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    return child;
  }
  int wait_for(pid_t child) const {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string log(const std::string& output) const { return read_whole_file(path(output + ".log")).value(); }
  std::string adapters(const std::string& output) const {
    return read_whole_file(path(output) / "model" / "adapter_model.safetensors").value();
  }
  void add_to_recipe(const std::string& name, const std::string& lines) {
    std::string text = read_whole_file(path("recipe.yaml")).value();
    const std::size_t steps = lines.find("max_steps");
    if (steps != std::string::npos) text.erase(text.find("max_steps: 400\n"), std::string("max_steps: 400\n").size());
    ASSERT_TRUE(write_whole_file(path(name), text + lines).has_value());
  }
  std::string weights(const std::string& output) const {
    return read_whole_file(path(output) / "model" / "model.safetensors").value();
  }

  test::TemporaryDirectory directory_;
};

TEST_F(OrthantTrain, KilledAndStartedAgainGivesTheSameWeights) {
  ASSERT_EQ(wait_for(start("whole")), 0) << log("whole");
  // Killed as soon as a checkpoint is there, at whatever instruction that is.
  const pid_t child = start("killed");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!fs::exists(path("killed") / "checkpoints" / "step-00000100") && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, SIGKILL);
  EXPECT_EQ(wait_for(child), -1) << log("killed");
  ASSERT_FALSE(fs::exists(path("killed") / "model")) << "it ended before it was killed";
  ASSERT_EQ(wait_for(start("killed")), 0) << log("killed");
  EXPECT_NE(log("killed").find("going on from step "), std::string::npos) << log("killed");
  EXPECT_TRUE(weights("killed") == weights("whole"));
  EXPECT_TRUE(fs::exists(path("killed") / "curves.svg"));
}

TEST_F(OrthantTrain, AdaptersGoOnToTheBitAfterAKillToo) {
  add_to_recipe("lora.yaml", "lora: {rank: 4, base: nf4}\nmoments: 8bit\npaged_moments: true\n");
  ASSERT_EQ(wait_for(start("whole", "lora.yaml")), 0) << log("whole");
  const pid_t child = start("killed", "lora.yaml");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!fs::exists(path("killed") / "checkpoints" / "step-00000100") && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, SIGKILL);
  EXPECT_EQ(wait_for(child), -1) << log("killed");
  ASSERT_FALSE(fs::exists(path("killed") / "model")) << "it ended before it was killed";
  ASSERT_EQ(wait_for(start("killed", "lora.yaml")), 0) << log("killed");
  EXPECT_NE(log("killed").find("going on from step "), std::string::npos) << log("killed");
  EXPECT_TRUE(adapters("killed") == adapters("whole"));
}

// What the process took at its peak, as the system counts it, is no more than was foretold, and not much less.
TEST_F(OrthantTrain, TakesTheMemoryThatItForetells) {
  add_to_recipe("short.yaml", "max_steps: 3\nlora: {rank: 4, base: nf4}\nmoments: 8bit\n");
  const pid_t child = start("short", "short.yaml");
  int status = 0;
  rusage usage{};
  ASSERT_EQ(wait4(child, &status, 0, &usage), child);
  ASSERT_EQ(status, 0) << log("short");
  const std::string said = log("short");
  const auto figure = [&said](const std::string& before) {
    const std::size_t place = said.find(before);
    return place == std::string::npos ? 0 : std::stol(said.substr(place + before.size()));
  };
  const long foretold = figure("training: 3 steps; ");
  const long peak = usage.ru_maxrss >> 10;
  // Nearly all of it is libtorch, of which one machine touches some MiB more than another.
  constexpr long kMoreOfLibraries = 32;
  EXPECT_LE(peak, foretold + kMoreOfLibraries) << said;
  EXPECT_GE(2 * peak, foretold) << said;
  EXPECT_NE(said.find(" MiB of memory at the peak of this process, "), std::string::npos) << said;
}

// A CPU that cannot multiply bfloat16 is told so, and trains as without it.
TEST_F(OrthantTrain, TrainsInFloat32WhereTheCpuHasNoBfloat16) {
  add_to_recipe("plain.yaml", "max_steps: 3\n");
  add_to_recipe("brain.yaml", "max_steps: 3\nbfloat16: true\n");
  setenv("ORTHANT_CPU", "portable", 1);
  const pid_t plain = start("plain", "plain.yaml");
  const pid_t brain = start("brain", "brain.yaml");
  unsetenv("ORTHANT_CPU");
  ASSERT_EQ(wait_for(plain), 0) << log("plain");
  ASSERT_EQ(wait_for(brain), 0) << log("brain");
  EXPECT_NE(log("brain").find("bfloat16: this CPU does not multiply it (AVX512_BF16)"), std::string::npos) << log("brain");
  EXPECT_EQ(log("plain").find("bfloat16"), std::string::npos) << log("plain");
  EXPECT_TRUE(weights("brain") == weights("plain"));
}

TEST_F(OrthantTrain, SaysWhatIsWrongAndFails) {
  ASSERT_TRUE(write_whole_file(path("pairs.jsonl"), "{\"query\": \"q\", \"positive\": \"p\"}\n{\"query\": 3}\n").has_value());
  EXPECT_EQ(wait_for(start("bad")), 1);
  EXPECT_NE(log("bad").find("pairs.jsonl line 2: query: expected a text"), std::string::npos) << log("bad");
}

}  // namespace
}  // namespace orthant
