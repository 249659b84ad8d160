#pragma once
// Puts the ids of one or two texts together as a template says, cut to a length: what Hugging Face calls truncation and
// post-processing. Free functions, any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "encoder/tokenizer/tokenizer.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

// How many fixed ids a template adds.
std::size_t fixed_id_count(const SequenceTemplate& pieces);

struct PairLengths {
  std::size_t first = 0;
  std::size_t second = 0;
};
// How many ids of each text stay where `room` are allowed in all, by Hugging Face's longest_first: an odd place goes to the longer
// text, to the second of equal ones.
PairLengths longest_first(PairLengths lengths, std::size_t room);

// The texts' ids, already cut, in their places. type_ids are filled where `with_types`.
TokenizedText fill_template(const SequenceTemplate& pieces, std::span<const std::uint32_t> first,
                            std::span<const std::uint32_t> second, bool with_types);

}  // namespace orthant
