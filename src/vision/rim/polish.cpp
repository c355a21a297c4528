// Locates the middle of the edge on rays from a circle's centre and fits the circle to them.
// SPDX-License-Identifier: Apache-2.0
//
// Blur keeps the amount of light: a blurred disc of radius r has  integral of f'(d) d^2  =  r^2  over the
// distance d from its centre, where f is the brightness relative to inside and outside. So the root of the
// mean square distance, weighted by the slope, is the radius, while the steepest place lies further in by
// sigma^2 / 2r, which shows on small circles.
#include "vision/rim/polish.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>

#include "vision/rim/move.hpp"

namespace freshframe::vision {
namespace {

constexpr int kRays = 48;      // a multiple of eight
constexpr int kMinEdges = 12;  // fewer say nothing
// Pixels to look inwards and outwards: a fraction of the radius, at least and at most.
constexpr float kReachOfRadius = 0.15F, kMinReach = 3, kMaxReach = 5;
constexpr std::size_t kMaxSamples = 2 * 5 + 2;
constexpr float kFarDiscount = 0.5F;  // what the furthest edge must be stronger than one on the rim
constexpr float kFoot = 0.5F;         // of the steepest slope, where an edge ends and shading begins
constexpr float kMinSlope = 1;        // grey levels per pixel; weaker ones are noise
// A ray has the weight (s / (1 + s))^3, s its slope in units of kUsualSlope times the mean of all rays: sharp
// edges are exact, those that motion has blurred are not.
constexpr float kUsualSlope = 3;
constexpr double kScale = 60;  // brings the weights to order 1
constexpr int kRounds = 3;
// Tukey's biweight with a cut-off of so many times the median distance, in pixels at least and at most.
constexpr float kCutOff = 2, kMinCutOff = 0.3F, kMaxCutOff = 2.5F;
constexpr float kMaxMove = 1.5F;  // pixels; whatever moves further was no edge of this circle

struct EdgeOnRay {
  float ux = 0, uy = 0;
  float offset = 0;  // outwards from the rim, pixels
  float slope = 0;   // grey levels per pixel; 0: no edge was found
};

class Profile {
 public:
  Profile(const GradientField& field, const Circle& circle)
      : field_(field),
        circle_(circle),
        reach_(static_cast<int>(std::clamp(kReachOfRadius * circle.r, kMinReach, kMaxReach))) {}

  [[nodiscard]] EdgeOnRay edge(float ux, float uy) {
    EdgeOnRay found{.ux = ux, .uy = uy};
    if (!sample(ux, uy)) return found;
    const int slopes = 2 * reach_ + 1;
    int steepest = -1;
    float best = kMinSlope;
    for (int k = 0; k < slopes; ++k) {
      const float far = static_cast<float>(std::abs(k - reach_)) / static_cast<float>(reach_ + 1);
      const float value = std::abs(slope(k)) * (1 - kFarDiscount * far);
      if (value > best) {
        best = value;
        steepest = k;
      }
    }
    if (steepest < 0) return found;
    const float sign = slope(steepest) > 0 ? 1.0F : -1.0F;
    const float top = sign * slope(steepest);
    const float foot = kFoot * top;
    float sum = 0;
    float squares = 0;
    const auto take = [&](int k) {
      const float value = sign * slope(k);
      if (value <= foot) return false;
      const float distance = circle_.r + static_cast<float>(k - reach_);
      sum += value;
      squares += value * distance * distance;
      return true;
    };
    for (int k = steepest; k >= 0 && take(k); --k) {
    }
    for (int k = steepest + 1; k < slopes && take(k); ++k) {
    }
    found.offset = std::sqrt(squares / sum) - circle_.r;
    found.slope = top;
    return found;
  }

