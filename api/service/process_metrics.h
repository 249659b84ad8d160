#pragma once
// Gauges of the process and of the collections, brought up to date when /metrics is asked for. Any thread.

#include "engine/engine.h"

namespace orthant::service {

// `engine` may be null: then only what the process itself shows.
void update_metrics(const Engine* engine);

}  // namespace orthant::service
