#pragma once
// JsonPath: where in a payload something stands: a.b, a[].b (each element), a[0].b, "a.b".c (quoted keys hold any character but
// the quote). Unquoted keys are letters, digits, '_' and '-'. A plain value.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

class JsonPath {
 public:
  enum class StepKind { kKey, kIndex, kEach };
  struct Step {
    StepKind kind = StepKind::kKey;
    std::string key;          // of kKey
    std::uint64_t index = 0;  // of kIndex
    bool operator==(const Step&) const = default;
  };

  // invalid_argument when `text` is no path; the message quotes it. The first step is always a key.
  static Result<JsonPath> parse(std::string_view text);

  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

}  // namespace orthant
