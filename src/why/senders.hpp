// Rules for sources that a browser feeds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <string>

#include "why/rules.hpp"

namespace freshframe::core {

/// Returns what the user can do about a source that delivers nothing.
[[nodiscard]] std::string away_remedy(const SourceStats& source);

/// Names browsers that skip many frames of their camera, and whether the link or the encoder is too slow.
void find_skipping_senders(const Scene& scene, Causes& out);

}  // namespace freshframe::core
