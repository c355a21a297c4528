// A frame as sent to a worker: positions in shared slabs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <memory>
#include <vector>

#include "process/memory/slab_pool.hpp"
#include "process/wire/messages.hpp"

namespace freshframe::process {

/// Positions of a frame's planes, and their slabs.
struct PlacedFrame {
  std::vector<PictureMessage> forms;
  std::vector<std::shared_ptr<const Slab>> slabs;
};

/// Includes the frame's own format first, then all formats that have been converted already and are in a
/// slab. An image outside of the slabs is copied into one, once. Throws Error if there is no room.
[[nodiscard]] PlacedFrame place(const Frame& frame, SlabPool& pool);

}  // namespace freshframe::process
