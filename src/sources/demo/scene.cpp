// Computes the positions of the balls in the built-in scene, and how much of each outline is visible.
// SPDX-License-Identifier: Apache-2.0
#include "sources/demo/scene.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace freshframe::media {
namespace {

constexpr double kHorizon = 0.74;  // position of the horizon relative to the image height
constexpr double kGravity = 380;   // pixels per second squared, at 1280x720
constexpr double kReferenceWidth = 1280;
constexpr double kReferenceHeight = 720;

/// SplitMix64 (Steele, Lea, Flood 2014), because standard distributions differ between libraries.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  double between(double low, double high) {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    z ^= z >> 31U;
    return low + (high - low) * (static_cast<double>(z >> 11U) * 0x1.0p-53);
  }

 private:
  std::uint64_t state_;
};

double fraction(double value) {
  return value - std::floor(value);
}

/// An arc in radians; `from` is in 0..2 pi, `to` may be larger.
using Arc = std::pair<double, double>;

void add_arc(std::vector<Arc>& arcs, double middle, double half) {
  constexpr double kTurn = 2 * std::numbers::pi;
  double from = std::fmod(middle - half, kTurn);
  if (from < 0) from += kTurn;
  const double to = from + 2 * half;
  arcs.emplace_back(from, std::min(to, kTurn));
  if (to > kTurn) arcs.emplace_back(0.0, to - kTurn);
}

/// Share of the circle covered by at least one of `arcs`.
double count_covered(std::vector<Arc>& arcs) {
  std::ranges::sort(arcs);
  double sum = 0;
  double end = 0;
  for (const auto& [from, to] : arcs) {
    sum += std::max(0.0, to - std::max(from, end));
    end = std::max(end, to);
  }
  return std::min(1.0, sum / (2 * std::numbers::pi));
}

/// Adds the part of `ball`'s outline hidden by `nearer`.
void add_hidden(std::vector<Arc>& arcs, const DemoBall& ball, const DemoBall& nearer) {
  const double dx = nearer.x - ball.x;
  const double dy = nearer.y - ball.y;
  const double distance = std::hypot(dx, dy);
  if (distance >= ball.r + nearer.r || distance + nearer.r <= ball.r) return;
  if (distance + ball.r <= nearer.r) {
    add_arc(arcs, std::numbers::pi, std::numbers::pi);
    return;
  }
  const double cosine =
      (distance * distance + ball.r * ball.r - nearer.r * nearer.r) / (2 * distance * ball.r);
  add_arc(arcs, std::atan2(dy, dx), std::acos(std::clamp(cosine, -1.0, 1.0)));
}

/// Adds the part of an outline beyond an edge of the image. `gap`: distance from the centre to the edge, in
/// direction `angle`.
void add_outside(std::vector<Arc>& arcs, double gap, double r, double angle) {
  if (gap >= r) return;
  add_arc(arcs, angle, std::acos(std::clamp(gap / r, -1.0, 1.0)));
}

}  // namespace

DemoScene::DemoScene(const DemoOptions& options)
    : fps_(options.fps), width_(options.width), height_(options.height), horizon_(kHorizon * options.height) {
  const double scale = std::min(width_ / kReferenceWidth, height_ / kReferenceHeight);
  Random random(options.seed);
  for (int i = 0; i < options.balls; ++i) {
    // Distant balls are small and touch the floor near the horizon. Each ball has its own depth range.
    const double near = (i + random.between(0.2, 0.8)) / options.balls;
    Path path;
    path.r = (options.shapes ? 80 + 40 * near : 20 + 40 * near) * scale;
    // Every third ball leaves the image by up to 0.4 of its radius before it turns back.
    const double inset = (i % 3 == 2 ? 0.6 : 1.0) * path.r;
    path.left = std::clamp(inset - 0.5, 0.0, 0.5 * (width_ - 1));
    path.right = width_ - 1 - path.left;
    // Distant balls appear slower.
    const double closeness = 0.5 + 0.6 * near;
    const double speed = random.between(100, 250) * closeness * scale * (random.between(-1, 1) < 0 ? -1 : 1);
    path.crossings = speed / std::max(path.right - path.left, 1.0);
    path.start = random.between(0, 2);
    const double floor = horizon_ + (0.25 + 0.7 * near) * (height_ - 1 - horizon_);
    path.rest = std::max(floor - path.r, 0.0);
    path.height = random.between(0.55, 0.97) * std::max(path.rest - path.r, 0.0);
    path.bounces = std::sqrt(kGravity * closeness * scale / (8 * std::max(path.height, 1.0)));
    path.phase = random.between(0, 1);
    if (options.shapes) {
      constexpr std::array kCorners = {0, 4, 3};
      path.corners = kCorners[static_cast<std::size_t>(i) % kCorners.size()];
      path.angle = random.between(0, 2 * std::numbers::pi);
      path.spin = random.between(-0.6, 0.6);
    }
    paths_.push_back(path);
  }
}

