#pragma once
// Making candidate sources by kind. Free functions, any thread.

#include <memory>
#include <string_view>

#include "base/result.h"
#include "index/candidates/candidate_source.h"
#include "index/search_run.h"

namespace orthant {

// An empty source; null for kFlat and kAuto. What `parts` refers to outlives it, `parts` itself need not.
std::unique_ptr<CandidateSource> make_source(IndexStructure structure, const IndexParts& parts);

// The source that gave itself this name and these parameters: its columns() have memory, the caller fills them and then calls
// finish_load(). data_corruption when there is no such source or its parameters are damaged.
Result<std::unique_ptr<CandidateSource>> load_source(std::string_view name, std::string_view parameters, const IndexParts& parts);

}  // namespace orthant
