// Shared by the tests of paced sources: the context of a source, and pixels to compare.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/node.hpp"
#include "freshframe/stats.hpp"

#include <cstdint>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "sources/demo/demo_url.hpp"
#include "sources/demo/paint.hpp"
#include "sources/demo/scene.hpp"

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

/// A source's context, with a clock that the test controls.
struct Rig {
  SimulatedClock clock;
  std::stop_source stop;
  NodeCounters counters;
  Context context{stop.get_token(), clock, counters};
  TimePoint start = clock.now();

  [[nodiscard]] std::uint64_t missed() const { return counters.drops(NodeDropCause::Device); }
  [[nodiscard]] double since_start(TimePoint time) const { return Seconds(time - start).count(); }
};

inline std::vector<std::uint8_t> pixels_of(const Frame& frame) {
  std::vector<std::uint8_t> pixels;
  for (const Plane& plane : frame.planes()) {
    for (int y = 0; y < plane.rows; ++y)
      pixels.insert(pixels.end(), plane.row(y), plane.row(y) + plane.row_bytes);
  }
  return pixels;
}

inline Frame render_demo(const std::string& url, std::int64_t seq) {
  const DemoOptions options = parse_demo_url(url);
  const DemoScene scene(options);
  const DemoPainter painter(options, scene);
  FrameBuilder builder(painter.format());
  painter.paint(scene.balls(seq), builder);
  return std::move(builder).publish();
}

}  // namespace freshframe::test
