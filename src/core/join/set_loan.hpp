// Puts a sample's frame, and the frames of a set's members, on loan when it leaves the engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/join_node.hpp"
#include "freshframe/sample.hpp"

#include <cstdint>
#include <utility>

#include "core/frame/frame_access.hpp"

namespace freshframe::core {

/// Returns the sample with its frame, and the frames of a set's members, as handles for use outside the
/// engine. `holder`: number of the node or reader that gets the sample.
[[nodiscard]] inline AnySample on_loan(AnySample sample, std::uint16_t holder) {
  if (sample.frame) sample.frame = FrameAccess::loan(sample.frame, holder);
  if (const auto* const set = sample.value.as<Joined>()) {
    auto members = set->members;
    for (auto& member : members) {
      if (member && member->frame) member->frame = FrameAccess::loan(member->frame, holder);
    }
    sample.value = ValueRef::make<Joined>(Joined{std::move(members)});
  }
  return sample;
}

}  // namespace freshframe::core
