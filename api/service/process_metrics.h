#pragma once
// Figures of the process, its collections, pools and requests, as they are now.

#include "api/http/dispatcher.h"
#include "api/service/metrics_text.h"
#include "engine/engine.h"

namespace orthant::service {

void add_process_metrics(MetricsText& text);
void add_engine_metrics(MetricsText& text, const Engine& engine);
// Answers by method, endpoint and status; with `per_collection` by collection too.
void add_request_metrics(MetricsText& text, const Dispatcher& dispatcher, bool per_collection);

}  // namespace orthant::service
