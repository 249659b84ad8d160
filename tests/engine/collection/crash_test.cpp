// Kills a writing process again and again and looks what is left: every acknowledged write is there, no write is there in part.

#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/engine/collection/crash_workload.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

// The writing process, with the pipe that it reports to.
class Writer {
 public:
  Writer(const std::filesystem::path& directory, std::uint64_t seed) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    const std::string program = std::string(ORTHANT_BINARY_DIR) + "/tests/engine_crash_writer";
    const std::string seed_text = std::to_string(seed);
    process_ = fork();
    if (process_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      execl(program.c_str(), program.c_str(), directory.c_str(), seed_text.c_str(), nullptr);
      _exit(127);
    }
    ::close(ends[1]);
    reports_ = ends[0];
  }
  ~Writer() { ::close(reports_); }

  // Acknowledged operations by writer, after a kill `delay` after the first one.
  std::array<std::uint64_t, kCrashWriters> kill_after(std::chrono::milliseconds delay) {
    std::array<std::uint64_t, kCrashWriters> acknowledged{};
    read_report(acknowledged);
    std::jthread killer([this, delay] {
      std::this_thread::sleep_for(delay);
      kill(process_, SIGKILL);
    });
    while (read_report(acknowledged)) {
    }
    int status = 0;
    waitpid(process_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the writer ended by itself, status " << status;
    return acknowledged;
  }

 private:
  bool read_report(std::array<std::uint64_t, kCrashWriters>& acknowledged) const {
    std::uint32_t report[2];
    if (read(reports_, report, sizeof report) != sizeof report) return false;  // writes of eight bytes are whole
    EXPECT_EQ(report[1], acknowledged.at(report[0]));
    acknowledged.at(report[0]) = std::uint64_t{report[1]} + 1;
    return true;
  }

  pid_t process_ = 0;
  int reports_ = -1;
};

CrashState read_state(const Collection& collection, std::size_t writer) {
  CrashState state;
  const PointPage page = collection
                             .scroll({.from = PointId::number(writer * kIdsPerWriter),
                                      .limit = kIdsPerWriter * kCrashWriters,
                                      .payload = {.enabled = true},
                                      .vectors = {.enabled = true}})
                             .value();
  for (const Record& record : page.points) {
    if (record.id < PointId::number((writer + 1) * kIdsPerWriter)) {
      state[record.id] = {*record.payload, std::get<std::vector<float>>(record.vectors->front().second)};
    }
  }
  return state;
}

// The index knows the same points as the store: searching by each vector finds its point.
void check_index(const Collection& collection) {
  const PointPage page = collection.scroll({.limit = 10'000, .vectors = {.enabled = true}}).value();
  EXPECT_EQ(collection.statistics().points, page.points.size());
  EXPECT_EQ(collection.statistics().indexed_vectors, page.points.size());
  for (std::size_t i = 0; i < page.points.size(); i += 7) {
    const auto& vector = page.points[i].vectors->front().second;
    const auto answer = collection.search({.vector_name = "", .vector = &vector, .limit = 1}).value();
    ASSERT_EQ(answer.points.size(), 1U);
    EXPECT_EQ(answer.points.front().record.id, page.points[i].id);
    EXPECT_EQ(answer.points.front().score, 0);
  }
}

class Crash : public testing::Test {
 protected:
  Crash() : seed_(random_seed()) {
    Host host(directory_.path());
    host.create("even", one_vector(kCrashDim, Metric::kEuclid));
    CollectionConfig codes_on_disk = one_vector(kCrashDim, Metric::kEuclid);
    codes_on_disk.vectors.at("").index.code_residency = CodeResidency::kDisk;
    host.create("odd", codes_on_disk);
  }

  // Writers begin each round from nothing: the collections are emptied first, by writes like others.
  void clear() {
    Host host(directory_.path(), kCrashLimits);
    for (const char* name : {"even", "odd"}) {
      const auto collection = host.open(name).value();
      ASSERT_TRUE(write(*collection, DeletePointsOp{Filter{}}).has_value());
    }
  }

  void check(std::uint64_t seed, const std::array<std::uint64_t, kCrashWriters>& acknowledged) {
    Host host(directory_.path(), kCrashLimits);
    for (std::size_t writer = 0; writer < kCrashWriters; ++writer) {
      const auto collection = host.open(crash_collection(writer)).value();
      CrashState expected;
      for (std::uint64_t number = 0; number < acknowledged[writer]; ++number) {
        expected = crash_operation(seed, writer, number, expected).after;
      }
      // The next operation may have been done without its answer getting out.
      const CrashState with_next = crash_operation(seed, writer, acknowledged[writer], expected).after;
      const CrashState found = read_state(*collection, writer);
      EXPECT_TRUE(found == expected || found == with_next)
          << "writer " << writer << " after " << acknowledged[writer] << " acknowledged operations: " << found.size()
          << " points found, " << expected.size() << " or " << with_next.size() << " expected";
      if (writer < 2) check_index(*collection);
    }
  }

  void run(int rounds) {
    std::mt19937_64 random(seed_);
    std::uint64_t total = 0;
    for (int round = 0; round < rounds; ++round) {
      clear();
      const std::uint64_t seed = random();
      Writer writer(directory_.path(), seed);
      const auto acknowledged = writer.kill_after(std::chrono::milliseconds(random() % 400));
      for (const std::uint64_t count : acknowledged) total += count;
      check(seed, acknowledged);
      if (HasFailure()) FAIL() << "in round " << round;
    }
    EXPECT_GT(total, static_cast<std::uint64_t>(rounds));
    std::cout << total << " acknowledged operations in " << rounds << " rounds\n";
  }

  const std::uint64_t seed_;
  TemporaryDirectory directory_;
};

#ifdef ORTHANT_SLOW_TEST
TEST_F(Crash, FiftyKillsLoseNoAcknowledgedWrite) {
  run(50);
}
#else
TEST_F(Crash, FiveKillsLoseNoAcknowledgedWrite) {
  run(5);
}
#endif

}  // namespace
}  // namespace orthant::test
