// Why a source delivers nothing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <string_view>

namespace freshframe::core {

/// Returns the error of the present outage, or "". A stalled source is connected, so its last error belongs
/// to an earlier outage.
[[nodiscard]] inline std::string_view outage_reason(const SourceStats& source) noexcept {
  return source.state == SourceState::Stalled ? std::string_view() : source.last_error;
}

}  // namespace freshframe::core
