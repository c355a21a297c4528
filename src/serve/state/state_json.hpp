// The snapshot as the JSON that docs/reference/state.md describes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "serve/state/sampler.hpp"

namespace freshframe::serve {

/// `typed`: with "type": "state", as the WebSocket sends it.
[[nodiscard]] std::string state_json(const Sampler& sampler, bool typed);
[[nodiscard]] std::string why_json(const Why& why);
[[nodiscard]] std::string history_json(const History& history);

}  // namespace freshframe::serve
