// A tokenizer alone: tokenizer_bench FOLDER TEXTS [ROUNDS], where TEXTS holds one text a line. Prints the seconds to load, the
// texts and tokens of a round, and the CPU seconds of the thread that the best round took. bench/tokenizer_rates.py sets it beside
// Hugging Face's.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "encoder/tokenizer/tokenizer.h"

namespace orthant {
namespace {

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::vector<std::string> lines_of(const char* file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

int run(const char* folder, const char* file, int rounds) {
  const double before_load = thread_seconds();
  const auto tokenizer = Tokenizer::load(folder);
  if (!tokenizer) {
    fmt::print(stderr, "{}\n", tokenizer.error().message);
    return 1;
  }
  const double load_seconds = thread_seconds() - before_load;
  const std::vector<std::string> texts = lines_of(file);
  double best = std::numeric_limits<double>::infinity();
  std::size_t tokens = 0;
  for (int round = 0; round < rounds; ++round) {
    const double start = thread_seconds();
    tokens = 0;
    for (const std::string& text : texts) tokens += (*tokenizer)->tokenize(text, 0).ids.size();
    best = std::min(best, thread_seconds() - start);
  }
  fmt::print("{{\"load_seconds\": {:.3f}, \"texts\": {}, \"tokens\": {}, \"seconds\": {:.6f}}}\n", load_seconds, texts.size(),
             tokens, best);
  return 0;
}

}  // namespace
}  // namespace orthant

int main(int count, char** arguments) {
  if (count < 3) {
    fmt::print(stderr, "usage: tokenizer_bench FOLDER TEXTS [ROUNDS]\n");
    return 2;
  }
  return orthant::run(arguments[1], arguments[2], count > 3 ? std::atoi(arguments[3]) : 3);
}
