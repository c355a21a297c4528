// Converts candidates in the model's input to boxes in the image, with keypoints, masks and corners.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/in_picture.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "inference/boxes/suppression.hpp"
#include "inference/masks/box_masks.hpp"

namespace freshframe::inference {
namespace {

void set_angles(const HeadNumbers& further, std::vector<Candidate>& found) {
  for (auto& each : found) each.angle = further.at(each.row, 0);
  std::erase_if(found, [](const Candidate& each) { return !std::isfinite(each.angle); });
}

// Returns an upright box, clipped to the image.
Detection in_picture(const Candidate& found, const PicturePlace& place, bool turned) {
  const Detection& of_input = found;
  auto box = of_input;
  if (turned) {
    const auto corners = compute_corners(found);
    const auto [left, right] = std::ranges::minmax(corners, {}, &Point::x);
    const auto [top, bottom] = std::ranges::minmax(corners, {}, &Point::y);
    box.x1 = left.x;
    box.x2 = right.x;
    box.y1 = top.y;
    box.y2 = bottom.y;
  }
  box.x1 = place.x(box.x1);
  box.x2 = place.x(box.x2);
  box.y1 = place.y(box.y1);
  box.y2 = place.y(box.y2);
  return box;
}

DataColumn key_points_column(const Head& head, const HeadNumbers& further, const PicturePlace& place,
                             std::span<const Candidate> found) {
  std::vector<float> numbers;
  for (const auto& each : found) {
    for (std::size_t point = 0; point < head.key_points; ++point) {
      const auto first = point * head.key_point_numbers;
      numbers.push_back(place.x(further.at(each.row, first)));
      numbers.push_back(place.y(further.at(each.row, first + 1)));
      if (head.key_point_numbers > 2) numbers.push_back(further.at(each.row, first + 2));
    }
  }
  return {"keypoints", std::move(numbers), {head.key_points, head.key_point_numbers}};
}

// Corners are not clipped to the image, because the result would no longer be an oriented box.
DataColumn corners_column(const PicturePlace& place, std::span<const Candidate> found) {
  std::vector<float> numbers;
  for (const auto& each : found) {
    for (const auto& corner : compute_corners(each)) {
      numbers.push_back(static_cast<float>(place.unbounded_x(corner.x)));
      numbers.push_back(static_cast<float>(place.unbounded_y(corner.y)));
    }
  }
  return {"corners", std::move(numbers), {4, 2}};
}

MaskPlanes view_planes(const Head& head, std::span<const OutputView> outputs, std::size_t least_rows) {
  if (*head.masks >= outputs.size()) refuse_outputs("there are fewer outputs");
  const auto& from = outputs[*head.masks];
  if (from.shape.size() != 4) refuse_outputs("the masks do not have four axes");
  const auto planes = static_cast<std::size_t>(from.shape[1]);
  const auto pixels = static_cast<std::size_t>(from.shape[2]) * static_cast<std::size_t>(from.shape[3]);
  if (pixels == 0 || from.floats.size() != planes * pixels || planes < least_rows ||
      (head.coefficients > 0 && planes != head.coefficients))
    refuse_outputs("the masks have another shape, or are not float32, float16 or float64");
  return {from.floats, static_cast<int>(from.shape[3]), static_cast<int>(from.shape[2])};
}

DataColumn mask_column(const Head& head, std::span<const OutputView> outputs, const HeadNumbers& further,
                       const PicturePlace& place, const std::vector<Candidate>& found) {
  std::size_t rows = 0;
  for (const auto& each : found) rows = std::max(rows, each.row + 1);
  BoxMasks masks(view_planes(head, outputs, head.coefficients > 0 ? 0 : rows), place);
  std::vector<std::string> texts;
  std::vector<float> weights(head.coefficients);
  for (const auto& each : found) {
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = further.at(each.row, k);
    texts.push_back(weights.empty() ? masks.trace_plane(each.row)
                                    : masks.trace_prototypes(weights, in_picture(each, place, false)));
  }
  return {"mask", std::move(texts), {}};
}

}  // namespace

Decoded decoded_in_picture(const Recognised& how, std::span<const OutputView> outputs,
                           const PicturePlace& place, const DecodeOptions& options) {
  const InputForm form{.width = place.input_width, .height = place.input_height};
  auto found = candidates(how, outputs, form, options);
  const auto& head = how.head;
  const HeadNumbers further(how, outputs[how.boxes]);
  if (head.turned) set_angles(further, found);
  if (!needs_suppression(how.layout)) {
    keep_surest(found);
  } else {
    found = head.turned ? suppress_turned(std::move(found), options.iou, options.agnostic)
                        : suppress(std::move(found), options.iou, options.agnostic);
  }
  std::erase_if(found, [&](const Candidate& each) {
    const auto box = in_picture(each, place, head.turned);
    return !(box.x2 > box.x1) || !(box.y2 > box.y1);
  });
  Decoded result;
  for (const auto& each : found) result.boxes.push_back(in_picture(each, place, head.turned));
  if (head.key_points > 0) result.columns.push_back(key_points_column(head, further, place, found));
  if (head.masks) result.columns.push_back(mask_column(head, outputs, further, place, found));
  if (head.turned) result.columns.push_back(corners_column(place, found));
  return result;
}

}  // namespace freshframe::inference
