// Grey pictures with anti-aliased discs and noise, drawn for the tests of the circle detector.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace freshframe::test {

/// A grey image. The stride may exceed the width.
class Canvas {
 public:
  Canvas(int width, int height, int background, int padding = 0)
      : width_(width),
        height_(height),
        stride_(width + padding),
        pixels_(static_cast<std::size_t>(stride_) * static_cast<std::size_t>(height),
                static_cast<std::uint8_t>(background)) {}

  [[nodiscard]] Plane plane() const { return {pixels_.data(), height_, width_, stride_}; }
  [[nodiscard]] std::uint8_t& at(int x, int y) {
    return pixels_[static_cast<std::size_t>(y) * static_cast<std::size_t>(stride_) +
                   static_cast<std::size_t>(x)];
  }

  /// Draws an antialiased disc, whose edge is one pixel wide.
  void disc(double cx, double cy, double r, int value) {
    const auto before = [&](double centre) { return static_cast<int>(std::floor(centre - r)) - 1; };
    const auto after = [&](double centre) { return static_cast<int>(std::ceil(centre + r)) + 2; };
    for (int y = std::max(0, before(cy)); y < std::min(height_, after(cy)); ++y) {
      for (int x = std::max(0, before(cx)); x < std::min(width_, after(cx)); ++x) {
        const double cover = std::clamp(r - std::hypot(x - cx, y - cy) + 0.5, 0.0, 1.0);
        at(x, y) = static_cast<std::uint8_t>(std::lround(at(x, y) * (1 - cover) + value * cover));
      }
    }
  }
  void rectangle(int x0, int y0, int x1, int y1, int value) {
    for (int y = std::max(0, y0); y < std::min(height_, y1); ++y) {
      for (int x = std::max(0, x0); x < std::min(width_, x1); ++x)
        at(x, y) = static_cast<std::uint8_t>(value);
    }
  }
  /// Adds Gaussian noise. `sigma`: standard deviation in levels, 0 or more.
  void noise(double sigma, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    for (auto& p : pixels_)
      p = static_cast<std::uint8_t>(std::clamp(std::lround(p + sigma * normal(random)), 0L, 255L));
  }
  /// Sets every byte to a random value.
  void chaos(unsigned seed) {
    std::mt19937 random(seed);
    for (auto& p : pixels_) p = static_cast<std::uint8_t>(random());
  }

 private:
  int width_;
  int height_;
  std::ptrdiff_t stride_;
  std::vector<std::uint8_t> pixels_;
};

/// A motion-blurred disc on background 80. It moves `streak` pixels to the right during the exposure, and is at
/// (cx, cy) half way.
inline Canvas moving_disc(int width, int height, double cx, double cy, double r, int value, double streak) {
  constexpr int kSteps = 24;
  std::vector<int> sums(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  Canvas result(width, height, 80);
  for (int k = 0; k < kSteps; ++k) {
    Canvas now(width, height, 80);
    now.disc(cx + streak * ((k + 0.5) / kSteps - 0.5), cy, r, value);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += now.plane().data[i];
  }
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto i =
          static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
      result.at(x, y) = static_cast<std::uint8_t>(sums[i] / kSteps);
    }
  }
  return result;
}

/// Returns the circle nearest to a point, or a circle of radius 0 if there are none.
inline Circle nearest(const std::vector<Circle>& circles, double x, double y) {
  Circle best;
  double distance = 1e9;
  for (const Circle& c : circles) {
    const double d = std::hypot(double{c.x} - x, double{c.y} - y);
    if (d < distance) {
      distance = d;
      best = c;
    }
  }
  return best;
}

}  // namespace freshframe::test
