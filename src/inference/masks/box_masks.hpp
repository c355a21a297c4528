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

/// Writes the masks of one picture. A pixel is inside where the logit, bilinear between the centres of the planes'
/// pixels as torch.nn.functional.interpolate() without align_corners, is more than 0: scaled first, then compared, then
/// cut off at the box, as the masks of Ultralytics with retina_masks=True. Between two rows of logits the bilinear value
/// is a straight line down a column, so its one zero is computed and no pixel is.
class BoxMasks {
 public:
  BoxMasks(const MaskPlanes& planes, const PicturePlace& place);

  /// A mask from prototypes (YOLACT, Bolya et al. 2019, arXiv 1904.02689): the sum of the planes with these
  /// weights. Pixels outside of `box`, which is in pixels of the frame, are outside of the mask.
  [[nodiscard]] std::string trace_prototypes(std::span<const float> weights, const Detection& box);
  /// A mask from a single plane.
  [[nodiscard]] std::string trace_plane(std::size_t plane);

 private:
  struct
      Axis {  // pixel i of the part has its center at grid coordinate i * step + first, clamped to low..high
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
  std::vector<float> column_;  // interpolated between two of these
  std::vector<std::uint32_t> crossings_;
};

}  // namespace freshframe::inference
