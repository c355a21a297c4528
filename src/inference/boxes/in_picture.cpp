// Candidates in the picture: without duplicates, with the columns of the model's head.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "inference/boxes/decode.hpp"
#include "inference/masks/box_masks.hpp"

namespace freshframe::inference {

namespace {

// Boxes that are turned: their corners, and the removal of duplicates.
// Turned boxes as normal distributions.

struct Gauss {
  double x = 0;
  double y = 0;
  // The covariance.
  double xx = 0;
  double yy = 0;
  double xy = 0;
  int class_id = 0;
};

Gauss gauss_of(const Candidate& box) {
  constexpr double kUniform = 12;  // a side's square by its variance
  const double width = double{box.x2} - box.x1;
  const double height = double{box.y2} - box.y1;
  const double along = width * width / kUniform;
  const double across = height * height / kUniform;
  const double cos = std::cos(double{box.angle});
  const double sin = std::sin(double{box.angle});
  return {.x = (double{box.x1} + box.x2) / 2,
          .y = (double{box.y1} + box.y2) / 2,
          .xx = along * cos * cos + across * sin * sin,
          .yy = along * sin * sin + across * cos * cos,
          .xy = (along - across) * cos * sin,
          .class_id = box.class_id};
}

double prob_iou(const Gauss& a, const Gauss& b) {
  const double xx = a.xx + b.xx;
  const double yy = a.yy + b.yy;
  const double xy = a.xy + b.xy;
  const double both = xx * yy - xy * xy;
  const double dx = a.x - b.x;
  const double dy = a.y - b.y;
  const double places = (xx * dy * dy + yy * dx * dx - 2 * xy * dx * dy) / both / 4;
  const double own = std::sqrt((a.xx * a.yy - a.xy * a.xy) * (b.xx * b.yy - b.xy * b.xy));
  const double forms = std::log(both / (4 * own)) / 2;
  const double distance = std::sqrt(std::max(0.0, 1 - std::exp(-std::max(0.0, places + forms))));
  return 1 - distance;
}

/// The corners of a candidate whose upright box is turned around its centre by its angle: of a box that is not turned
/// right bottom, right top, left top and left bottom. In the coordinates of the candidate.
[[nodiscard]] std::array<Point, 4> corners_of(const Candidate& box) {
  const float x = (box.x1 + box.x2) / 2;
  const float y = (box.y1 + box.y2) / 2;
  const float cos = std::cos(box.angle) / 2;
  const float sin = std::sin(box.angle) / 2;
  const Point along{(box.x2 - box.x1) * cos, (box.x2 - box.x1) * sin};
  const Point across{-(box.y2 - box.y1) * sin, (box.y2 - box.y1) * cos};
  return {{{x + along.x + across.x, y + along.y + across.y},
           {x + along.x - across.x, y + along.y - across.y},
           {x - along.x - across.x, y - along.y - across.y},
           {x - along.x + across.x, y - along.y + across.y}}};
}

/// Class by class. A box is removed when its overlap with any more confident one is more than `iou`, also with one that
/// is removed itself (Fast NMS: Bolya et al., "YOLACT", 2019, arXiv 1904.02689). The overlap is ProbIoU (Llerena et al.,
/// "Gaussian Bounding Boxes and Probabilistic Intersection-over-Union", 2021, arXiv 2106.06072): one minus the Hellinger
/// distance of normal distributions with the boxes' variances. Order and bounds as of suppress().
[[nodiscard]] std::vector<Candidate> suppress_turned(std::vector<Candidate> boxes, float iou) {
  keep_surest(boxes, kMostCandidates);
  std::vector<Gauss> surer;
  std::vector<Candidate> kept;
  for (const auto& box : boxes) {
    const auto gauss = gauss_of(box);
    const bool is_covered = std::ranges::any_of(surer, [&](const Gauss& other) {
      return other.class_id == gauss.class_id && prob_iou(other, gauss) > iou;
    });
    surer.push_back(gauss);
    if (is_covered) continue;
    kept.push_back(box);
    if (kept.size() == kMostBoxes) break;
  }
  return kept;
}

// The numbers of a row behind the box and its classes.
class Further {
 public:
  Further(const Recognised& how, const OutputView& output)
      : numbers_(output.floats), is_columns_(how.layout == Layout::Yolov8) {
    const auto columns = static_cast<std::size_t>(output.shape.back());
    first_ = is_columns_ ? (4 + static_cast<std::size_t>(how.classes)) * columns : 6;
    step_ = columns;
  }
  [[nodiscard]] float at(std::size_t row, std::size_t k) const {
    return numbers_[is_columns_ ? first_ + k * step_ + row : row * step_ + first_ + k];
  }

