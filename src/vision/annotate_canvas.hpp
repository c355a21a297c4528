// A BGR picture to draw on with Cairo, which itself knows only four bytes per pixel.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <cairo.h>

namespace freshframe {

struct CairoDelete {
  void operator()(cairo_t* context) const noexcept { cairo_destroy(context); }
  void operator()(cairo_surface_t* surface) const noexcept { cairo_surface_destroy(surface); }
};

/// Part of a picture in pixels; may reach beyond it.
struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
};

/// Carries only those tiles of the picture to and from Cairo's format that are drawn on. Keeps its memory
/// between pictures; one thread at a time.
class AnnotateCanvas {
 public:
  AnnotateCanvas() = default;

  /// The picture to draw on: BGR, and its planes are writable memory until finish().
  void begin(const Picture& bgr);
  [[nodiscard]] bool meets(const Box& box) const noexcept {
    return box.left < width_ && box.top < height_ && box.right > 0 && box.bottom > 0;
  }
  /// To be called before something is drawn that lies in `box`; what is drawn elsewhere is lost.
  void touch(const Box& box);
  [[nodiscard]] cairo_t* cairo() const noexcept { return context_.get(); }
  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }
  /// Writes what was drawn into the picture. Throws Error when Cairo failed.
  void finish();

 private:
  static constexpr int kTile = 16;  // pixels

  void resize(int width, int height);
  void load(int column, int row);
  void store(int column, int row);
  /// Where a pixel's four bytes are in pixels_.
  [[nodiscard]] std::uint32_t* pixel(int x, int y) noexcept {
    return pixels_.data() + static_cast<std::ptrdiff_t>(y) * width_ + x;
  }

  Plane bgr_{};
  int width_ = 0;
  int height_ = 0;
  int columns_ = 0;                   // tiles in a row
  std::vector<std::uint8_t> loaded_;  // per tile
  std::vector<std::uint32_t> pixels_;
  std::unique_ptr<cairo_surface_t, CairoDelete> surface_;  // on pixels_
  std::unique_ptr<cairo_t, CairoDelete> context_;
};

}  // namespace freshframe
