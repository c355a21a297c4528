// Frames as places in the slabs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <vector>

#include "process/memory/slab_pool.hpp"
#include "process/wire/messages.hpp"

namespace freshframe::process {

/// A frame as its worker gets it: the places of its planes, and the slabs that they are in.
struct PlacedFrame {
  std::vector<PictureMessage> forms;
  std::vector<std::shared_ptr<const Slab>> slabs;
};

/// The frame's own format first, then every other that has been made and lies in a slab. A picture that lies
/// elsewhere is copied into one, once. Throws Error when there is no room.
[[nodiscard]] PlacedFrame place(const Frame& frame, SlabPool& pool);

}  // namespace freshframe::process
