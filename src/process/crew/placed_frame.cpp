// Finds a frame's planes in the shared slabs, or copies the image into one.
// SPDX-License-Identifier: Apache-2.0
#include "process/crew/placed_frame.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace freshframe::process {
namespace {

// Returns nullopt if a plane is not in a slab, or its rows are in reverse order.
std::optional<PictureMessage> find(const Picture& picture, SlabPool& pool, PlacedFrame& placed) {
  PictureMessage message{picture.format, {}};
  auto slabs = placed.slabs;
  for (int i = 0; i < picture.format.plane_count(); ++i) {
    const auto& plane = picture.planes[static_cast<std::size_t>(i)];
    if (plane.stride < plane.row_bytes) return std::nullopt;
    auto found = pool.find(plane.data);
    if (!found) return std::nullopt;
    message.planes.push_back({found->slab->id(), found->offset, plane.stride});
    const bool known = std::find(slabs.begin(), slabs.end(), found->slab) != slabs.end();
    if (!known) slabs.push_back(std::move(found->slab));
  }
  placed.slabs = std::move(slabs);
  return message;
}

}  // namespace

PlacedFrame place(const Frame& frame, SlabPool& pool) {
  PlacedFrame placed;
  auto own = find(frame.picture(), pool, placed);
  if (!own) own = find(frame.pool_picture(), pool, placed);
  if (!own) {
    const auto why = pool.why_refused();
    throw Error("cannot pass a frame to a worker: " +
                (why.empty() ? std::string("no memory could be shared with it") : why));
  }
  placed.forms.push_back(*std::move(own));
  for (int i = 0; i < kPixelFormats; ++i) {
    const auto format = static_cast<PixelFormat>(i);
    if (format == frame.format() || !frame.has(format)) continue;
    if (auto other = find(frame.to(format).picture(), pool, placed))
      placed.forms.push_back(*std::move(other));
  }
  return placed;
}

}  // namespace freshframe::process
