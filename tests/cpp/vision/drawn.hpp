// Shared by the tests of Annotate: images, samples with them, and the differences of two images.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"

namespace freshframe {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Returns an image in which every pixel differs from its neighbours, so that a misplaced pixel is detected.
inline Frame picture(int width, int height) {
  FrameBuilder builder({.width = width, .height = height, .format = PixelFormat::Bgr});
  for (int y = 0; y < height; ++y) {
    for (int i = 0; i < 3 * width; ++i) {
      builder.plane(0)[y * builder.stride(0) + i] = static_cast<std::uint8_t>(90 + (7 * i + 13 * y) % 31);
    }
  }
  return std::move(builder).publish();
}

struct Moment {
  double pts = 0;
  int source = 0;
};

template <class Found>
AnySample sample(const Frame& frame, const Found& found, const Moment& moment = {}) {
  AnySample any;
  any.stamp = {.seq = 0, .pts = moment.pts, .captured = {}, .source = moment.source};
  any.frame = frame;
  any.value = ValueRef::make(found);
  return any;
}

/// Calls an Annotate node as the engine would.
class Drawing {
 public:
  explicit Drawing(const AnnotateOptions& options = {}) : annotate_(options) {}

  Frame operator()(const Frame& frame, const Circles& circles, const Moment& moment = {}) {
    return drawn(frame, circles, moment);
  }
  template <class Found>
  Frame drawn(const Frame& frame, const Found& found, const Moment& moment = {}) {
    const Context context{stop_.get_token(), clock_, counters_};
    auto output = annotate_.process_any(sample(frame, found, moment), context);
    return output ? output->frame : Frame{};
  }

 private:
  SimulatedClock clock_;
  std::stop_source stop_;
  NodeCounters counters_;
  Annotate annotate_;
};

inline const std::uint8_t* pixel(const Frame& frame, int x, int y) {
  return frame.planes()[0].row(y) + std::ptrdiff_t{3} * x;
}

inline bool same(const Frame& a, const Frame& b, int x, int y) {
  return std::memcmp(pixel(a, x, y), pixel(b, x, y), 3) == 0;
}

using Where = std::function<bool(int, int)>;

/// Returns the number of pixels that differ. Fails the test if there are any for which `allowed` returns false.
inline int differences(const Frame& a, const Frame& b, const Where& allowed) {
  EXPECT_EQ(a.width(), b.width());
  EXPECT_EQ(a.height(), b.height());
  int count = 0;
  int stray = 0;
  for (int y = 0; y < a.height(); ++y) {
    for (int x = 0; x < a.width(); ++x) {
      if (same(a, b, x, y)) continue;
      ++count;
      if (!allowed(x, y)) ++stray;
    }
  }
  EXPECT_EQ(stray, 0) << "pixels changed where nothing is to be drawn";
  return count;
}

inline int differences(const Frame& a, const Frame& b) {
  return differences(a, b, [](int, int) { return true; });
}

inline Where near_rim(const Circle& circle, double margin) {
  return [=](int x, int y) {
    const double away = std::hypot(x - double{circle.x}, y - double{circle.y});
    return std::abs(away - double{circle.r}) <= margin;
  };
}

inline Circles one(const Circle& circle) {
  return {{circle}, {}};
}
inline Circles one(const Circle& circle, std::int64_t id) {
  return {{circle}, {id}};
}

}  // namespace freshframe
