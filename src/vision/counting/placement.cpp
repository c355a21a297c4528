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
       << points[0].y << "): multiply x by its width and y by its height";
  throw OptionError(text.str());
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
  text << "'" << context.node << "' counts nothing: its " << what << " lies within x " << left.x << " to "
       << right.x << " and y " << top.y << " to " << bottom.y << ", outside of the picture of "
       << frame.width() << "x" << frame.height() << " pixels";
  log(LogLevel::Warning, text.str());
}

}  // namespace freshframe::vision
