// A frame as a worker gets it: positions in the slabs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <memory>
#include <vector>

#include "process/memory/slab_pool.hpp"
#include "process/wire/messages.hpp"

namespace freshframe::process {

/// The positions of a frame's planes, and their slabs.
struct PlacedFrame {
  std::vector<PictureMessage> forms;
  std::vector<std::shared_ptr<const Slab>> slabs;
};

/// The frame's own format first, then every other format that has been made and is in a slab. A picture
/// elsewhere is copied into a slab, once. Throws Error when there is no room.
[[nodiscard]] PlacedFrame place(const Frame& frame, SlabPool& pool);

}  // namespace freshframe::process