 private:
  // Brightness at whole pixels and a half from the rim; false when a place lies outside of the picture.
  bool sample(float ux, float uy) {
    const auto right = static_cast<float>(field_.width() - 2);
    const auto bottom = static_cast<float>(field_.height() - 2);
    for (int k = 0; k < 2 * reach_ + 2; ++k) {
      const float distance = circle_.r + static_cast<float>(k - reach_) - 0.5F;
      const float x = circle_.x + distance * ux;
      const float y = circle_.y + distance * uy;
      if (!(x >= 0 && y >= 0 && x < right && y < bottom)) return false;
      const int column = static_cast<int>(x);
      const int row = static_cast<int>(y);
      const float part_x = x - static_cast<float>(column);
      const float part_y = y - static_cast<float>(row);
      const int pixel = row * field_.stride() + column;
      const float above = mix(pixel, part_x);
      const float below = mix(pixel + field_.stride(), part_x);
      samples_[static_cast<std::size_t>(k)] = above + part_y * (below - above);
    }
    return true;
  }
  [[nodiscard]] float mix(int pixel, float part) const {
    const auto left = static_cast<float>(field_.smoothed(pixel));
    const auto right = static_cast<float>(field_.smoothed(pixel + 1));
    return (left + part * (right - left)) / kLumaScale;
  }
  [[nodiscard]] float slope(int k) const {
    const auto at = static_cast<std::size_t>(k);
    return samples_[at + 1] - samples_[at];
  }

  const GradientField& field_;
  Circle circle_;
  int reach_;
  std::array<float, kMaxSamples> samples_{};
};

using Edges = std::array<EdgeOnRay, kRays>;

struct Direction {
  float x = 0;
  float y = 0;
};

const std::array<Direction, kRays>& directions() {
  static const auto all = [] {
    std::array<Direction, kRays> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / kRays;
      made[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
    }
    return made;
  }();
  return all;
}

int find_edges(const GradientField& field, const Circle& circle, Edges& edges) {
  Profile profile(field, circle);
  int found = 0;
  for (const Direction& direction : directions()) {
    const EdgeOnRay edge = profile.edge(direction.x, direction.y);
    if (edge.slope > 0) edges[static_cast<std::size_t>(found++)] = edge;
  }
  return found;
}

float cut_off(const Edges& edges, int found) {
  std::array<float, kRays> distances{};
  for (std::size_t i = 0; i < static_cast<std::size_t>(found); ++i) distances[i] = std::abs(edges[i].offset);
  const auto middle = distances.begin() + found / 2;
  std::nth_element(distances.begin(), middle, distances.begin() + found);
  return std::clamp(kCutOff * *middle, kMinCutOff, kMaxCutOff);
}

float mean_slope(const Edges& edges, int found) {
  const auto add = [](float sum, const EdgeOnRay& edge) { return sum + edge.slope; };
  return std::accumulate(edges.begin(), edges.begin() + found, 0.0F, add) / static_cast<float>(found);
}

}  // namespace

Circle polished(const GradientField& field, const Circle& circle) noexcept {
  Circle now = circle;
  for (int round = 0; round < kRounds; ++round) {
    Edges edges;
    const int found = find_edges(field, now, edges);
    if (found < kMinEdges) return circle;
    const double limit{cut_off(edges, found)};
    const float usual = kUsualSlope * mean_slope(edges, found);
    MoveEquations equations;
    for (std::size_t i = 0; i < static_cast<std::size_t>(found); ++i) {
      const EdgeOnRay& edge = edges[i];
      const double t = double{edge.offset} / limit;
      if (std::abs(t) >= 1) continue;
      const double trust{edge.slope / (edge.slope + usual)};
      const double weight = (1 - t * t) * (1 - t * t) * kScale * trust * trust * trust;
      equations.add(double{edge.ux}, double{edge.uy}, double{edge.offset}, weight);
    }
    const auto move = equations.solve();
    if (!move) return circle;
    now.x += static_cast<float>(move->x);
    now.y += static_cast<float>(move->y);
    now.r += static_cast<float>(move->r);
    const float moved = std::hypot(now.x - circle.x, now.y - circle.y) + std::abs(now.r - circle.r);
    if (!(moved <= kMaxMove)) return circle;
  }
  return now;
}

}  // namespace freshframe::vision
