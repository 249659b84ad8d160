// The process that the test of re-embedding kills: `engine_reembed_process DIR` goes on with the re-embedding in DIR, or begins it,
// and reports its progress as pairs of u64 (encoded, resumed) on standard output until it is over.

#include <cstdlib>

#include <unistd.h>

#include "tests/engine/reembed_fixture.h"

namespace orthant::test {
namespace {

int run(const char* directory) {
  const std::unique_ptr<Engine> engine = Engine::open(two_models(directory)).value();
  if (engine->reembed_progress("c", "")->phase == ReembedPhase::kNone) {
    if (!reembed(*engine, {.vector_name = "", .model = kNewModel})) return 1;
  }
  for (;;) {
    const ReembedProgress progress = engine->reembed_progress("c", "").value();
    const std::uint64_t report[] = {progress.encoded, progress.resumed};
    if (::write(STDOUT_FILENO, report, sizeof report) != sizeof report) return 1;
    if (!is_running(progress.phase)) return progress.phase == ReembedPhase::kFinished ? 0 : 1;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace
}  // namespace orthant::test

int main(int argc, char** argv) {
  return argc == 2 ? orthant::test::run(argv[1]) : 2;
}
