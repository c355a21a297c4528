// What is seen, in Prometheus' text format 0.0.4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "serve/observation.hpp"

namespace freshframe::serve {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

[[nodiscard]] std::string metrics_text(const Observation& seen);

}  // namespace freshframe::serve
