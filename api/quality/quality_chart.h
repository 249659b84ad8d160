#pragma once
// The recall/time curve of a collection as a chart. A pure function, any thread.

#include <string>

#include "api/quality/render.h"

namespace orthant::quality {

std::string quality_svg(const QualitySubject& subject, const MeasuredQuality& measured);

}  // namespace orthant::quality
