// Detects circles in an image or in each frame of a stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/node.hpp"
#include "freshframe/region.hpp"
#include "freshframe/results.hpp"
#include "freshframe/sample.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

/// Options of CircleFinder and CircleDetector.
struct CircleDetectorOptions {
  /// In pixels. A reported radius may be outside this range by the measurement error: half a pixel, or 3 % of
  /// the radius.
  float min_radius = 6;
  float max_radius = 200;
  int max_circles = 64;         // 1 to 500; the most confident are kept
  float min_confidence = 0.5F;  // 0..1
  /// If true, reports all concentric circles, as in targets and wheels; otherwise only the best of each
  /// group.
  bool concentric = false;
  /// Searches only this part of the image. Results are still in coordinates of the whole image.
  std::optional<Region> roi = {};
  bool operator==(const CircleDetectorOptions&) const = default;
};

/// Detects circles in a grayscale image. Reuses scratch memory between calls, so use one instance per thread.
class CircleFinder {
 public:
  explicit CircleFinder(const CircleDetectorOptions& options = {});
  CircleFinder(CircleFinder&&) noexcept;
  CircleFinder& operator=(CircleFinder&&) noexcept;
  ~CircleFinder();

  /// `luma` has one byte per pixel and may be as small as 1x1. Returns the most confident circles first.
  [[nodiscard]] std::vector<Circle> find(const Plane& luma);
  /// With a `roi`, logs a WARNING when a source's frames change to a size that they have not had before,
  /// because the roi, which is in pixels, then covers a different part of the scene.
  void check_size(const Sample<Frame>& sample, const Context& context);
  /// Frees the frame sizes recorded for this source. Call it when the source has ended.
  void source_gone(int source);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Detects circles in each frame independently.
class CircleDetector final : public Node<Frame, Circles> {
 public:
  explicit CircleDetector(const CircleDetectorOptions& options = {});
  [[nodiscard]] std::string default_name() const override { return "CircleDetector"; }
  /// Detects circles in one image, without a pipeline.
  [[nodiscard]] Circles detect(const Frame& frame);
  std::optional<Circles> process(const Sample<Frame>& sample, const Context& context) override;
  void source_gone(int source) override { finder_.source_gone(source); }

 private:
  CircleFinder finder_;
};

}  // namespace freshframe
