#pragma once
// Maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998): choosing from candidates so that the chosen are near the query
// and far from one another. Pure function.

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"

namespace orthant {

// Fills similarities[i] with that of candidate `chosen` to candidate i.
using SimilaritiesTo = std::function<Status(std::size_t chosen, std::span<float> similarities)>;

// The first is the most relevant; each next one maximises (1 - diversity) * relevance - diversity * (its greatest similarity to one
// that was chosen). Gives at most `limit` positions among the candidates. Of equal ones the last wins, where the candidates that
// are left stand in their order but for this: the last of them takes the place of the one that is taken out. `similarities_to` is
// called once for each position that is given out, but the last.
Result<std::vector<std::size_t>> choose_diverse(std::span<const float> relevance, double diversity, std::size_t limit,
                                                const SimilaritiesTo& similarities_to);

}  // namespace orthant
