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

/// Value noise along a row: random values at lattice points, smoothly joined; 0..1. Neighbouring pixels share
/// lattice points, which are computed once.
class NoiseRow {
 public:
  NoiseRow(float y, std::uint32_t salt)
      : row_(static_cast<int>(std::floor(y))), v_(smooth(y - std::floor(y))), salt_(salt) {}

  [[nodiscard]] float at(float x) {
    const float fx = std::floor(x);
    if (const int column = static_cast<int>(fx); !known_ || column != column_) move_to(column);
    const float u = smooth(x - fx);
    return std::lerp(std::lerp(top_[0], top_[1], u), std::lerp(bottom_[0], bottom_[1], u), v_);
  }

 private:
  void move_to(int column) {
    column_ = column;
    known_ = true;
    top_ = {lattice(column, row_, salt_), lattice(column + 1, row_, salt_)};
    bottom_ = {lattice(column, row_ + 1, salt_), lattice(column + 1, row_ + 1, salt_)};
  }

  int row_;
  float v_;
  std::uint32_t salt_;
  int column_ = 0;
  bool known_ = false;
  std::array<float, 2> top_{};
  std::array<float, 2> bottom_{};
};

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
};

class WallRow {
 public:
  WallRow(const Backdrop& scene, float y)
      : height_(scene.height),
        base_(mix(kTop, kBottom, std::clamp(y / scene.horizon, 0.0F, 1.0F))),
        large_(4 * (y / height_), scene.salt),
        middle_(10 * (y / height_), scene.salt + 1),
        small_(30 * (y / height_), scene.salt + 2) {}

  [[nodiscard]] DemoColor at(float x) {
    const float u = x / height_;
    const float clouds = 0.6F * large_.at(3 * u) + 0.3F * middle_.at(8 * u) + 0.1F * small_.at(30 * u);
    const float glow = std::clamp(1.6F * (clouds - 0.38F), 0.0F, 1.0F);
    return mix(base_, kGlow, 0.75F * glow);
  }

 private:
  static constexpr DemoColor kTop{0.09F, 0.12F, 0.30F};
  static constexpr DemoColor kBottom{0.17F, 0.33F, 0.42F};
  static constexpr DemoColor kGlow{0.38F, 0.24F, 0.46F};

  float height_;
  DemoColor base_;
  NoiseRow large_;
  NoiseRow middle_;
  NoiseRow small_;
};

class FloorRow {
 public:
  /// `y`: at the horizon or below.
  FloorRow(const Backdrop& scene, float y)
      : centre_(0.5F * scene.width),
        near_((y - scene.horizon) / (scene.height - scene.horizon)),
        depth_(1 / (near_ + 0.12F)),
        per_pixel_(depth_ * 1.9F / scene.height),
        along_(square_wave(1.15F * depth_, 1.15F * depth_ * depth_ / (scene.height - scene.horizon))),
        worn_(depth_ * 9, scene.salt + 3) {}

  [[nodiscard]] DemoColor at(float x) {
    const float across = square_wave((x - centre_) * per_pixel_, per_pixel_);
    const float worn = worn_.at(x * per_pixel_ * 6);
    const float tile = 0.5F + 0.42F * across * along_ * std::min(1.0F, 4 * near_);
    return scaled(mix(kDark, kLight, tile), 0.75F + 0.2F * worn + 0.2F * near_);
  }

 private:
  static constexpr DemoColor kDark{0.11F, 0.17F, 0.25F};
  static constexpr DemoColor kLight{0.24F, 0.34F, 0.41F};

  float centre_;
  float near_;
  float depth_;  // distance from the eye; the floor is a plane in perspective
  float per_pixel_;
  float along_;
  NoiseRow worn_;
};

class BackdropRow {
 public:
  BackdropRow(const Backdrop& scene, int row)
      : scene_(scene),
        row_(row),
        on_floor_(std::clamp(static_cast<float>(row) - scene.horizon + 0.5F, 0.0F, 1.0F)),
        wall_(scene, static_cast<float>(row)),
        floor_(scene, std::max(static_cast<float>(row), scene.horizon)) {
    const float y = static_cast<float>(row);
    const float crease = std::max(0.0F, 1 - std::abs(y - scene.horizon) / (0.06F * scene.height));
    darker_ = 1 - 0.25F * crease * crease;
    const float v = 2 * y / scene.height - 1;
    v_squared_ = v * v;
  }

  [[nodiscard]] DemoColor at(int column) {
    const float x = static_cast<float>(column);
    DemoColor color = wall_or_floor(x);
    // Darker towards the corners, and in the crease between wall and floor.
    const float u = 2 * x / scene_.width - 1;
    const float grain = 0.035F * (lattice(column, row_, scene_.salt + 4) - 0.5F);
    color = scaled(color, (1 - 0.16F * (u * u + v_squared_)) * darker_);
    return {color.r + grain, color.g + grain, color.b + grain};
  }

 private:
  [[nodiscard]] DemoColor wall_or_floor(float x) {
    if (on_floor_ <= 0) return wall_.at(x);
    if (on_floor_ >= 1) return floor_.at(x);
    return mix(wall_.at(x), floor_.at(x), on_floor_);
  }

  Backdrop scene_;
  int row_;
  float on_floor_;
  WallRow wall_;
  FloorRow floor_;
  float darker_ = 1;
  float v_squared_ = 0;
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
    BackdropRow row(backdrop, static_cast<int>(y));
    for (std::size_t x = 0; x < width; ++x) {
      const DemoYuv yuv = to_yuv(row.at(static_cast<int>(x)));
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
