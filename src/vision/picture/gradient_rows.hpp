// The vectorised part of the gradient field: computes smoothed luma, gradients and edge flags of a whole
// image.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>
#include <cstdlib>

namespace freshframe::vision {

/// Smoothed luma is stored in steps of 1 / kLumaScale grey levels: averaging noise gives more precision than
/// a byte holds, and it is needed to locate faint edges.
inline constexpr int kLumaScale = 8;
/// Sobel's weights add up to 8, so a gradient is the slope in grey levels per pixel times this number.
inline constexpr int kGradientScale = 8 * kLumaScale;

/// Sobel derivatives of the smoothed luma, in units of 1 / kGradientScale grey levels per pixel.
struct alignas(4) Gradient {
  std::int16_t x = 0;
  std::int16_t y = 0;

  /// L1 norm: cheap, and the same on every machine.
  [[nodiscard]] int magnitude() const noexcept { return std::abs(int{x}) + std::abs(int{y}); }
};

/// The weakest gradient that can be an edge: 2.25 grey levels per pixel. After this smoothing, that is a step
/// of about 5 levels, just above the remaining sensor noise.
inline constexpr int kEdgeMagnitude = 9 * kGradientScale / 4;
/// The weakest gradient that starts a chain: about twice kEdgeMagnitude, for hysteresis as in Canny's
/// detector.
inline constexpr int kSeedMagnitude = 4 * kGradientScale;

/// Edge flags of a pixel.
inline constexpr std::uint8_t kEdge = 1;    // a local maximum of the magnitude across the edge
inline constexpr std::uint8_t kSeed = 2;    // an edge strong enough to start a chain
inline constexpr std::uint8_t kLinked = 4;  // is part of a chain

/// Output buffers of compute_gradient_rows(). In `smoothed`, `gradients` and `flags`, at least 64 writable
/// elements must follow each row and precede the first. `scratch`: 7 * stride + 64 elements.
struct GradientRows {
  int width = 0;
  int height = 0;
  int stride = 0;
  std::uint16_t* smoothed = nullptr;
  Gradient* gradients = nullptr;
  std::uint8_t* flags = nullptr;
  std::uint16_t* scratch = nullptr;
};

/// Uses the best instruction set of this machine, chosen at run time. The result is the same on all of them,
/// because it uses only integers.
void compute_gradient_rows(const Plane& luma, const GradientRows& out);

}  // namespace freshframe::vision