std::vector<DemoBall> DemoScene::balls(std::int64_t seq) const {
  const double time = static_cast<double>(seq) / fps_;
  std::vector<DemoBall> balls;
  balls.reserve(paths_.size());
  for (const Path& path : paths_) {
    const double side = 1 - std::abs(2 * fraction(0.5 * (path.start + path.crossings * time)) - 1);
    const double fall = fraction(path.phase + path.bounces * time);
    const double height = 4 * path.height * fall * (1 - fall);
    balls.push_back({.x = path.left + (path.right - path.left) * side,
                     .y = path.rest - height,
                     .r = path.r,
                     .ground = path.rest + path.r,
                     .lift = height / std::max(path.rest, 1.0),
                     .id = static_cast<int>(balls.size()),
                     .corners = path.corners,
                     .angle = path.angle + path.spin * time});
  }
  return balls;
}

std::vector<DemoCircle> DemoScene::truth(std::int64_t seq) const {
  constexpr double kQuarter = 0.5 * std::numbers::pi;
  const auto all = balls(seq);
  std::vector<DemoCircle> circles;
  circles.reserve(all.size());
  std::vector<Arc> arcs;
  for (auto ball = all.begin(); ball != all.end(); ++ball) {
    arcs.clear();
    for (auto nearer = ball + 1; nearer != all.end(); ++nearer) add_hidden(arcs, *ball, *nearer);
    add_outside(arcs, width_ - 0.5 - ball->x, ball->r, 0);
    add_outside(arcs, height_ - 0.5 - ball->y, ball->r, kQuarter);
    add_outside(arcs, ball->x + 0.5, ball->r, 2 * kQuarter);
    add_outside(arcs, ball->y + 0.5, ball->r, 3 * kQuarter);
    circles.push_back(
        {.id = ball->id, .x = ball->x, .y = ball->y, .r = ball->r, .visible = 1 - count_covered(arcs)});
  }
  return circles;
}

std::vector<DemoShape> DemoScene::shapes(std::int64_t seq) const {
  const auto all = balls(seq);
  const auto circles = truth(seq);
  std::vector<DemoShape> shapes;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& ball = all[i];
    DemoShape shape{.id = ball.id, .class_name = "ball", .visible = circles[i].visible};
    if (ball.corners != 0) shape.class_name = ball.corners == 3 ? "triangle" : "square";
    // The coordinates of balls refer to pixel centres; edges are half a pixel away.
    const double x = ball.x + 0.5;
    const double y = ball.y + 0.5;
    shape.x1 = ball.corners == 0 ? x - ball.r : x;
    shape.x2 = ball.corners == 0 ? x + ball.r : x;
    shape.y1 = ball.corners == 0 ? y - ball.r : y;
    shape.y2 = ball.corners == 0 ? y + ball.r : y;
    for (int k = 0; k < ball.corners; ++k) {
      const double angle = ball.angle + 2 * std::numbers::pi * k / ball.corners;
      shape.x1 = std::min(shape.x1, x + ball.r * std::cos(angle));
      shape.x2 = std::max(shape.x2, x + ball.r * std::cos(angle));
      shape.y1 = std::min(shape.y1, y + ball.r * std::sin(angle));
      shape.y2 = std::max(shape.y2, y + ball.r * std::sin(angle));
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

}  // namespace freshframe::media
