// Finds the circles of a picture, and of each frame.
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
  /// Pixels. A reported radius may exceed this range by the measuring error: half a pixel, or 3 % of the
  /// radius.
  float min_radius = 6;
  float max_radius = 200;
  int max_circles = 64;         // 1 to 500; the best are kept
  float min_confidence = 0.5F;  // 0..1
  /// Reports all circles around one centre, as in targets and wheels; at false only the best of them.
  bool concentric = false;
  /// Only this part of a picture is searched. The circles are in the coordinates of the whole picture.
  std::optional<Region> roi = {};
  bool operator==(const CircleDetectorOptions&) const = default;
};

/// Finds circles in a grey picture. Keeps scratch memory between calls; one thread at a time.
class CircleFinder {
 public:
  explicit CircleFinder(const CircleDetectorOptions& options = {});
  CircleFinder(CircleFinder&&) noexcept;
  CircleFinder& operator=(CircleFinder&&) noexcept;
  ~CircleFinder();

  /// `luma`: one byte per pixel, any size from 1x1. Most confident first.
  [[nodiscard]] std::vector<Circle> find(const Plane& luma);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Finds the circles of each frame, independently of other frames.
class CircleDetector final : public Node<Frame, Circles> {
 public:
  explicit CircleDetector(const CircleDetectorOptions& options = {});
  [[nodiscard]] std::string default_name() const override { return "CircleDetector"; }
  /// The circles of one picture, for programs without a pipeline.
  [[nodiscard]] Circles detect(const Frame& frame);
  std::optional<Circles> process(const Sample<Frame>& sample, const Context& context) override;

 private:
  CircleFinder finder_;
};

}  // namespace freshframe
