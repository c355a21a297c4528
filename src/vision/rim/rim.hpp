// Searches along rays from a circle's centre for the edge nearest to its rim.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <array>
#include <cstdint>
#include <span>

#include "vision/picture/gradient_field.hpp"
#include "vision/rim/ray_search.hpp"

namespace freshframe::vision {

/// The result of one ray. `outwards` is the change of brightness from inside to outside.
struct Ray {
  enum class Edge : std::uint8_t { None, Darker, Brighter };

  float ux = 0;  // direction
  float uy = 0;
  float offset = 0;  // distance of the edge from the rim, pixels, outwards positive
  int pixel = 0;     // the position of the edge, if there is one
  Edge edge = Edge::None;
};

/// The rays of one circle. Allocates nothing. Not thread-safe.
class Rim {
 public:
  static constexpr int kMinRays = 32;
  static constexpr int kMaxRays = RayBatch::kMaxRays;

  Rim();

  /// Returns the number of rays for a radius, which is even.
  [[nodiscard]] static int rays_for(float radius) noexcept;

  struct Search {
    float window = 2;   // pixels searched inwards and outwards
    int step = 1;       // 2 uses every other ray
    bool exact = true;  // if false, offsets are rounded to whole pixels, which is faster
  };
  /// Casts `rays` rays (from rays_for()).
  void cast(const GradientField& field, const Circle& circle, int rays, const Search& search);

  [[nodiscard]] std::span<const Ray> rays() const noexcept { return std::span(rays_).first(size_); }
  /// Number of rays whose point on the rim is inside the image, and of rays that found an edge of each
  /// polarity.
  [[nodiscard]] int inside() const noexcept { return inside_; }
  [[nodiscard]] int darker() const noexcept { return darker_; }
  [[nodiscard]] int brighter() const noexcept { return brighter_; }
  /// The more frequent polarity.
  [[nodiscard]] Ray::Edge majority() const noexcept {
    return brighter_ >= darker_ ? Ray::Edge::Brighter : Ray::Edge::Darker;
  }

 private:
  void aim(const GradientField& field, const Circle& circle, int step);

  struct Direction {
    float x = 0;
    float y = 0;
    std::int32_t fixed_x = 0;  // in units of RayBatch
    std::int32_t fixed_y = 0;
  };
  std::array<std::array<Direction, kMaxRays>, kMaxRays / 2 + 1> directions_{};  // [rays / 2]
  std::array<Ray, kMaxRays> rays_{};
  RayBatch batch_;
  std::array<std::size_t, kMaxRays> ray_of_lane_{};
  std::size_t size_ = 0;
  int inside_ = 0;
  int darker_ = 0;
  int brighter_ = 0;
};

}  // namespace freshframe::vision
