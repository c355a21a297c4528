// Estimates the homography and its inverse, and the effect of an error in a clicked point.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/ground.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <sstream>
#include <utility>

namespace freshframe {
namespace {

constexpr std::size_t kLeastPoints = 4;
constexpr std::size_t kMostPoints = 1000;
constexpr std::size_t kFree = 8;     // free elements of a homography, whose last element is 1
constexpr double kFromHorizon = 10;  // in pixels; closer to the horizon, one pixel is a tenth of the distance
constexpr double kMostResidual = 0.05;  // fraction of the extent of the points
// In metres. The `place` column stores floats, whose resolution at this distance is 8 mm.
constexpr double kFarthestPlace = 1e5;

using Homography = std::array<double, 9>;

Homography product(const Homography& a, const Homography& b) {
  Homography c{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 3; ++k) c[3 * i + j] += a[3 * i + k] * b[3 * k + j];
    }
  }
  return c;
}

double compute_determinant(const Homography& m) {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
         m[2] * (m[3] * m[7] - m[4] * m[6]);
}

Homography inverse(const Homography& m) {
  const auto minor = [&](std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
    return m[a] * m[d] - m[b] * m[c];
  };
  const double determinant = compute_determinant(m);
  Homography result = {minor(4, 5, 7, 8),  -minor(1, 2, 7, 8), minor(1, 2, 4, 5),
                       -minor(3, 5, 6, 8), minor(0, 2, 6, 8),  -minor(0, 2, 3, 5),
                       minor(3, 4, 6, 7),  -minor(0, 1, 6, 7), minor(0, 1, 3, 4)};
  for (auto& each : result) each /= determinant;
  return result;
}

// Moves the centroid of the points to 0, and scales their mean distance from it to the square root of 2.
Homography normalising(std::span<const Place> points) {
  double x = 0;
  double y = 0;
  for (const auto& point : points) {
    x += point.x / static_cast<double>(points.size());
    y += point.y / static_cast<double>(points.size());
  }
  double distance = 0;
  for (const auto& point : points)
    distance += std::hypot(point.x - x, point.y - y) / static_cast<double>(points.size());
  const double scale = distance > 0 ? std::sqrt(2.0) / distance : 1;
  return {scale, 0, -scale * x, 0, scale, -scale * y, 0, 0, 1};
}

Place map_place(const Homography& m, const Place& point) {
  const double w = m[6] * point.x + m[7] * point.y + m[8];
  return {(m[0] * point.x + m[1] * point.y + m[2]) / w, (m[3] * point.x + m[4] * point.y + m[5]) / w};
}

// Solves the normal equations by elimination with pivoting. Returns false if they are singular.
bool solve(std::array<std::array<double, kFree + 1>, kFree>& rows) {
  constexpr double kLeastPivot = 1e-9;
  for (std::size_t i = 0; i < kFree; ++i) {
    std::size_t best = i;
    for (std::size_t j = i + 1; j < kFree; ++j) {
      if (std::abs(rows[j][i]) > std::abs(rows[best][i])) best = j;
    }
    if (!(std::abs(rows[best][i]) > kLeastPivot)) return false;
    std::swap(rows[i], rows[best]);
    for (std::size_t j = 0; j < kFree; ++j) {
      if (j == i) continue;
      const double share = rows[j][i] / rows[i][i];
      for (std::size_t k = i; k <= kFree; ++k) rows[j][k] -= share * rows[i][k];
    }
  }
  return true;
}

std::optional<Homography> estimate(std::span<const Place> from, std::span<const Place> to) {
  const auto from_scale = normalising(from);
  const auto to_scale = normalising(to);
  std::array<std::array<double, kFree + 1>, kFree> normal{};
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto p = map_place(from_scale, from[i]);
    const auto q = map_place(to_scale, to[i]);
    const std::array<std::array<double, kFree + 1>, 2> equations = {
        {{p.x, p.y, 1, 0, 0, 0, -q.x * p.x, -q.x * p.y, q.x},
         {0, 0, 0, p.x, p.y, 1, -q.y * p.x, -q.y * p.y, q.y}}};
    for (const auto& row : equations) {
      for (std::size_t a = 0; a < kFree; ++a) {
        for (std::size_t b = 0; b <= kFree; ++b) normal[a][b] += row[a] * row[b];
      }
    }
  }
  if (!solve(normal)) return std::nullopt;
  Homography found{};
  for (std::size_t i = 0; i < kFree; ++i) found[i] = normal[i][kFree] / normal[i][i];
  found[8] = 1;
  return product(inverse(to_scale), product(found, from_scale));
}

std::vector<Place> list_places(const std::vector<Point>& points) {
  std::vector<Place> places;
  for (const auto& point : points) places.push_back({point.x, point.y});
  return places;
}

