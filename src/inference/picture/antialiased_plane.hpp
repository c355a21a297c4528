// A plane of a picture, scaled by a triangle filter that covers all samples of an output.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "inference/picture/scaled_axis.hpp"

namespace freshframe::inference {

/// Bilinear, with a filter as wide as an output where the plane is made smaller: each sample counts, so that fine
/// structure becomes its mean and not a pattern of its own. The algorithm is that of Pillow's Image.resize() with
/// Resampling.BILINEAR (src/libImaging/Resample.c), to the last bit for pictures of 8 bits: across first, whole levels
/// between the steps, weights of 22 bits. Pillow 13 scales some pictures down first, which changes single levels by
/// one. Keeps tables and rows between calls. One thread at a time.
class AntialiasedPlane {
 public:
  /// For planes of samples with 1 or 3 components.
  void prepare(std::size_t components, const ScaledAxis& across, const ScaledAxis& down);
  /// Scales the rows of a plane across.
  void read(const Plane& plane);
  /// Row `y` of a component: whole levels, as many as `across` has outputs, and up to kSumSlack numbers more.
  void row(std::size_t component, int y, float* out) const;

 private:
  struct Taps {
    std::vector<std::int32_t> first;  // sample of each output
    std::vector<std::int32_t> count;
    std::vector<std::int32_t> weights;  // `most` for each output
    std::size_t most = 0;
  };
  [[nodiscard]] static Taps taps(const ScaledAxis& axis, std::size_t multiple_of);
  void prepare_across(const ScaledAxis& axis);

  std::size_t components_ = 1;
  std::size_t outputs_ = 0;
  std::size_t stride_ = 0;  // of the rows that are scaled across
  std::size_t taps_ = 0;
  std::vector<std::int32_t> first_;    // byte of each output's first sample
  std::vector<std::int32_t> weights_;  // across: a row for each tap
  Taps down_;
  int first_row_ = 0;  // of the plane, that any output needs
  int rows_ = 0;
  std::vector<std::uint8_t> padded_;  // a row of the plane with room behind it
  std::vector<std::uint8_t> scaled_;  // the rows at the result's width, one component after the other
};

}  // namespace freshframe::inference
