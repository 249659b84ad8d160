#include "engine/collection/slot_index.h"

namespace orthant {

Result<std::vector<std::vector<ScoredOrdinal>>> SlotIndex::search_batch(std::span<const VectorValue* const> queries,
                                                                        const SearchParams& params) const {
  std::vector<std::vector<ScoredOrdinal>> found;
  for (const VectorValue* query : queries) found.push_back(ORTHANT_TRY(search(*query, params)));
  return found;
}

}  // namespace orthant
