// Draws the built-in scene: a background, drawn once, and the balls in front of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <array>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "sources/demo/scene.hpp"

namespace freshframe::media {

/// Immutable after construction, hence thread-safe. Deterministic for given options and balls.
class DemoPainter {
 public:
  /// After a stop the painter is incomplete and must not be used.
  DemoPainter(const DemoOptions& options, const DemoScene& scene, const std::stop_token& stop = {});

  /// Limited-range BT.709.
  [[nodiscard]] const PictureFormat& format() const noexcept { return format_; }
  /// `balls`: farthest first. `frame` must have this painter's format.
  void paint(const std::vector<DemoBall>& balls, FrameBuilder& frame) const;

 private:
  struct Tint {
    float y = 0;   // above black
    float cb = 0;  // relative to neutral
    float cr = 0;
  };

  [[nodiscard]] static Tint tint(int id, std::uint64_t seed);
  void paint_shadow(const DemoBall& ball, FrameBuilder& frame) const;
  void paint_ball(const DemoBall& ball, const Tint& tint, FrameBuilder& frame) const;
  void paint_polygon(const DemoBall& ball, const Tint& tint, FrameBuilder& frame) const;

  PictureFormat format_;
  std::array<std::vector<std::uint8_t>, 3> background_;  // planes without padding
  std::vector<Tint> tints_;
};

}  // namespace freshframe::media
