// Fuzzes the circle detector: any size, row distance and content, as a grey plane and as a colour frame.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "fuzz_input.hpp"
#include "fuzz_pixels.hpp"

namespace {

using namespace freshframe;
using fuzz::Input;
using fuzz::Pixels;
using fuzz::require;

constexpr int kMostSide = 320;  // larger pictures make the fuzzer slow and reach nothing new

void check(const std::vector<Circle>& found, const CircleDetectorOptions& options) {
  require(found.size() <= static_cast<std::size_t>(options.max_circles));
  for (const Circle& c : found) {
    require(std::isfinite(c.x) && std::isfinite(c.y));
    const auto error = [](float radius) { return std::max(0.5F, 0.03F * radius) + 1e-3F; };
    require(c.r >= options.min_radius - error(options.min_radius));
    require(c.r <= options.max_radius + error(options.max_radius));
    require(c.confidence >= options.min_confidence && c.confidence <= 1);
  }
  require(std::is_sorted(found.begin(), found.end(),
                         [](const Circle& a, const Circle& b) { return a.confidence > b.confidence; }));
}

void require_same(const std::vector<Circle>& a, const std::vector<Circle>& b) {
  require(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    require(a[i].x == b[i].x && a[i].y == b[i].y && a[i].r == b[i].r && a[i].confidence == b[i].confidence);
  }
}

CircleDetectorOptions options_of(Input& input) {
  CircleDetectorOptions options;
  options.min_radius = 2.0F + static_cast<float>(input.byte()) / 8;
  options.max_radius = options.min_radius + 1.0F + static_cast<float>(input.byte()) * 2;
  options.max_circles = 1 + input.byte();
  options.min_confidence = static_cast<float>(input.byte()) / 255;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const int kind = input.byte();
  const bool colour = kind % 4 == 3;
  const auto options = options_of(input);
  const int width = 1 + input.below(kMostSide);
  const int height = 1 + input.below(kMostSide);
  const int padding = kind % 3 == 0 ? input.byte() : 0;
  Pixels pixels(colour ? 3 * width : width, height, padding, !colour && (kind & 16) != 0);
  fuzz::draw_shapes(pixels, input);
  fuzz::fill(pixels, input.byte(), input.rest());

  CircleFinder finder(options);
  Frame frame;
  Plane luma = pixels.plane();
  if (colour) {
    Picture picture;
    picture.format = {.width = width, .height = height, .format = PixelFormat::Bgr};
    picture.planes[0] = pixels.plane();
    frame = Frame::wrap(picture, pixels.size(), [] {}, pixel_ops());
    luma = frame.luma();
  }
  const auto found = finder.find(luma);
  check(found, options);
  require_same(found, finder.find(luma));  // nothing of a picture is left over for the next
  return 0;
}
