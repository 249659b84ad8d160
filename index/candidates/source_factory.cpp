#include "index/candidates/source_factory.h"

#include <fmt/format.h>

#include "index/candidates/graph.h"
#include "index/candidates/graph_rows.h"
#include "index/candidates/inverted_lists.h"

namespace orthant {

// A graph over codes on disk has lean lists. Those have no room for all ordinals: inverted lists take the place of a graph long
// before these run out.
std::unique_ptr<CandidateSource> make_source(IndexStructure structure, const IndexParts& parts) {
  const bool lean = parts.config.code_residency == CodeResidency::kDisk;
  if (lean && structure == IndexStructure::kGraph && parts.tables.row_count() > GraphRows::kMostLeanRows / 2) {
    structure = IndexStructure::kLists;
  }
  switch (structure) {
    case IndexStructure::kGraph:
      return make_graph(parts.config, parts.tables, *parts.quantizer, lean ? kLeanGraph : GraphOptions{});
    case IndexStructure::kLists: return make_lists(parts.config, parts.tables);
    case IndexStructure::kAuto:
    case IndexStructure::kFlat: break;
  }
  return nullptr;
}

Result<std::unique_ptr<CandidateSource>> load_source(std::string_view name, std::string_view parameters, const IndexParts& parts) {
  if (name == "graph") return load_graph(parts.config, parts.tables, *parts.quantizer, parameters);
  if (name == "lists") return load_lists(parts.config, parts.tables, parameters);
  return data_corruption(fmt::format("index snapshot: no structure is named \"{}\"", name));
}

}  // namespace orthant
