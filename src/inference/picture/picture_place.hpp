// Where a picture lies: in the model's input, and in the frame of which it is a part.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

struct PicturePlace {
  // The model's input.
  int input_width = 0;
  int input_height = 0;
  Placement placement;  // in it
  // In the frame.
  int left = 0;
  int top = 0;
  int frame_width = 0;
  int frame_height = 0;

  /// The place of a picture that is the whole frame.
  [[nodiscard]] static PicturePlace whole(const InputForm& form, const Placement& placement) {
    return {.input_width = form.width,
            .input_height = form.height,
            .placement = placement,
            .frame_width = placement.picture_width,
            .frame_height = placement.picture_height};
  }

  // From pixels of the input to those of the frame.
  [[nodiscard]] double unbounded_x(double x) const noexcept {
    return (x - placement.left) / placement.scale_x + left;
  }
  [[nodiscard]] double unbounded_y(double y) const noexcept {
    return (y - placement.top) / placement.scale_y + top;
  }
  // The coordinate within the picture.
  [[nodiscard]] float x(double of_input) const noexcept {
    return static_cast<float>(
        std::clamp(unbounded_x(of_input), double{0} + left, double{0} + left + placement.picture_width));
  }
  [[nodiscard]] float y(double of_input) const noexcept {
    return static_cast<float>(
        std::clamp(unbounded_y(of_input), double{0} + top, double{0} + top + placement.picture_height));
  }
};

}  // namespace freshframe::inference
