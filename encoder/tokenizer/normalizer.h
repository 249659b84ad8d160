#pragma once
// Normalizer: one step that changes a text before it is cut into words, and NormalizerChain, all steps of a tokenizer in order.
// Immutable, any thread. The steps are those of Hugging Face's `tokenizers`; the makers below name them.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/tokenizer/bert_normalizer.h"
#include "encoder/tokenizer/pattern.h"

namespace orthant {

class Normalizer {
 public:
  virtual ~Normalizer() = default;

  // `text` is valid UTF-8 and not empty; so is what is appended, or nothing.
  virtual void append_normalized(std::string_view text, std::string& out) const = 0;

  // Whether what comes first in the normalized text stood later in `text`. Only Metaspace's prepend_scheme "first" asks.
  virtual bool moves_start(std::string_view text) const {
    static_cast<void>(text);
    return false;
  }

  // Whether the text may be cut before any blank and normalized part by part.
  virtual bool works_in_slices() const { return false; }
};

enum class NormalizationForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };

std::unique_ptr<Normalizer> make_bert_normalizer(const BertNormalizerOptions& options);
std::unique_ptr<Normalizer> make_unicode_normalizer(NormalizationForm form);
std::unique_ptr<Normalizer> make_lowercase();
std::unique_ptr<Normalizer> make_strip_accents();  // drops marks; it does not decompose
std::unique_ptr<Normalizer> make_strip(bool left, bool right);
std::unique_ptr<Normalizer> make_replace(std::unique_ptr<Pattern> pattern, std::string content);
std::unique_ptr<Normalizer> make_prepend(std::string content);
std::unique_ptr<Normalizer> make_nmt();         // SentencePiece's clean-up of control characters and odd blanks
std::unique_ptr<Normalizer> make_byte_level();  // each byte as the character that stands for it, as ByteLevel of pre_tokenizer.h

class NormalizerChain {
 public:
  explicit NormalizerChain(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}

  bool empty() const { return steps_.empty(); }
  bool works_in_slices() const;

  // The normalized text, in `out` (emptied first) or, without steps, `text` itself. `spare` is scratch.
  std::string_view normalize(std::string_view text, std::string& out, std::string& spare) const;
  // As Normalizer::moves_start, over all steps.
  bool moves_start(std::string_view text) const;

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

}  // namespace orthant
