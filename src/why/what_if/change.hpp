// Changes that a node can have.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/what_if.hpp"

#include <string>

#include "why/what_if/recording.hpp"

namespace freshframe::core {

/// The number of the node. Throws OptionError, GraphError.
[[nodiscard]] int check_change(const Recording& recording, const std::string& node, const NodeChange& change);

}  // namespace freshframe::core
