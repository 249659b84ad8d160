#pragma once
// Which structure an index has, and where its codes live, by size and memory budget. While all fits: a scan, from 250,000 rows on a
// graph. Where it does not: codes in files, and from 150,000 rows on a graph with lean lists (candidates/graph_rows.h), or inverted
// lists where the codes are more than half of what the machine has, or the rows more than 8,388,608. What the configuration names
// is taken. Free functions, any thread.

#include <cstddef>

#include "index/index_config.h"
#include "index/quantizer.h"

namespace orthant {

// The structure that an index with so many live rows is to have: kFlat, kGraph or kLists. kFlat where the configuration has none.
IndexStructure wanted_structure(const IndexConfig& config, std::size_t live_rows);

// How long codes are to be: as short as scans need where the choice is left to us and only scans read them. Lists have codes of
// their own.
CodeLength wanted_code_length(const IndexConfig& config, std::size_t live_rows);

// Memory that so many rows take at about, with all codes in memory and the structure that they are to have then.
std::size_t bytes_in_memory(const IndexConfig& config, std::size_t rows);

// kMemory or kDisk: what the configuration says, else by `available_bytes`, what the process has left for this index.
CodeResidency wanted_residency(const IndexConfig& config, std::size_t rows, std::size_t available_bytes);

}  // namespace orthant
