// Encodes a mask as a run-length string.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace freshframe::inference {

/// Writes a mask as "HEIGHTxWIDTH:COUNTS", with the counts of COCO's compressed run lengths (T.-Y. Lin et
/// al., "Microsoft COCO: Common Objects in Context", 2014; the format of its API's maskApi.h): down each
/// column, runs outside and inside in turn.
class MaskText {
 public:
  MaskText(int width, int height) : width_(width), height_(height) {}

  /// Marks the pixel, counted down the columns, from which on the mask changes between outside and inside.
  /// Must be called in ascending order. Two calls with the same pixel cancel each other.
  void flip(std::int64_t pixel) {
    if (!flips_.empty() && flips_.back() == pixel) {
      flips_.pop_back();
    } else {
      flips_.push_back(pixel);
    }
  }
  void flip(int column, int row) { flip(std::int64_t{column} * height_ + row); }

  /// An empty mask has a single count.
  [[nodiscard]] std::string text() const;

 private:
  int width_;
  int height_;
  std::vector<std::int64_t> flips_;
};

/// Encodes rows of `width` bytes: 1 inside, 0 outside.
[[nodiscard]] std::string encode_mask(const std::uint8_t* mask, int width, int height);

}  // namespace freshframe::inference
