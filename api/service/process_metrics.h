#pragma once
// Figures of the process, its collections, pools and requests, as they are now.

#include <cstdint>

#include "api/http/dispatcher.h"
#include "api/service/metrics_text.h"
#include "engine/engine.h"

namespace orthant::service {

// The heap and the resident memory, in bytes.
struct MemoryFigures {
  std::uint64_t allocated = 0;  // in use by objects
  std::uint64_t active = 0;     // held from the system
  std::uint64_t retained = 0;   // free but held
  std::uint64_t metadata = 0;   // could be given back from the heap's top
  std::uint64_t resident = 0;
};
MemoryFigures memory_figures();

void add_process_metrics(MetricsText& text);
void add_engine_metrics(MetricsText& text, const Engine& engine);
// Answers by method, endpoint and status; with `per_collection` by collection too.
void add_request_metrics(MetricsText& text, const Dispatcher& dispatcher, bool per_collection);

}  // namespace orthant::service
