// Hashes of an image's luma by which it is recognised: one of the whole image, and one per field.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::media {

/// A field: a part of about 160x90 pixels.
struct FieldDigest {
  std::uint64_t bits = 0;
  bool contrast = false;  // means of its 16x16 blocks differ by more than 5 levels
};

struct PictureDigest {
  std::uint64_t bits = 0;
  std::vector<FieldDigest> fields = {};  // row by row
  // None of 8x8 parts has contrast: the image is black, covered, masked or dark. A part has at least 2x2
  // blocks, so images below 256x256 have fewer parts, and below 32x32 this is false.
  bool flat = false;
};

/// Reads each pixel. Equal images have equal hashes; different images have different ones, except for a
/// chance of about 1 in 2^64. Not cryptographic: collisions can be constructed.
[[nodiscard]] PictureDigest compute_digest(const Plane& luma);
[[nodiscard]] std::uint64_t compute_digest(const std::uint8_t* bytes, std::size_t size);

}  // namespace freshframe::media