 private:
  std::span<const float> numbers_;
  bool is_columns_;
  std::size_t first_ = 0;
  std::size_t step_ = 0;
};

void set_angles(const Further& further, std::vector<Candidate>& found) {
  for (auto& each : found) each.angle = further.at(each.row, 0);
  std::erase_if(found, [](const Candidate& each) { return !std::isfinite(each.angle); });
}

// Upright, within the picture.
Detection in_picture(const Candidate& found, const PicturePlace& place, bool turned) {
  const Detection& of_input = found;
  auto box = of_input;
  if (turned) {
    const auto corners = corners_of(found);
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

DataColumn key_points_of(const Head& head, const Further& further, const PicturePlace& place,
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

// Not cut off at the picture's edge: a turned box would no longer be one.
DataColumn corners_column(const PicturePlace& place, std::span<const Candidate> found) {
  std::vector<float> numbers;
  for (const auto& each : found) {
    for (const auto& corner : corners_of(each)) {
      numbers.push_back(static_cast<float>(place.unbounded_x(corner.x)));
      numbers.push_back(static_cast<float>(place.unbounded_y(corner.y)));
    }
  }
  return {"corners", std::move(numbers), {4, 2}};
}

MaskPlanes planes_of(const Head& head, std::span<const OutputView> outputs, std::size_t least_rows) {
  if (*head.masks >= outputs.size()) refuse_outputs("there are fewer of them");
  const auto& from = outputs[*head.masks];
  if (from.shape.size() != 4) refuse_outputs("masks that are not of four axes");
  const auto planes = static_cast<std::size_t>(from.shape[1]);
  const auto pixels = static_cast<std::size_t>(from.shape[2]) * static_cast<std::size_t>(from.shape[3]);
  if (pixels == 0 || from.floats.size() != planes * pixels || planes < least_rows ||
      (head.coefficients > 0 && planes != head.coefficients))
    refuse_outputs("other masks, or masks that are not of float32, float16 or float64");
  return {from.floats, static_cast<int>(from.shape[3]), static_cast<int>(from.shape[2])};
}

DataColumn masks_of(const Head& head, std::span<const OutputView> outputs, const Further& further,
                    const PicturePlace& place, const std::vector<Candidate>& found) {
  std::size_t rows = 0;
  for (const auto& each : found) rows = std::max(rows, each.row + 1);
  BoxMasks masks(planes_of(head, outputs, head.coefficients > 0 ? 0 : rows), place);
  std::vector<std::string> texts;
  std::vector<float> weights(head.coefficients);
  for (const auto& each : found) {
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = further.at(each.row, k);
    texts.push_back(weights.empty() ? masks.of_plane(each.row)
                                    : masks.of_prototypes(weights, in_picture(each, place, false)));
  }
  return {"mask", std::move(texts), {}};
}

}  // namespace

Decoded decoded_in_picture(const Recognised& how, std::span<const OutputView> outputs,
                           const PicturePlace& place, const DecodeOptions& options) {
  const InputForm form{.width = place.input_width, .height = place.input_height};
  auto found = candidates(how, outputs, form, options);
  const auto& head = how.head;
  const Further further(how, outputs[how.boxes]);
  if (head.turned) set_angles(further, found);
  if (!needs_suppression(how.layout)) {
    keep_surest(found);
  } else {
    found = head.turned ? suppress_turned(std::move(found), options.iou)
                        : suppress(std::move(found), options.iou);
  }
  std::erase_if(found, [&](const Candidate& each) {
    const auto box = in_picture(each, place, head.turned);
    return !(box.x2 > box.x1) || !(box.y2 > box.y1);
  });
  Decoded result;
  for (const auto& each : found) result.boxes.push_back(in_picture(each, place, head.turned));
  if (head.key_points > 0) result.columns.push_back(key_points_of(head, further, place, found));
  if (head.masks) result.columns.push_back(masks_of(head, outputs, further, place, found));
  if (head.turned) result.columns.push_back(corners_column(place, found));
  return result;
}

std::vector<Detection> boxes_in_picture(const Recognised& how, std::span<const OutputView> outputs,
                                        const InputForm& form, const Placement& placement,
                                        const DecodeOptions& options) {
  return decoded_in_picture(how, outputs, PicturePlace::whole(form, placement), options).boxes;
}

}  // namespace freshframe::inference
