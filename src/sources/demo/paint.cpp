// Draws shaded, anti-aliased balls and their shadows directly into the planes of a YUV image.
// SPDX-License-Identifier: Apache-2.0
#include "sources/demo/paint.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numbers>
#include <utility>

namespace freshframe::media {

namespace {

// Draws the background of the built-in scene once: a wall with soft clouds of light, and a chequered floor.

/// R'G'B' colour, each component in 0..1.
struct DemoColor {
  float r = 0;
  float g = 0;
  float b = 0;
};

/// Limited-range BT.709: luma above black (0..219), chroma relative to neutral (-112..112).
struct DemoYuv {
  float y = 0;
  float cb = 0;
  float cr = 0;
};

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

/// Value noise along a row, in 0..1: random values at lattice points, smoothly interpolated. Computes each
/// lattice point once, although neighbouring pixels share it.
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

/// A square wave whose edges are one pixel wide, to avoid aliasing.
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
  /// `y` must not be above the horizon.
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
    // Vignette, and a shadow in the crease between wall and floor.
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

[[nodiscard]] DemoYuv to_yuv(const DemoColor& color) {
  const float luma = 0.2126F * color.r + 0.7152F * color.g + 0.0722F * color.b;  // ITU-R BT.709, 3.2
  return {219 * luma, 224 * (color.b - luma) / 1.8556F, 224 * (color.r - luma) / 1.5748F};
}

/// Returns the planes of an I420 image without padding, darker everywhere than any ball. Incomplete after a
/// stop.
[[nodiscard]] std::array<std::vector<std::uint8_t>, 3> paint_backdrop(const PictureFormat& format,
                                                                      double horizon, std::uint64_t seed,
                                                                      const std::stop_token& stop) {
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

// Ball and shadow are functions of u and v, the position relative to the centre in radii, and of t = u * u +
// v * v. They are polynomials, without roots or branches, so that the compiler can vectorise the loop over a
// row.

/// A plane to draw into.
struct Canvas {
  std::uint8_t* data;
  std::ptrdiff_t stride;
  int width;
  int height;
};

/// An ellipse in the plane's pixels, drawn out to `reach` radii.
struct Oval {
  float x;
  float y;
  float rx;
  float ry;
  float reach;
};

Canvas canvas(FrameBuilder& frame, int plane) {
  const Plane shape = frame.picture().format.plane_shape(plane);
  return {frame.plane(plane), frame.stride(plane), shape.row_bytes, shape.rows};
}

/// Returns the first pixel at or after `place`, clamped to 0..size.
int clipped(float place, int size) {
  return static_cast<int>(std::clamp(std::ceil(place), 0.0F, static_cast<float>(size)));
}

/// Replaces every pixel of the oval by shade(u, v, pixel).
template <class Shade>
void draw(const Canvas& canvas, const Oval& oval, const Shade& shade) {
  const float ru = 1 / oval.rx;
  const float rv = 1 / oval.ry;
  const int bottom = clipped(oval.y + oval.reach * oval.ry, canvas.height);
  for (int row = clipped(oval.y - oval.reach * oval.ry, canvas.height); row < bottom; ++row) {
    const float v = (static_cast<float>(row) - oval.y) * rv;
    const float half = oval.rx * std::sqrt(std::max(0.0F, oval.reach * oval.reach - v * v));
    const int end = clipped(oval.x + half, canvas.width);
    std::uint8_t* const pixels = canvas.data + row * canvas.stride;
    for (int x = clipped(oval.x - half, canvas.width); x < end; ++x) {
      const float u = (static_cast<float>(x) - oval.x) * ru;
      const float rounded = 0.5F + shade(u, v, static_cast<float>(pixels[x]));
      pixels[x] = static_cast<std::uint8_t>(static_cast<int>(rounded));
    }
  }
}

float limited(float value, float low, float high) {
  const float least = value < low ? low : value;
  return least > high ? high : least;
}

/// Share of a pixel that a disc with radius `r` (pixels) covers. The distance to its edge is about (1 - t) *
/// r / 2.
float coverage(float t, float r) {
  return limited(0.5F + 0.5F * (1 - t) * r, 0, 1);
}

/// Light from the upper left; at least 0.62, so that the whole outline is visible.
float light(float u, float v, float t) {
  return 0.9F - 0.12F * u - 0.16F * v - 0.08F * t;
}

float highlight(float u, float v) {
  const float du = u + 0.36F;
  const float dv = v + 0.46F;
  const float spot = limited(1 - 9 * (du * du + dv * dv), 0, 1);
  return spot * spot;
}

/// A regular polygon inside the unit circle.
struct Polygon {
  std::array<float, 4> x{};  // normals of the sides; a triangle repeats one
  std::array<float, 4> y{};
  float inner = 0;  // radius of the inscribed circle

  explicit Polygon(const DemoBall& ball) {
    const double step = 2 * std::numbers::pi / ball.corners;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double normal = ball.angle + step * (static_cast<double>(i) + 0.5);
      x[i] = static_cast<float>(std::cos(normal));
      y[i] = static_cast<float>(std::sin(normal));
    }
    inner = static_cast<float>(std::cos(step / 2));
  }

  /// Share of a pixel that the polygon covers if drawn with a radius of `r` pixels.
  [[nodiscard]] float coverage(float u, float v, float r) const {
    float beyond = u * x[0] + v * y[0];
    for (std::size_t i = 1; i < x.size(); ++i) {
      const float next = u * x[i] + v * y[i];
      beyond = next > beyond ? next : beyond;
    }
    return limited(0.5F + r * (inner - beyond), 0, 1);
  }
};

constexpr float kHalo = 1.45F;  // the t at which the dark halo around a ball ends

}  // namespace

DemoPainter::DemoPainter(const DemoOptions& options, const DemoScene& scene, const std::stop_token& stop)
    : format_{.width = options.width,
              .height = options.height,
              .format = PixelFormat::I420,
              .range = ColorRange::Limited,
              .space = ColorSpace::Bt709},
      background_(paint_backdrop(format_, scene.horizon(), options.seed, stop)) {
  for (int i = 0; i < options.balls; ++i) tints_.push_back(tint(i, options.seed));
}

DemoPainter::Tint DemoPainter::tint(int id, std::uint64_t seed) {
  // Golden-ratio steps keep the hues of consecutive ids apart, however many there are.
  const double steps = 0.045 + 0.61803398875 * (id + static_cast<double>((seed - 1) % 1000));
  const auto hue = static_cast<float>(6 * (steps - std::floor(steps)));
  const auto part = [](float value) { return 0.2F + 0.8F * limited(value, 0, 1); };
  const DemoYuv pure = to_yuv(
      {.r = part(std::abs(hue - 3) - 1), .g = part(2 - std::abs(hue - 2)), .b = part(2 - std::abs(hue - 4))});
  // Mixes in white or black, so that all balls have about the same luma.
  const float wanted = 150 + 14 * static_cast<float>(id % 3);
  if (pure.y >= wanted) return {wanted, pure.cb * wanted / pure.y, pure.cr * wanted / pure.y};
  const float white = (wanted - pure.y) / (219 - pure.y);
  return {wanted, pure.cb * (1 - white), pure.cr * (1 - white)};
}

void DemoPainter::paint(const std::vector<DemoBall>& balls, FrameBuilder& frame) const {
  for (int i = 0; i < format_.plane_count(); ++i) {
    const Plane shape = format_.plane_shape(i);
    const auto row_bytes = static_cast<std::size_t>(shape.row_bytes);
    const std::uint8_t* from = background_[static_cast<std::size_t>(i)].data();
    for (int y = 0; y < shape.rows; ++y, from += row_bytes) {
      std::memcpy(frame.plane(i) + y * frame.stride(i), from, row_bytes);
    }
  }
  for (const DemoBall& ball : balls) paint_shadow(ball, frame);
  for (const DemoBall& ball : balls) {
    const auto& tint = tints_[static_cast<std::size_t>(ball.id)];
    ball.corners == 0 ? paint_ball(ball, tint, frame) : paint_polygon(ball, tint, frame);
  }
}

void DemoPainter::paint_shadow(const DemoBall& ball, FrameBuilder& frame) const {
  const auto lift = static_cast<float>(ball.lift);
  const auto r = static_cast<float>(ball.r) * (1.05F + 0.7F * lift);
  const float dark = 0.5F * (1 - 0.8F * lift);
  const Oval oval{static_cast<float>(ball.x), static_cast<float>(ball.ground), r, 0.24F * r, 1};
  draw(canvas(frame, 0), oval, [dark](float u, float v, float pixel) {
    const float depth = limited(1.3F * (1 - u * u - v * v), 0, 1);
    return 16 + (pixel - 16) * (1 - dark * depth * depth);
  });
}

void DemoPainter::paint_ball(const DemoBall& ball, const Tint& tint, FrameBuilder& frame) const {
  const auto r = static_cast<float>(ball.r);
  const auto x = static_cast<float>(ball.x);
  const auto y = static_cast<float>(ball.y);
  // A ball of one pixel or less still needs a whole pixel to fade out.
  const float reach = std::max(std::sqrt(kHalo), 1 + 1 / r);
  const float bright = tint.y;
  draw(canvas(frame, 0), {x, y, r, r, reach}, [=](float u, float v, float pixel) {
    const float t = u * u + v * v;
    const float halo = limited((kHalo - t) * (1 / (kHalo - 1)), 0, 1);
    const float behind = 16 + (pixel - 16) * (1 - 0.35F * halo * halo);
    const float matt = 16 + bright * light(u, v, t);
    const float front = matt + 0.8F * highlight(u, v) * (235 - matt);
    return behind + coverage(t, r) * (front - behind);
  });
  // Chroma samples lie between the luma samples of a 2x2 block.
  const Oval half{0.5F * x - 0.25F, 0.5F * y - 0.25F, 0.5F * r, 0.5F * r, 1 + 2 / r};
  for (int plane = 1; plane <= 2; ++plane) {
    const float color = plane == 1 ? tint.cb : tint.cr;
    draw(canvas(frame, plane), half, [=](float u, float v, float pixel) {
      const float t = u * u + v * v;
      const float front = 128 + color * light(u, v, t) * (1 - 0.6F * highlight(u, v));
      return pixel + coverage(t, 0.5F * r) * (front - pixel);
    });
  }
}

void DemoPainter::paint_polygon(const DemoBall& ball, const Tint& tint, FrameBuilder& frame) const {
  const auto r = static_cast<float>(ball.r);
  const auto x = static_cast<float>(ball.x);
  const auto y = static_cast<float>(ball.y);
  const Polygon polygon(ball);
  const float bright = tint.y;
  draw(canvas(frame, 0), {x, y, r, r, 1 + 1 / r}, [=](float u, float v, float pixel) {
    const float front = 16 + bright * light(u, v, u * u + v * v);
    return pixel + polygon.coverage(u, v, r) * (front - pixel);
  });
  const Oval half{0.5F * x - 0.25F, 0.5F * y - 0.25F, 0.5F * r, 0.5F * r, 1 + 2 / r};
  for (int plane = 1; plane <= 2; ++plane) {
    const float color = plane == 1 ? tint.cb : tint.cr;
    draw(canvas(frame, plane), half, [=](float u, float v, float pixel) {
      const float front = 128 + color * light(u, v, u * u + v * v);
      return pixel + polygon.coverage(u, v, 0.5F * r) * (front - pixel);
    });
  }
}

}  // namespace freshframe::media
