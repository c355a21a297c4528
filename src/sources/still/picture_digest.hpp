// The facts about a picture's luma by which it is recognised: a digest of the whole, and one of each field.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::media {

/// A part of about 160x90 pixels.
struct FieldDigest {
  std::uint64_t bits = 0;
  bool contrast = false;  // the means of its 16x16 blocks differ by more than 5 levels
};

struct PictureDigest {
  std::uint64_t bits = 0;
  std::vector<FieldDigest> fields = {};  // row by row
  // None of 8x8 parts has contrast: a black, covered, masked or dark picture. A part has at least 2x2 blocks, so that
  // there are fewer in a picture below 256x256, and false below 32x32.
  bool flat = false;
};

/// Reads each pixel. Digests of equal pictures are equal; digests of others differ, but for a chance of 1 in 2^64 or
/// so. They are no secret's, and not safe against who makes pictures for that purpose.
[[nodiscard]] PictureDigest compute_digest(const Plane& luma);
[[nodiscard]] std::uint64_t compute_digest(const std::uint8_t* bytes, std::size_t size);

}  // namespace freshframe::media
