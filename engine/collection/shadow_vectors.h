#pragma once
// Shadows: embeddings of a slot's texts by another model, gathered beside the present ones until they are complete. A shadow is the
// value of slot shadow_of(slot) at the ordinal of its row; point records do not name it and no search sees it. It bears the
// generation that it was made for: what an abandoned re-embedding left behind is passed over by the next.
//
// How vectors of one making are kept apart from those of another. Every prepared vector bears the generation of its slot at the
// time. The writer compares it with the present one; where a switch came in between, the shadow that a text's vector brought along
// takes its place, and what has none is refused (unavailable: the client sends it again).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/collection/catalog.h"
#include "engine/collection/write_op.h"

namespace orthant {

std::string shadow_value(std::uint32_t generation, std::string_view bytes);
struct Shadow {
  std::uint32_t generation = 0;
  std::string_view bytes;
};
// Nothing: too short to be one.
std::optional<Shadow> parse_shadow(std::string_view value);

// Brings the vectors of an op to the generations of `record`: see above. Shadows for which there is no re-embedding (any more) go.
Status settle_generations(WriteOp& op, const CollectionRecord& record);

// An embedding as the store keeps it in a vector of `config`, but with `dim` dimensions; of a multivector it is the only row.
// invalid_argument: of another kind or size, not finite.
Result<std::string> stored_embedding(const VectorConfig& config, std::size_t dim, const VectorValue& value);

}  // namespace orthant
