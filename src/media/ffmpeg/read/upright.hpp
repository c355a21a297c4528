// Turns pictures upright that a camera stored rotated or mirrored.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// The operations that make a stored picture upright: first the rows in reverse order, then clockwise quarter
/// turns.
struct Turn {
  bool flip = false;
  int quarters = 0;  // 0..3

  [[nodiscard]] bool none() const noexcept { return !flip && quarters == 0; }
  /// Width and height change places.
  [[nodiscard]] bool lies() const noexcept { return quarters % 2 != 0; }
  bool operator==(const Turn&) const = default;
};

/// From the stream's display matrix (9 numbers), for multiples of 90 degrees and mirroring. Pictures with
/// other angles stay as stored.
[[nodiscard]] Turn read_turn(const std::int32_t* display_matrix) noexcept;
/// From the container. A frame's own orientation takes precedence.
[[nodiscard]] Turn read_turn(const AVStream& stream) noexcept;
/// From a photo's Exif orientation, 1..8.
[[nodiscard]] Turn make_exif_turn(int orientation) noexcept;
/// A frame's own display matrix or Exif orientation; else `otherwise`.
[[nodiscard]] Turn read_turn(const AVFrame& frame, Turn otherwise) noexcept;

/// A turned copy in pooled memory. 4:2:2 on its side becomes 4:4:4.
[[nodiscard]] Frame turned(const Frame& frame, Turn turn);

}  // namespace freshframe::media
