#pragma once
// Precompiled: the normalizer that SentencePiece models carry along as a table (a "charsmap": a double-array trie from texts to
// texts), as Hugging Face's `tokenizers` applies it: to each grapheme cluster of less than six bytes as a whole, else to each
// character, taking the shortest match and dropping what it leaves of the cluster. Immutable, any thread.

#include <memory>
#include <string_view>

#include "base/result.h"
#include "encoder/tokenizer/normalizer.h"

namespace orthant {

// `charsmap`: the trie's bytes (u32, little-endian), its units (u32 each), then texts that end in NUL. invalid_argument where the
// parts do not fit together.
Result<std::unique_ptr<Normalizer>> make_precompiled(std::string_view charsmap);

}  // namespace orthant
