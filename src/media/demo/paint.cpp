// Draws shaded, anti-aliased balls and their shadows straight into the planes of a YUV picture.
// SPDX-License-Identifier: Apache-2.0
#include "media/demo/paint.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "media/demo/backdrop.hpp"

namespace freshframe::media {
namespace {

// Ball and shadow are functions of u and v, the place in radii from the centre, and of t = u * u + v * v.
// They are polynomials, without roots or branches, so that the compiler can vectorise the loop over a row.

/// One plane to draw into.
struct Canvas {
  std::uint8_t* data;
  std::ptrdiff_t stride;
  int width;
  int height;
};

/// An ellipse in the plane's own pixels, drawn out to `reach` radii.
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

/// The first pixel at or behind `place`, kept inside 0..size.
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

/// Share of a pixel that a disc of `r` pixels covers: its distance to the rim is about (1 - t) * r / 2.
float coverage(float t, float r) {
  return limited(0.5F + 0.5F * (1 - t) * r, 0, 1);
}

/// Light on the ball, from the upper left; at least 0.62, so that the whole rim is visible.
float light(float u, float v, float t) {
  return 0.9F - 0.12F * u - 0.16F * v - 0.08F * t;
}

float highlight(float u, float v) {
  const float du = u + 0.36F;
  const float dv = v + 0.46F;
  const float spot = limited(1 - 9 * (du * du + dv * dv), 0, 1);
  return spot * spot;
}

/// A regular polygon within the unit circle.
struct Polygon {
  std::array<float, 4> x{};  // the normals of its sides; a triangle has one twice
  std::array<float, 4> y{};
  float inner = 0;  // radius of the circle within

  explicit Polygon(const DemoBall& ball) {
    const double step = 2 * std::numbers::pi / ball.corners;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double normal = ball.angle + step * (static_cast<double>(i) + 0.5);
      x[i] = static_cast<float>(std::cos(normal));
      y[i] = static_cast<float>(std::sin(normal));
    }
    inner = static_cast<float>(std::cos(step / 2));
  }

  /// Share of a pixel that it covers when it is drawn with a radius of `r` pixels.
  [[nodiscard]] float coverage(float u, float v, float r) const {
    float beyond = u * x[0] + v * y[0];
    for (std::size_t i = 1; i < x.size(); ++i) {
      const float next = u * x[i] + v * y[i];
      beyond = next > beyond ? next : beyond;
    }
    return limited(0.5F + r * (inner - beyond), 0, 1);
  }
};

constexpr float kHalo = 1.45F;  // t at which the dark halo around a ball ends

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
  // Steps of the golden ratio keep the hues of neighbours apart, however many there are.
  const double steps = 0.045 + 0.61803398875 * (id + static_cast<double>((seed - 1) % 1000));
  const auto hue = static_cast<float>(6 * (steps - std::floor(steps)));
  const auto part = [](float value) { return 0.2F + 0.8F * limited(value, 0, 1); };
  const DemoYuv pure = to_yuv(
      {.r = part(std::abs(hue - 3) - 1), .g = part(2 - std::abs(hue - 2)), .b = part(2 - std::abs(hue - 4))});
  // Every ball gets about the same luma, by white in a dark hue or black in a light one.
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
  // A ball of a pixel or less still fades out over a whole pixel.
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
