// The vectorised part of the gradient field: whole picture in, smoothed luma, gradients and edge flags out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>
#include <cstdlib>

namespace freshframe::vision {

/// Smoothed luma is kept in steps of 1 / kLumaScale grey levels: smoothing over noise gives more digits than
/// a byte holds, and they locate faint edges.
inline constexpr int kLumaScale = 8;
/// Sobel's weights add up to 8, so a gradient is this number times the slope in grey levels per pixel.
inline constexpr int kGradientScale = 8 * kLumaScale;

/// Sobel derivatives of the smoothed luma, kGradientScale to the grey level per pixel.
struct alignas(4) Gradient {
  std::int16_t x = 0;
  std::int16_t y = 0;

  /// L1 norm: cheap, and the same on every machine.
  [[nodiscard]] int magnitude() const noexcept { return std::abs(int{x}) + std::abs(int{y}); }
};

/// Weakest gradient that can be an edge: 2.25 grey levels per pixel, which is a step of about 5 after this
/// smoothing, just above the remaining sensor noise.
inline constexpr int kEdgeMagnitude = 9 * kGradientScale / 4;
/// Weakest gradient that starts a chain: hysteresis at about twice the former, as in Canny's detector.
inline constexpr int kSeedMagnitude = 4 * kGradientScale;

/// Edge flags of a pixel.
inline constexpr std::uint8_t kEdge = 1;    // a local maximum of the magnitude across the edge
inline constexpr std::uint8_t kSeed = 2;    // an edge strong enough to start a chain
inline constexpr std::uint8_t kLinked = 4;  // is part of a chain

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
