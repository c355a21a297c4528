// A look at a pipeline of an agent: what its sources gave, what was lost, and whether a camera is away.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "fleet/records.hpp"

namespace freshframe::core {
class PipelineCore;
}

namespace freshframe::fleet {

/// Losses are those on the way to the outputs of the fleet: what side branches leave out by design is none.
struct PipelineLook {
  std::uint64_t frames = 0;
  std::array<std::uint64_t, kLosses> drops{};
  bool is_away = false;
  std::string why;  // of the camera that is away, without passwords
};

/// Looks at a pipeline that has started. Takes some microseconds, waits for nothing and never takes the GIL.
[[nodiscard]] PipelineLook look_at(const core::PipelineCore& pipeline);

}  // namespace freshframe::fleet
