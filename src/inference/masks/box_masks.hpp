// Masks of boxes: from a model's logits to run lengths at the image's size.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "inference/masks/mask_text.hpp"
#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

/// Consecutive planes of logits that cover the model's input.
struct MaskPlanes {
  std::span<const float> logits;
  int width = 0;
  int height = 0;
};

/// Encodes the masks of one image. A pixel is inside if its logit is more than 0, interpolated bilinearly
/// between the centres of the planes' pixels, as torch.nn.functional.interpolate() does with
/// align_corners=False. The logits are first scaled, then compared with 0, then cut off at the box, as the
/// masks of Ultralytics are with retina_masks=True. Down a column the interpolated logit is a straight line
/// between two rows of the planes, so the row at which it crosses 0 is computed instead of the logit of each
/// pixel.
class BoxMasks {
 public:
  BoxMasks(const MaskPlanes& planes, const PicturePlace& place);

  /// Returns a mask from prototypes (YOLACT, Bolya et al. 2019, arXiv 1904.02689): the sum of the planes with
  /// these weights. Pixels outside of `box`, which is in pixels of the frame, are outside of the mask. The
  /// string: see MaskText.
  [[nodiscard]] std::string trace_prototypes(std::span<const float> weights, const Detection& box);
  /// Returns a mask from a single plane.
  [[nodiscard]] std::string trace_plane(std::size_t plane);

 private:
  /// Maps pixels of the image to the grid of the planes' pixels, in one direction: the centre of pixel i is
  /// at grid coordinate i * step + first, clamped to low..high.
  struct Axis {
    double step = 1;
    double first = 0;
    double low = 0;
    double high = 0;
    [[nodiscard]] double at(int pixel) const noexcept;
  };
  struct Pixels {  // range of pixels; `end` is exclusive
    int begin = 0;
    int end = 0;
  };

  static Axis axis(double scale, int start, int length, double grid_per_input);
  [[nodiscard]] std::string text(std::span<const float> weights, std::size_t plane, Pixels across,
                                 Pixels down);
  void write_column(int column, Pixels down, int first_row, MaskText& text);

  MaskPlanes planes_;
  PicturePlace place_;
  Axis across_;
  Axis down_;
  std::vector<float> sums_;    // logits of the grid's rows within the box
  std::vector<float> turned_;  // the same, transposed
  std::vector<float> column_;  // a column interpolated between two of turned_
  std::vector<std::uint32_t> crossings_;
};

}  // namespace freshframe::inference
