// The gradient field of a grey image: smoothed luma, Sobel gradient and edge flags of every pixel.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vision/picture/cell_mask.hpp"
#include "vision/picture/gradient_rows.hpp"

namespace freshframe::vision {

/// A point on an edge, and the pixel from which it was located.
struct EdgePoint {
  float x = 0;
  float y = 0;
  int pixel = 0;
};

/// Uses 7 bytes per pixel, kept between images. Not thread-safe.
///
/// Pixels are identified by their offset y * stride() + x. Edges are at least kBorder pixels away from the
/// image's border, so the eight neighbours of an edge pixel, and their neighbours, always exist.
class GradientField {
 public:
  static constexpr int kBorder = 2;
  /// Smaller images have no room for a circle, and must not be passed to compute().
  static constexpr int kMinSide = 8;

  /// `luma`: both sides at least kMinSide.
  void compute(const Plane& luma);
  /// Clears the flags of all pixels outside of these cells, so that no chain enters them. `cell`: side of a
  /// cell in pixels of this field.
  void keep_edges(const CellMask& cells, int cell) noexcept;

  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }
  [[nodiscard]] int stride() const noexcept { return stride_; }

  [[nodiscard]] Gradient gradient(int pixel) const noexcept { return gradients_[at(pixel)]; }
  /// The gradient of pixel 0.
  [[nodiscard]] const Gradient* gradients() const noexcept { return &gradients_[at(0)]; }
  /// Makes a pixel flat, so that later searches find no edge there.
  void erase(int pixel) noexcept { gradients_[at(pixel)] = {}; }
  [[nodiscard]] int magnitude(int pixel) const noexcept { return gradients_[at(pixel)].magnitude(); }
  /// Returns the smoothed luma, in units of 1 / kLumaScale grey levels.
  [[nodiscard]] int read_smoothed(int pixel) const noexcept { return smoothed_[at(pixel)]; }
  [[nodiscard]] std::uint8_t flags(int pixel) const noexcept { return flags_[at(pixel)]; }
  void set_flag(int pixel, std::uint8_t flag) noexcept { flags_[at(pixel)] |= flag; }
  [[nodiscard]] const std::uint8_t* flags_row(int y) const noexcept { return &flags_[at(y * stride_)]; }

  /// Returns the position of the edge near `pixel` with sub-pixel accuracy: the vertex of the parabola
  /// through three magnitudes along the gradient's main axis.
  [[nodiscard]] EdgePoint locate(int pixel) const noexcept;

 private:
  void resize(int width, int height);
  // Vector loops read and write up to kMargin elements beyond a row, also before the first one.
  static constexpr int kMargin = 64;
  [[nodiscard]] static std::size_t at(int pixel) noexcept {
    return static_cast<std::size_t>(pixel) + std::size_t{kMargin};
  }

  int width_ = 0;
  int height_ = 0;
  int stride_ = 0;
  double per_stride_ = 0;
  std::vector<std::uint16_t> smoothed_;
  std::vector<Gradient> gradients_;
  std::vector<std::uint8_t> flags_;
  std::vector<std::uint16_t> scratch_;  // one row of column sums, three rows of magnitudes and of directions
};

}  // namespace freshframe::vision
