// The number of processors that this process may use.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::core {

/// Processors that the affinity and the control groups allow, at least 1. `root`: the folder of /sys and /proc.
[[nodiscard]] int usable_processors(const std::string& root = "");

}  // namespace freshframe::core