void check(const GroundOptions& options) {
  const auto refuse = [](const auto&... parts) {
    std::ostringstream text;
    text << "a Ground ";
    (text << ... << parts);
    throw OptionError(text.str());
  };
  const auto count = options.points.size();
  if (count < kLeastPoints || count > kMostPoints)
    refuse("needs ", kLeastPoints, " to ", kMostPoints, " points of the image, got ", count);
  if (options.places.size() != count)
    refuse("needs a place in metres for each of its ", count, " points, got ", options.places.size());
  const auto within = [](double most, double x, double y) {  // false for NaN
    return std::abs(x) <= most && std::abs(y) <= most;
  };
  for (const auto& point : options.points) {
    if (!within(1e6, point.x, point.y))
      refuse("needs points within 1e6 pixels, got (", point.x, ", ", point.y, ")");
  }
  for (const auto& place : options.places) {
    if (within(kFarthestPlace, place.x, place.y)) continue;
    refuse("needs places within ", kFarthestPlace / 1000, " km of their origin, got (", place.x, ", ",
           place.y, "): subtract one of them from all, for example with UTM coordinates");
  }
  if (!(options.click_error >= 0 && options.click_error <= 1000))
    refuse("needs click_error from 0 to 1000 pixels, got ", options.click_error);
  if (!(options.acceleration > 0 && options.acceleration <= 1000))
    refuse("needs acceleration of more than 0 and at most 1000, got ", options.acceleration);
}

}  // namespace

Ground::Ground(const GroundOptions& options) : options_(options) {
  check(options);
  const auto pixels = list_places(options.points);
  const auto found = estimate(pixels, options.places);
  const bool is_plane = found && std::abs(compute_determinant(*found)) > 0;
  if (!is_plane) {
    throw OptionError(
        "a Ground needs points that are not all on one line, in the same order as their places: use the "
        "corners of something large and flat, such as a crossing or a court");
  }
  matrix_ = *found;
  const auto third = [&](const Place& p) { return matrix_[6] * p.x + matrix_[7] * p.y + matrix_[8]; };
  if (third(pixels.front()) < 0) {
    for (auto& each : matrix_) each = -each;
  }
  const bool one_side = std::ranges::all_of(pixels, [&](const Place& p) { return third(p) > 0; });
  if (!one_side) {
    throw OptionError(
        "the horizon of this Ground lies between its points: pass points and places in the same order, and no point above the horizon");
  }
  back_ = inverse(matrix_);
  double squares = 0;
  double span = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const auto place = map_place(matrix_, pixels[i]);
    const auto& given = options.places[i];
    squares += std::pow(place.x - given.x, 2) + std::pow(place.y - given.y, 2);
    span = std::max(span, std::hypot(given.x - options.places[0].x, given.y - options.places[0].y));
  }
  residual_ = std::sqrt(squares / static_cast<double>(pixels.size()));
  if (residual_ > kMostResidual * span) {
    std::ostringstream text;
    text << "the points of this Ground contradict each other: they are " << residual_
         << " m from their places on average, and the places are " << span
         << " m apart; is the order the same, and do all lie on one plane?";
    throw OptionError(text.str());
  }
  for (std::size_t i = 0; i < 2 * pixels.size(); ++i) {
    auto shifted = pixels;
    (i % 2 == 0 ? shifted[i / 2].x : shifted[i / 2].y) += options.click_error;
    if (auto other = estimate(shifted, options.places)) {
      if ((*other)[6] * pixels[0].x + (*other)[7] * pixels[0].y + (*other)[8] < 0) {
        for (auto& each : *other) each = -each;
      }
      moved_.push_back(*other);
    }
  }
}

std::optional<Ground::Spot> Ground::project(const Homography& m, double u, double v) {
  const double w = m[6] * u + m[7] * v + m[8];
  const double slope = std::hypot(m[6], m[7]);  // increase of w per pixel away from the horizon
  if (!(w > kFromHorizon * slope) || !(w > 0)) return std::nullopt;
  const double x = (m[0] * u + m[1] * v + m[2]) / w;
  const double y = (m[3] * u + m[4] * v + m[5]) / w;
  return Spot{{x, y},
              {(m[0] - x * m[6]) / w, (m[1] - x * m[7]) / w, (m[3] - y * m[6]) / w, (m[4] - y * m[7]) / w}};
}

std::optional<Ground::Spot> Ground::at(double u, double v) const {
  return project(matrix_, u, v);
}

std::optional<Place> Ground::pixel(const Place& place) const {
  const double w = back_[6] * place.x + back_[7] * place.y + back_[8];
  if (!(w > 0)) return std::nullopt;
  return map_place(back_, place);
}

double Ground::estimate_speed_error(double u, double v, double vx, double vy) const {
  const double speed = std::hypot(vx, vy);
  const auto here = at(u, v);
  if (!here) return std::numeric_limits<double>::infinity();
  const auto& j = here->jacobian;
  const double determinant = j[0] * j[3] - j[1] * j[2];
  if (determinant == 0) return std::numeric_limits<double>::infinity();
  const double du = (j[3] * vx - j[1] * vy) / determinant;  // pixels per second
  const double dv = (j[0] * vy - j[2] * vx) / determinant;
  double squares = 0;
  for (const auto& matrix : moved_) {
    const auto other = project(matrix, u, v);
    if (!other) return std::numeric_limits<double>::infinity();
    const auto& k = other->jacobian;
    const double change = std::hypot(k[0] * du + k[1] * dv, k[2] * du + k[3] * dv) - speed;
    squares += change * change;
  }
  return std::sqrt(squares);
}

}  // namespace freshframe
