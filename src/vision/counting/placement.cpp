// Checks of points against shares and against the picture.
// SPDX-License-Identifier: Apache-2.0
#include "vision/counting/placement.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

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
  text << who << " needs coordinates in pixels, got shares of the picture, such as (" << points[0].x << ", "
       << points[0].y << "): give it relative=True";
  throw OptionError(text.str());
}

void check_shares(const char* who, std::span<const Point> points) {
  for (const auto& [x, y] : points) {
    if (x >= 0 && x <= 1 && y >= 0 && y <= 1) continue;
    std::ostringstream text;
    text << who << " with relative=True needs shares of the picture, 0 to 1, got (" << x << ", " << y << ")";
    throw OptionError(text.str());
  }
}

std::vector<Point> scaled(const char* who, std::span<const Point> shares, PictureSize size) {
  if (size.width <= 0 || size.height <= 0) {
    throw Error(std::string(who) +
                " with relative=True needs the picture's size, but this sample has no frame (give update() "
                "its size)");
  }
  std::vector<Point> points;
  for (const auto& [x, y] : shares)
    points.push_back({x * static_cast<float>(size.width), y * static_cast<float>(size.height)});
  return points;
}

PictureSize size_of(const Frame& frame) {
  return frame ? PictureSize{frame.width(), frame.height()} : PictureSize{};
}

void Placement::see(const char* what, std::span<const Point> points, const Frame& frame, int source,
                    const Context& context) {
  if (!frame || !seen_.insert(source).second) return;
  const auto [left, right] = std::ranges::minmax(points, {}, &Point::x);
  const auto [top, bottom] = std::ranges::minmax(points, {}, &Point::y);
  const auto width = static_cast<float>(frame.width());
  const auto height = static_cast<float>(frame.height());
  if (right.x >= 0 && left.x <= width && bottom.y >= 0 && top.y <= height) return;
  std::ostringstream text;
  text << "'" << context.node << "' counts nothing: " << what << " lies within x " << left.x << " to "
       << right.x << " and y " << top.y << " to " << bottom.y << ", outside of the picture of "
       << frame.width() << "x" << frame.height() << " pixels";
  log(LogLevel::Warning, text.str());
}

}  // namespace freshframe::vision
