// Checks whether points are fractions of the image, and whether they are inside it.
// SPDX-License-Identifier: Apache-2.0
#include "vision/counting/placement.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <sstream>
#include <string>
#include <utility>

#include "vision/counting/sightings.hpp"

namespace freshframe::vision {

void refuse_shares(const char* who, std::span<const Point> points, OnePixel one_pixel) {
  const auto is_share = [](float number) { return number >= 0 && number <= 1; };
  const auto is_whole = [](float number) { return number == std::floor(number); };
  const bool shares =
      std::ranges::all_of(points, [&](const Point& each) { return is_share(each.x) && is_share(each.y); });
  const bool whole =
      std::ranges::all_of(points, [&](const Point& each) { return is_whole(each.x) && is_whole(each.y); });
  if (!shares || (whole && one_pixel == OnePixel::Allowed)) return;
  std::ostringstream text;
  text << who << " needs coordinates in pixels, got fractions of the frame, such as (" << points[0].x << ", "
       << points[0].y << "): pass relative=True";
  throw OptionError(text.str());
}

void check_shares(const char* who, std::span<const Point> points) {
  for (const auto& [x, y] : points) {
    if (x >= 0 && x <= 1 && y >= 0 && y <= 1) continue;
    std::ostringstream text;
    text << who << " with relative=True needs fractions of the frame, 0 to 1, got (" << x << ", " << y << ")";
    throw OptionError(text.str());
  }
}

std::vector<Point> scaled(const char* who, std::span<const Point> shares, PictureSize size) {
  if (size.width <= 0 || size.height <= 0) {
    throw Error(std::string(who) +
                " with relative=True needs the frame's size, but this sample has no frame (pass its "
                "size to update())");
  }
  std::vector<Point> points;
  for (const auto& [x, y] : shares)
    points.push_back({x * static_cast<float>(size.width), y * static_cast<float>(size.height)});
  return points;
}

void Placement::forget(int source) {
  sizes_.forget(source);
}

void Placement::see(const FrameSizes::Owner& owner, std::span<const Point> points, PictureSize size,
                    int source) {
  if (!sizes_.see(owner, size, source)) return;
  const auto [left, right] = std::ranges::minmax(points, {}, &Point::x);
  const auto [top, bottom] = std::ranges::minmax(points, {}, &Point::y);
  const auto width = static_cast<float>(size.width);
  const auto height = static_cast<float>(size.height);
  if (right.x >= 0 && left.x <= width && bottom.y >= 0 && top.y <= height) return;
  std::ostringstream text;
  text << "'" << owner.node << "' counts nothing: " << owner.what << " lies within x " << left.x << " to "
       << right.x << " and y " << top.y << " to " << bottom.y << ", outside the frame of " << size.width
       << "x" << size.height << " pixels";
  log(LogLevel::Warning, text.str());
}

namespace {

// Positive if `c` is to the right of the path from a to b (y points downwards).
double turn(const Point& a, const Point& b, const Point& c) {
  return (double{b.x} - a.x) * (double{c.y} - a.y) - (double{b.y} - a.y) * (double{c.x} - a.x);
}

bool between(const Point& a, const Point& b, const Point& c) {
  return std::min(a.x, b.x) <= c.x && c.x <= std::max(a.x, b.x) && std::min(a.y, b.y) <= c.y &&
         c.y <= std::max(a.y, b.y);
}

bool meet(const Point& a, const Point& b, const Point& c, const Point& d) {
  const double of_c = turn(a, b, c);
  const double of_d = turn(a, b, d);
  const double of_a = turn(c, d, a);
  const double of_b = turn(c, d, b);
  if (((of_c > 0) != (of_d > 0)) && of_c != 0 && of_d != 0 && ((of_a > 0) != (of_b > 0)) && of_a != 0 &&
      of_b != 0) {
    return true;
  }
  return (of_c == 0 && between(a, b, c)) || (of_d == 0 && between(a, b, d)) ||
         (of_a == 0 && between(c, d, a)) || (of_b == 0 && between(c, d, b));
}

double area(const std::vector<Point>& corners) {
  double twice = 0;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const Point& a = corners[i];
    const Point& b = corners[(i + 1) % corners.size()];
    twice += double{a.x} * b.y - double{b.x} * a.y;
  }
  return std::abs(twice) / 2;
}

void check(const std::string& who, const std::vector<Point>& corners) {
  const auto count = corners.size();
  if (count < 3 || count > Polygon::kMostCorners) {
    throw OptionError(who + " needs 3 to " + std::to_string(Polygon::kMostCorners) + " corners, got " +
                      std::to_string(count));
  }
  for (const auto& corner : corners) check_point(who.c_str(), corner);
  for (std::size_t i = 0; i < count; ++i) {
    const auto next = (i + 1) % count;
    if (corners[i].x != corners[next].x || corners[i].y != corners[next].y) continue;
    throw OptionError(who + " needs each corner once, but corner " + std::to_string(std::max(i, next)) +
                      " equals corner " + std::to_string(std::min(i, next)) + ": leave it out");
  }
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 2; j < count; ++j) {
      if (i == 0 && j == count - 1) continue;  // adjacent sides
      if (!meet(corners[i], corners[i + 1], corners[j], corners[(j + 1) % count])) continue;
      throw OptionError(who + " needs its corners in order around the zone, but the edges from corner " +
                        std::to_string(i) + " and from corner " + std::to_string(j) + " cross");
    }
  }
  if (area(corners) < 1)
    throw OptionError(
        who + " must have an area of at least one pixel, but its corners are on one line or too close");
}

}  // namespace

Polygon::Polygon(const char* who, std::vector<Point> corners) : corners_(std::move(corners)) {
  check(who, corners_);
}

double Polygon::depth(double x, double y) const {
  bool inside = false;
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < corners_.size(); ++i) {
    const Point& a = corners_[i];
    const Point& b = corners_[(i + 1) % corners_.size()];
    const double dx = double{b.x} - a.x;
    const double dy = double{b.y} - a.y;
    const double length2 = dx * dx + dy * dy;
    const double share = length2 > 0 ? std::clamp(((x - a.x) * dx + (y - a.y) * dy) / length2, 0.0, 1.0) : 0;
    nearest = std::min(nearest, std::hypot(x - a.x - share * dx, y - a.y - share * dy));
    if ((a.y > y) != (b.y > y) && x < a.x + (y - a.y) / dy * dx) inside = !inside;
  }
  return inside ? nearest : -nearest;
}

std::vector<double> Polygon::crossings(double x, double y, double to_x, double to_y) const {
  std::vector<double> shares;
  const double way_x = to_x - x;
  const double way_y = to_y - y;
  for (std::size_t i = 0; i < corners_.size(); ++i) {
    const Point& a = corners_[i];
    const Point& b = corners_[(i + 1) % corners_.size()];
    const double dx = double{b.x} - a.x;
    const double dy = double{b.y} - a.y;
    const double cross = way_x * dy - way_y * dx;
    if (cross == 0) continue;
    const double share = ((a.x - x) * dy - (a.y - y) * dx) / cross;
    const double along = ((a.x - x) * way_y - (a.y - y) * way_x) / cross;
    if (share >= 0 && share <= 1 && along >= 0 && along < 1) shares.push_back(share);
  }
  std::sort(shares.begin(), shares.end());
  return shares;
}

}  // namespace freshframe::vision
