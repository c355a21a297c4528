// Detects boxes whose coordinates are not in pixels of the image.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/box_scale.hpp"

#include "freshframe/log.hpp"

#include <algorithm>
#include <sstream>

namespace freshframe::python {
namespace {

bool is_outside(const Detection& box, PictureSize image) {
  const float x = (box.x1 + box.x2) / 2;
  const float y = (box.y1 + box.y2) / 2;
  return x < 0 || y < 0 || x > static_cast<float>(image.width) || y > static_cast<float>(image.height);
}

}  // namespace

std::optional<std::string> BoxScale::find_fault(const Detections& found, PictureSize image) {
  if (found.boxes.empty() || image.width <= 0 || image.height <= 0) return std::nullopt;
  const auto outside = [image](const Detection& box) { return is_outside(box, image); };
  const auto count = std::ranges::count_if(found.boxes, outside);
  if (2 * static_cast<std::size_t>(count) <= found.boxes.size()) left_ = 0;
  if (left_ == 0) return std::nullopt;
  --left_;
  if (left_ > 0) return std::nullopt;
  const auto& box = *std::ranges::find_if(found.boxes, outside);
  std::ostringstream text;
  text
      << "most of its boxes are outside of the image of " << image.width << "x" << image.height
      << ", such as (" << box.x1 << ", " << box.y1 << ", " << box.x2 << ", " << box.y2
      << "): Detections.xyxy is in pixels of the frame. Multiply the boxes of a model that sees a resized image by "
         "frame.width / its width, and frame.height / its height";
  return text.str();
}

void BoxScale::check(const std::string& node, const ValueRef& value, const Frame& image) {
  if (left_ == 0 || !value || !image) return;
  const auto* const found = value.as<Detections>();
  if (found == nullptr) return;
  if (const auto fault = find_fault(*found, {image.width(), image.height()}))
    log(LogLevel::Warning, "'" + node + "': " + *fault);
}

}  // namespace freshframe::python
