// Fuzzes CircleTracker over pictures that change from one to the next, in size too, at any times.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"
#include "freshframe/media.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <cstdint>
#include <set>

#include "fuzz_input.hpp"
#include "fuzz_pixels.hpp"

namespace {

using namespace freshframe;
using fuzz::Input;
using fuzz::Pixels;
using fuzz::require;

constexpr int kMostPictures = 12;
constexpr int kMostSide = 200;

void check(const Circles& tracked, const CircleTrackerOptions& options) {
  require(tracked.tracked && tracked.ids.size() == tracked.circles.size());
  require(tracked.circles.size() <= static_cast<std::size_t>(options.detector.max_circles));
  std::set<std::int64_t> ids;
  for (const auto id : tracked.ids) require(id >= 1 && ids.insert(id).second);
  for (const Circle& c : tracked.circles) {
    require(std::isfinite(c.x) && std::isfinite(c.y) && std::isfinite(c.r) && c.r > 0);
    require(c.confidence >= 0 && c.confidence <= 1);
  }
}

/// Wraps the pixels, which must outlive the frame.
Frame frame_of(const Pixels& pixels) {
  Picture picture;
  picture.format = {.width = pixels.row_bytes(), .height = pixels.rows(), .format = PixelFormat::Gray};
  picture.planes[0] = pixels.plane();
  return Frame::wrap(picture, pixels.size(), [] {}, pixel_ops());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  CircleTrackerOptions options;
  options.detector = {
      .min_radius = 5, .max_radius = 80, .max_circles = 1 + input.byte() % 32, .min_confidence = 0.3F};
  options.full_every = input.byte() / 64.0;
  CircleTracker tracker(options);
  NodeCounters counters;
  const auto clock = Clock::real();
  const Context context{{}, *clock, counters};
  AnySample sample;
  int width = 1 + input.below(kMostSide);
  int height = 1 + input.below(kMostSide);
  for (int n = 0; n < kMostPictures && !input.empty(); ++n) {
    const int change = input.byte();
    if (change % 16 == 15) {
      width = 1 + input.below(kMostSide);
      height = 1 + input.below(kMostSide);
    }
    Pixels pixels(width, height, change % 3, change % 5 == 4);
    fuzz::draw_shapes(pixels, input);
    fuzz::fill(pixels, input.byte() % 32, input.rest());
    sample.frame = frame_of(pixels);
    sample.stamp.source = change % 7 == 6 ? 1 : 0;
    sample.stamp.pts += (change - 16) / 120.0;  // some steps go back
    check(tracker.process(Sample<Frame>(sample), context).value(), options);
    sample.frame = Frame();
  }
  return 0;
}
