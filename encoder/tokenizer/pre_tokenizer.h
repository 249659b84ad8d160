#pragma once
// PreTokenizer: cuts a normalized text into the words that the model makes ids of, one step after the other. The steps are those of
// Hugging Face's `tokenizers`; the makers below name them. Pieces stream through all steps one by one, so nothing more is cut than
// is wanted. Immutable once built, any thread; a Scratch belongs to one call.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/tokenizer/pattern.h"

namespace orthant {

class WordSink {
 public:
  virtual ~WordSink() = default;
  // `word` is valid UTF-8 (or the bytes of such a text cut anywhere, after a ByteLevel step that leaves bytes), not empty, and
  // lives as long as the call. False: no more is wanted.
  virtual bool take(std::string_view word) = 0;
};

struct Piece {
  std::string_view text;
  bool starts_text = false;  // begins where the tokenizer's input begins
};

class PieceStream;

class SplitStep {
 public:
  virtual ~SplitStep() = default;
  // Puts the parts of the piece (not empty) into the stream; false as soon as the stream says so.
  virtual bool split(Piece piece, PieceStream& stream) const = 0;
  // Whether Piece::starts_text matters to the step.
  virtual bool asks_for_start() const { return false; }
  // True if the step maps bytes to characters, and now no longer does.
  virtual bool leave_bytes() { return false; }
};

class PreTokenizer {
 public:
  explicit PreTokenizer(std::vector<std::unique_ptr<SplitStep>> steps) : steps_(std::move(steps)) {}

  struct Scratch {
    std::vector<std::string> buffers;  // one a step
  };
  // False if the sink wanted no more.
  bool split(Piece text, Scratch& scratch, WordSink& sink) const;

  bool asks_for_start() const;

  // Makes a ByteLevel step at the end give bytes instead of the characters that stand for them; false if there is none.
  bool leave_bytes() { return !steps_.empty() && steps_.back()->leave_bytes(); }

 private:
  friend class PieceStream;
  std::vector<std::unique_ptr<SplitStep>> steps_;
};

// Where a step puts its pieces: the step after it, or the sink.
class PieceStream {
 public:
  PieceStream(const PreTokenizer& steps, std::size_t next_step, PreTokenizer::Scratch& scratch, WordSink& sink)
      : steps_(steps), next_step_(next_step), scratch_(scratch), sink_(sink) {}

  // False: no more is wanted. Empty pieces are left out.
  bool put(Piece piece);
  // Scratch of the step that puts.
  std::string& buffer() { return scratch_.buffers[next_step_ - 1]; }

 private:
  const PreTokenizer& steps_;
  const std::size_t next_step_;
  PreTokenizer::Scratch& scratch_;
  WordSink& sink_;
};

// What becomes of the matches: pieces of their own, dropped, or parts of a neighbour; kContiguous joins matches that touch.
enum class SplitBehavior : std::uint8_t { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };
enum class PrependScheme : std::uint8_t { kAlways, kFirst, kNever };

std::unique_ptr<SplitStep> make_bert_step();
std::unique_ptr<SplitStep> make_whitespace_step();        // words of \w and runs of other characters
std::unique_ptr<SplitStep> make_whitespace_split_step();  // at whitespace
std::unique_ptr<SplitStep> make_punctuation_step(SplitBehavior behavior);
std::unique_ptr<SplitStep> make_digits_step(bool individual);
std::unique_ptr<SplitStep> make_delimiter_step(char32_t delimiter);
std::unique_ptr<SplitStep> make_fixed_length_step(std::size_t characters);
// `invert`: what lies between the matches counts as the matches.
std::unique_ptr<SplitStep> make_split_step(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert);
std::unique_ptr<SplitStep> make_metaspace_step(std::string replacement, PrependScheme scheme, bool split);
std::unique_ptr<SplitStep> make_byte_level_step(bool add_prefix_space, bool use_regex);

}  // namespace orthant
