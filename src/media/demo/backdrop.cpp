// Makes the wall (soft clouds of light) and the chequered floor of the built-in scene, pixel by pixel, once.
// SPDX-License-Identifier: Apache-2.0
#include "media/demo/backdrop.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

namespace freshframe::media {
namespace {

DemoColor mix(const DemoColor& a, const DemoColor& b, float share) {
  return {a.r + (b.r - a.r) * share, a.g + (b.g - a.g) * share, a.b + (b.b - a.b) * share};
}

DemoColor scaled(const DemoColor& color, float by) {
  return {color.r * by, color.g * by, color.b * by};
}

/// Random value in 0..1 of a lattice point (finaliser of MurmurHash3).
float lattice(int x, int y, std::uint32_t salt) {
  std::uint32_t h =
      static_cast<std::uint32_t>(x) * 0x8DA6B343U + static_cast<std::uint32_t>(y) * 0xD8163841U + salt;
  h = (h ^ (h >> 16U)) * 0x85EBCA6BU;
  h = (h ^ (h >> 13U)) * 0xC2B2AE35U;
  h ^= h >> 16U;
  return static_cast<float>(h >> 8U) * 0x1.0p-24F;
}

float smooth(float t) {
  return t * t * (3 - 2 * t);
}

/// Value noise: random values at lattice points, smoothly joined; 0..1.
float noise(float x, float y, std::uint32_t salt) {
  const float fx = std::floor(x);
  const float fy = std::floor(y);
  const int ix = static_cast<int>(fx);
  const int iy = static_cast<int>(fy);
  const float u = smooth(x - fx);
  const float v = smooth(y - fy);
  const float top = std::lerp(lattice(ix, iy, salt), lattice(ix + 1, iy, salt), u);
  const float bottom = std::lerp(lattice(ix, iy + 1, salt), lattice(ix + 1, iy + 1, salt), u);
  return std::lerp(top, bottom, v);
}

/// One square wave whose flanks are as wide as one pixel, so that it does not alias.
float square_wave(float phase, float phase_per_pixel) {
  const float steep = 0.5F / std::max(phase_per_pixel, 1e-4F);
  return std::clamp(std::sin(std::numbers::pi_v<float> * phase) * steep, -1.0F, 1.0F);
}

struct Backdrop {
  float width;
  float height;
  float horizon;
  std::uint32_t salt;

  [[nodiscard]] DemoColor wall(float x, float y) const {
    constexpr DemoColor kTop{0.09F, 0.12F, 0.30F};
    constexpr DemoColor kBottom{0.17F, 0.33F, 0.42F};
    constexpr DemoColor kGlow{0.38F, 0.24F, 0.46F};
    const float u = x / height;
    const float v = y / height;
    const float clouds = 0.6F * noise(3 * u, 4 * v, salt) + 0.3F * noise(8 * u, 10 * v, salt + 1) +
                         0.1F * noise(30 * u, 30 * v, salt + 2);
    const float glow = std::clamp(1.6F * (clouds - 0.38F), 0.0F, 1.0F);
    return mix(mix(kTop, kBottom, std::clamp(y / horizon, 0.0F, 1.0F)), kGlow, 0.75F * glow);
  }

  [[nodiscard]] DemoColor floor(float x, float y) const {
    constexpr DemoColor kDark{0.11F, 0.17F, 0.25F};
    constexpr DemoColor kLight{0.24F, 0.34F, 0.41F};
    const float near = (y - horizon) / (height - horizon);
    const float depth = 1 / (near + 0.12F);  // distance from the eye; the floor is a plane in perspective
    const float per_pixel = depth * 1.9F / height;
    const float across = square_wave((x - 0.5F * width) * per_pixel, per_pixel);
    const float along = square_wave(1.15F * depth, 1.15F * depth * depth / (height - horizon));
    const float worn = noise(x * per_pixel * 6, depth * 9, salt + 3);
    const float tile = 0.5F + 0.42F * across * along * std::min(1.0F, 4 * near);
    return scaled(mix(kDark, kLight, tile), 0.75F + 0.2F * worn + 0.2F * near);
  }

  [[nodiscard]] DemoColor at(int column, int row) const {
    const float x = static_cast<float>(column);
    const float y = static_cast<float>(row);
    const float on_floor = std::clamp(y - horizon + 0.5F, 0.0F, 1.0F);
    DemoColor color = mix(wall(x, y), floor(x, std::max(y, horizon)), on_floor);
    // Darker towards the corners, and in the crease between wall and floor.
    const float u = 2 * x / width - 1;
    const float v = 2 * y / height - 1;
    const float crease = std::max(0.0F, 1 - std::abs(y - horizon) / (0.06F * height));
    const float grain = 0.035F * (lattice(column, row, salt + 4) - 0.5F);
    color = scaled(color, (1 - 0.16F * (u * u + v * v)) * (1 - 0.25F * crease * crease));
    return {color.r + grain, color.g + grain, color.b + grain};
  }
};

std::uint8_t to_byte(float value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

}  // namespace

DemoYuv to_yuv(const DemoColor& color) {
  const float luma = 0.2126F * color.r + 0.7152F * color.g + 0.0722F * color.b;  // ITU-R BT.709, 3.2
  return {219 * luma, 224 * (color.b - luma) / 1.8556F, 224 * (color.r - luma) / 1.5748F};
}

std::array<std::vector<std::uint8_t>, 3> paint_backdrop(const PictureFormat& format, double horizon,
                                                        std::uint64_t seed, const std::stop_token& stop) {
  const auto width = static_cast<std::size_t>(format.width);
  const auto height = static_cast<std::size_t>(format.height);
  const Backdrop backdrop{static_cast<float>(width), static_cast<float>(height), static_cast<float>(horizon),
                          static_cast<std::uint32_t>(seed * 0x9E3779B1U)};
  std::array<std::vector<std::uint8_t>, 3> planes;
  planes[0].resize(width * height);
  planes[1].resize(width * height / 4);
  planes[2].resize(width * height / 4);
  std::vector<float> cb(width / 2);
  std::vector<float> cr(width / 2);
  for (std::size_t y = 0; y < height && !stop.stop_requested(); ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const DemoYuv yuv = to_yuv(backdrop.at(static_cast<int>(x), static_cast<int>(y)));
      planes[0][y * width + x] = to_byte(16 + yuv.y);
      cb[x / 2] += yuv.cb / 4;
      cr[x / 2] += yuv.cr / 4;
    }
    if (y % 2 == 0) continue;
    for (std::size_t x = 0; x < width / 2; ++x) {
      planes[1][y / 2 * (width / 2) + x] = to_byte(128 + std::exchange(cb[x], 0.0F));
      planes[2][y / 2 * (width / 2) + x] = to_byte(128 + std::exchange(cr[x], 0.0F));
    }
  }
  return planes;
}

}  // namespace freshframe::media
