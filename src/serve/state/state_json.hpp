// A snapshot as JSON, in the format of docs/reference/state.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "serve/state/sampler.hpp"

namespace freshframe::serve {

/// `typed`: adds "type": "state", for WebSocket messages.
[[nodiscard]] std::string state_json(const Sampler& sampler, bool typed);
[[nodiscard]] std::string why_json(const Why& why);
[[nodiscard]] std::string history_json(const History& history);

}  // namespace freshframe::serve
