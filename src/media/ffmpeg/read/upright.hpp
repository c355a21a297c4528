// Rotates and mirrors images upright.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>

#include "media/ffmpeg/handles.hpp"

namespace freshframe::media {

/// How to make a stored image upright: first flip vertically, then rotate clockwise.
struct Turn {
  bool flip = false;
  int quarters = 0;  // 0..3

  [[nodiscard]] bool none() const noexcept { return !flip && quarters == 0; }
  /// Returns true if width and height are swapped.
  [[nodiscard]] bool lies() const noexcept { return quarters % 2 != 0; }
  /// Returns this turn followed by `more` clockwise quarter turns, 0..3.
  [[nodiscard]] Turn then(int more) const noexcept {
    return {.flip = flip, .quarters = (quarters + more) % 4};
  }
  bool operator==(const Turn&) const = default;
};

/// How the frames of a stream become upright.
struct Orientation {
  Turn stored = {};  // from the container, for frames without a rotation of their own
  int added = 0;     // the user's clockwise quarter turns, 0..3, of every frame

  [[nodiscard]] Turn total() const noexcept { return stored.then(added); }
  bool operator==(const Orientation&) const = default;
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

/// Sets the rotation of an output stream. Muxers of containers without rotation ignore it. Throws
/// std::bad_alloc.
void store_turn(AVStream& stream, Turn turn);

/// Returns a rotated copy in pooled memory. 4:2:2 rotated by 90 degrees becomes 4:4:4.
[[nodiscard]] Frame turned(const Frame& frame, Turn turn);

}  // namespace freshframe::media
