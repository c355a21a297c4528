// The vectorised part of the gradient field: whole picture in, smoothed luma, gradients and edge flags out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>

#include "vision/picture/gradient_field.hpp"

namespace freshframe::vision {

/// The output memory of compute_gradient_rows(). Every row is followed by at least 64 writable elements, the
/// first row also preceded by them. `scratch`: 7 * stride + 64 elements.
struct GradientRows {
  int width = 0;
  int height = 0;
  int stride = 0;
  std::uint16_t* smoothed = nullptr;
  Gradient* gradients = nullptr;
  std::uint8_t* flags = nullptr;
  std::uint16_t* scratch = nullptr;
};

/// Chooses the best instruction set of this machine at run time; the result is the same on all of them
/// (integers only).
void compute_gradient_rows(const Plane& luma, const GradientRows& out);

}  // namespace freshframe::vision
