// Names of C functions, read from Python's objects.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gil_watch/watch/culprit.hpp"

namespace freshframe::gil {

/// The functions and methods in C of all modules and types that are loaded, by their address. With the GIL.
[[nodiscard]] CallableNames collect_names();

}  // namespace freshframe::gil
