// Fuzzes the circle detector: any size, row distance and content, as a grey plane and as a colour frame.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "fuzz_input.hpp"

namespace {

using namespace freshframe;
using fuzz::Input;
using fuzz::require;

constexpr int kMostSide = 320;  // larger pictures make the fuzzer slow and reach nothing new

/// Pixels in memory of exactly their size, so that AddressSanitizer sees a single byte read too far; rows may
/// lie upside down.
class Pixels {
 public:
  Pixels(int row_bytes, int rows, int padding, bool upside_down)
      : row_bytes_(row_bytes), rows_(rows), pitch_(row_bytes + padding), upside_down_(upside_down) {
    size_ = static_cast<std::size_t>(pitch_) * static_cast<std::size_t>(rows - 1) +
            static_cast<std::size_t>(row_bytes);
    memory_ = std::make_unique<std::uint8_t[]>(size_);
  }

  [[nodiscard]] Plane plane() const {
    const std::ptrdiff_t last = std::ptrdiff_t{pitch_} * (rows_ - 1);
    if (upside_down_) return {memory_.get() + last, rows_, row_bytes_, -std::ptrdiff_t{pitch_}};
    return {memory_.get(), rows_, row_bytes_, pitch_};
  }
  [[nodiscard]] std::uint8_t* row(int y) { return memory_.get() + std::ptrdiff_t{y} * pitch_; }
  [[nodiscard]] int row_bytes() const { return row_bytes_; }
  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  int row_bytes_;
  int rows_;
  int pitch_;
  bool upside_down_;
  std::size_t size_ = 0;
  std::unique_ptr<std::uint8_t[]> memory_;
};

/// Shapes first, then what is left of the input over all of it: random bytes alone would never be a circle.
void paint(Pixels& pixels, Input& input) {
  const int shapes = input.byte() % 24;
  for (int n = 0; n < shapes; ++n) {
    const int kind = input.byte();
    const int cx = input.below(pixels.row_bytes());
    const int cy = input.below(pixels.rows());
    const int size = 1 + input.byte();
    const std::uint8_t grey = input.byte();
    for (int y = std::max(0, cy - size); y < std::min(pixels.rows(), cy + size + 1); ++y) {
      for (int x = std::max(0, cx - size); x < std::min(pixels.row_bytes(), cx + size + 1); ++x) {
        const int d2 = (x - cx) * (x - cx) + (y - cy) * (y - cy);
        const bool disc = d2 <= size * size;
        const bool ring = disc && d2 >= (size - 2) * (size - 2);
        const bool check = ((x / 4) ^ (y / 4)) % 2 != 0;
        const bool inside[] = {disc, ring, true, disc && check};
        if (inside[kind % 4]) pixels.row(y)[x] = grey;
      }
    }
  }
  const int noise = input.byte();
  const auto rest = input.rest();
  if (rest.empty()) return;
  std::size_t i = 0;
  for (int y = 0; y < pixels.rows(); ++y) {
    for (int x = 0; x < pixels.row_bytes(); ++x, ++i) {
      auto& p = pixels.row(y)[x];
      const int more = rest[i % rest.size()] % (noise + 1);
      p = static_cast<std::uint8_t>(p + more);
    }
  }
}

void check(const std::vector<Circle>& found, const CircleDetectorOptions& options) {
  require(found.size() <= static_cast<std::size_t>(options.max_circles));
  for (const Circle& c : found) {
    require(std::isfinite(c.x) && std::isfinite(c.y));
    require(c.r >= options.min_radius && c.r <= options.max_radius);
    require(c.score >= options.min_score && c.score <= 1);
  }
  require(std::is_sorted(found.begin(), found.end(),
                         [](const Circle& a, const Circle& b) { return a.score > b.score; }));
}

void require_same(const std::vector<Circle>& a, const std::vector<Circle>& b) {
  require(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    require(a[i].x == b[i].x && a[i].y == b[i].y && a[i].r == b[i].r && a[i].score == b[i].score);
  }
}

CircleDetectorOptions options_of(Input& input) {
  CircleDetectorOptions options;
  options.min_radius = 2.0F + static_cast<float>(input.byte()) / 8;
  options.max_radius = options.min_radius + 1.0F + static_cast<float>(input.byte()) * 2;
  options.max_circles = 1 + input.byte();
  options.min_score = static_cast<float>(input.byte()) / 255;
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
  paint(pixels, input);

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
