// A snapshot in the Prometheus text format 0.0.4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a server counts the viewers.
enum class Viewers : std::uint8_t { Unknown, Known };

[[nodiscard]] std::string metrics_text(const Snapshot& seen, Viewers viewers);

}  // namespace freshframe::serve
