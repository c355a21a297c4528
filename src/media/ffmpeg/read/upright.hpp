// Rotates and mirrors images upright.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// How to make a stored image upright: first flip vertically, then rotate clockwise.
struct Turn {
  bool flip = false;
  int quarters = 0;  // 0..3

  [[nodiscard]] bool none() const noexcept { return !flip && quarters == 0; }
  /// Returns true if width and height are swapped.
  [[nodiscard]] bool lies() const noexcept { return quarters % 2 != 0; }
  bool operator==(const Turn&) const = default;
};

/// Reads the stream's display matrix (9 numbers), for multiples of 90 degrees and mirroring. Other angles are
/// ignored.
[[nodiscard]] Turn read_turn(const std::int32_t* display_matrix) noexcept;
/// Reads the container's rotation. A frame's own rotation takes precedence.
[[nodiscard]] Turn read_turn(const AVStream& stream) noexcept;
/// Converts a photo's Exif orientation, 1..8.
[[nodiscard]] Turn make_exif_turn(int orientation) noexcept;
/// Reads a frame's own display matrix or Exif orientation; otherwise returns `otherwise`.
[[nodiscard]] Turn read_turn(const AVFrame& frame, Turn otherwise) noexcept;

/// Returns a rotated copy in pooled memory. 4:2:2 rotated by 90 degrees becomes 4:4:4.
[[nodiscard]] Frame turned(const Frame& frame, Turn turn);

}  // namespace freshframe::media
