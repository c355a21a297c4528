// BGR and RGB pictures scaled to the levels that cv2.resize gives.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "inference/picture/rows.hpp"
#include "inference/picture/scaled_axis.hpp"

namespace freshframe::inference {

/// Bilinear with weights of 11 bits, as resize() of OpenCV with INTER_LINEAR scales pictures of 8 bits: equal
/// to the last bit with OpenCV 5.0 on x86-64. Boxes are compared with those of programs that scale by it, and
/// one level more or less can decide which of two nearly equal boxes is kept. Keeps tables and rows between
/// calls. One thread at a time.
class PackedResize {
 public:
  /// For pictures of this size. No row of an earlier picture is kept.
  void prepare(const ScaledAxis& across, const ScaledAxis& down);
  /// The next rows are those of another picture.
  void forget() noexcept { kept_ = {kNone, kNone}; }
  /// The two rows of the picture that row `y` of the result lies between, with their weights: for mix_row().
  /// Valid until the next call.
  [[nodiscard]] RowPair rows(const Plane& plane, int y);

 private:
  static constexpr int kNone = -1;

  struct Across {
    std::vector<std::int32_t> first;  // byte of the pixel before it
    std::vector<std::int32_t> after;  // byte of the pixel after it
    std::vector<std::int32_t> weight_first;
    std::vector<std::int32_t> weight_after;
  };
  struct Down {
    int above = 0;
    int below = 0;
    std::int16_t weight_above = 0;
    std::int16_t weight_below = 0;
  };
  using Components = std::array<std::vector<std::int16_t>, 3>;

  const Components& scaled_across(const Plane& plane, int row, int other);

  Across x_;
  std::vector<Down> y_;
  std::size_t width_ = 0;                     // of the result
  std::vector<std::uint8_t> padded_;          // a row of the picture with room behind it
  std::array<Components, 2> scaled_;          // two rows of the picture at the result's width
  std::array<int, 2> kept_ = {kNone, kNone};  // their numbers
};

}  // namespace freshframe::inference
