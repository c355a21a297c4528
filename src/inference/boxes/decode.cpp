// Decoders, one per layout, and their candidates in the picture: without duplicates, with the columns of the head.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/decode.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "inference/boxes/best_classes.hpp"
#include "inference/masks/box_masks.hpp"

namespace freshframe::inference {

// Greedy suppression.

namespace {

float area(const Detection& box) {
  return (box.x2 - box.x1) * (box.y2 - box.y1);
}

bool cover_each_other(const Detection& a, const Detection& b, float iou) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return false;
  const float both = width * height;
  return both > iou * (area(a) + area(b) - both);
}

}  // namespace

void keep_surest(std::vector<Candidate>& boxes, std::size_t most) {
  std::ranges::stable_sort(boxes, std::ranges::greater(), &Candidate::confidence);
  if (boxes.size() > most) boxes.resize(most);
}

std::vector<Candidate> suppress(std::vector<Candidate> boxes, float iou) {
  keep_surest(boxes, kMostCandidates);
  std::vector<Candidate> kept;
  for (const auto& box : boxes) {
    const bool is_covered = std::ranges::any_of(kept, [&](const Candidate& surer) {
      return surer.class_id == box.class_id && cover_each_other(surer, box, iou);
    });
    if (is_covered) continue;
    kept.push_back(box);
    if (kept.size() == kMostBoxes) break;
  }
  return kept;
}

namespace {

class Decoder {
 public:
  Decoder(const Recognised& how, std::span<const OutputView> outputs, const InputForm& form,
          const DecodeOptions& options)
      : how_(how), outputs_(outputs), form_(form), options_(options) {}

  std::vector<Candidate> decode() {
    switch (how_.layout) {
      case Layout::Yolov5:
        rows_with_objectness();
        break;
      case Layout::Yolov8:
        columns();
        break;
      case Layout::End2end:
      case Layout::Rtdetr6:
        sixes();
        break;
      case Layout::Rtdetr:
        queries();
        break;
      case Layout::Rfdetr:
        logits();
        break;
      case Layout::Detr:
        softmaxes();
        break;
      case Layout::Boxes:
        three_outputs();
        break;
      case Layout::Ssd:
        corners_and_scores();
        break;
    }
    return std::move(found_);
  }

 private:
  // An output of [1, rows, columns] or [rows, columns]; `columns` 0: any.
  struct Grid {
    const float* data;
    std::size_t rows;
    std::size_t columns;
    [[nodiscard]] const float* row(std::size_t i) const { return data + i * columns; }
  };

  [[nodiscard]] const OutputView& output(std::size_t index) const {
    if (index >= outputs_.size()) refuse_outputs("there are fewer of them");
    return outputs_[index];
  }

  [[nodiscard]] Grid grid(std::size_t index, std::size_t columns) const {
    const auto& from = output(index);
    const auto axes = from.shape.size();
    if (axes < 2 || (axes == 3 && from.shape[0] != static_cast<std::int64_t>(from.pictures)) || axes > 3)
      refuse_outputs("not two axes of one picture");
    const auto rows = static_cast<std::size_t>(from.shape[axes - 2]);
    const auto width = static_cast<std::size_t>(from.shape[axes - 1]);
    if (columns != 0 && width != columns) refuse_outputs("rows of " + std::to_string(width) + " numbers");
    if (from.floats.size() != rows * width) {
      throw Error("the model's output " + std::to_string(index) +
                  " must be of float32, float16 or float64: export it with one of them");
    }
    return {from.floats.data(), rows, width};
  }

  [[nodiscard]] bool is_wanted(std::size_t id) const {
    return options_.wanted.empty() || (id < options_.wanted.size() && options_.wanted[id]);
  }

  // Corners in pixels of the input.
  void add(std::size_t row, const std::array<float, 4>& corners, float confidence, std::size_t id) {
    if (!(confidence > options_.confidence) || !is_wanted(id)) return;  // also false for NaN
    const auto is_number = [](float value) { return std::isfinite(value); };
    if (!std::ranges::all_of(corners, is_number) || !is_number(confidence)) return;
    if (!(corners[2] > corners[0]) || !(corners[3] > corners[1])) return;
    found_.push_back(
        {{corners[0], corners[1], corners[2], corners[3], std::min(confidence, 1.0F), static_cast<int>(id)},
         row,
         0});
  }

  static std::array<float, 4> of_centre(float x, float y, float width, float height) {
    return {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
  }

  // Corners of a box that is given by its centre and size in 0..1.
  [[nodiscard]] std::array<float, 4> of_shares(const float* box) const {
    const auto width = static_cast<float>(form_.width);
    const auto height = static_cast<float>(form_.height);
    return of_centre(box[0] * width, box[1] * height, box[2] * width, box[3] * height);
  }

  static std::size_t best_of(const float* scores, std::size_t count) {
    return static_cast<std::size_t>(std::max_element(scores, scores + count) - scores);
  }

  [[nodiscard]] std::size_t classes() const { return static_cast<std::size_t>(how_.classes); }

  void rows_with_objectness() {
    const auto table = grid(how_.boxes, 5 + classes());
    for (std::size_t i = 0; i < table.rows; ++i) {
      const float* const row = table.row(i);
      if (!(row[4] > options_.confidence)) continue;
      const auto best = best_of(row + 5, classes());
      add(i, of_centre(row[0], row[1], row[2], row[3]), row[4] * row[5 + best], best);
    }
  }

  void columns() {
    const auto table = grid(how_.boxes, 0);
    if (table.rows != 4 + classes() + how_.head.numbers())
      refuse_outputs(std::to_string(table.rows) + " rows");
    const std::size_t count = table.columns;
    const auto best = best_classes(table.row(4), classes(), count);
    for (std::size_t i = 0; i < count; ++i) {
      if (!(best.scores[i] > options_.confidence)) continue;
      add(i, of_centre(table.row(0)[i], table.row(1)[i], table.row(2)[i], table.row(3)[i]), best.scores[i],
          static_cast<std::size_t>(best.classes[i]));
    }
  }

  [[nodiscard]] std::array<float, 4> box_of_six(const float* row) const {
    if (how_.layout == Layout::Rtdetr6) return of_shares(row);
    if (how_.head.turned) return of_centre(row[0], row[1], row[2], row[3]);
    return {row[0], row[1], row[2], row[3]};
  }

  void sixes() {
    const auto table = grid(how_.boxes, 6 + how_.head.numbers());
    for (std::size_t i = 0; i < table.rows; ++i) {
      const float* const row = table.row(i);
      constexpr float kMostClasses = 1e6F;
      if (!(row[5] >= 0 && row[5] < kMostClasses)) continue;
      const auto id = static_cast<std::size_t>(std::lround(row[5]));
      add(i, box_of_six(row), row[4], id);
    }
  }

  void queries() {
    const auto table = grid(how_.boxes, 4 + classes());
    for (std::size_t i = 0; i < table.rows; ++i) {
      const auto best = best_of(table.row(i) + 4, classes());
      add(i, of_shares(table.row(i)), table.row(i)[4 + best], best);
    }
  }

  [[nodiscard]] std::array<Grid, 2> boxes_and_scores() const {
    const auto boxes = grid(how_.boxes, 4);
    const auto scores = grid(how_.scores, 0);
    if (boxes.rows != scores.rows) refuse_outputs("not as many scores as boxes");
    if (scores.columns < classes()) refuse_outputs("rows of " + std::to_string(scores.columns) + " scores");
    return {boxes, scores};
  }

  void logits() {
    const auto [boxes, scores] = boxes_and_scores();
    for (std::size_t i = 0; i < boxes.rows; ++i) {
      const auto best = best_of(scores.row(i), classes());
      add(i, of_shares(boxes.row(i)), 1 / (1 + std::exp(-scores.row(i)[best])), best);
    }
  }

  void softmaxes() {
    const auto [boxes, scores] = boxes_and_scores();
    for (std::size_t i = 0; i < boxes.rows; ++i) {
      const float* const row = scores.row(i);
      const auto best = best_of(row, classes());
      float sum = 0;
      for (std::size_t k = 0; k < scores.columns; ++k) sum += std::exp(row[k] - row[best]);
      add(i, of_shares(boxes.row(i)), 1 / sum, best);
    }
  }

  void three_outputs() {
    const auto boxes = grid(how_.boxes, 4);
    const auto& scores = output(how_.scores);
    const auto& labels = output(how_.labels);
    if (scores.floats.size() != boxes.rows) refuse_outputs("not as many scores as boxes");
    const bool whole = labels.integers.size() == boxes.rows;
    if (!whole && labels.floats.size() != boxes.rows) refuse_outputs("not as many labels as boxes");
    for (std::size_t i = 0; i < boxes.rows; ++i) {
      const float* const row = boxes.row(i);
      const double label =
          whole ? static_cast<double>(labels.integers[i]) : static_cast<double>(labels.floats[i]);
      if (!(label >= 0 && label < 1e6)) continue;
      add(i, {row[0], row[1], row[2], row[3]}, scores.floats[i],
          static_cast<std::size_t>(std::llround(label)));
    }
  }

  void corners_and_scores() {
    const auto boxes = grid(how_.boxes, 4);
    const auto scores = grid(how_.scores, 1 + classes());
    if (boxes.rows != scores.rows) refuse_outputs("not as many scores as boxes");
    const auto width = static_cast<float>(form_.width);
    const auto height = static_cast<float>(form_.height);
    for (std::size_t i = 0; i < boxes.rows; ++i) {
      const float* const box = boxes.row(i);
      const auto best = best_of(scores.row(i) + 1, classes());
      add(i, {box[0] * width, box[1] * height, box[2] * width, box[3] * height}, scores.row(i)[1 + best],
          best);
    }
  }

  const Recognised& how_;
  std::span<const OutputView> outputs_;
  const InputForm& form_;
  const DecodeOptions& options_;
  std::vector<Candidate> found_;
};

}  // namespace

std::vector<Candidate> candidates(const Recognised& how, std::span<const OutputView> outputs,
                                  const InputForm& form, const DecodeOptions& options) {
  return Decoder(how, outputs, form, options).decode();
}

std::vector<Detection> decode(const Recognised& how, std::span<const OutputView> outputs,
                              const InputForm& form, const DecodeOptions& options) {
  const auto found = candidates(how, outputs, form, options);
  return {found.begin(), found.end()};
}

void refuse_outputs(const std::string& what) {
  throw Error("the model's outputs have changed their shape: " + what +
              "; it must give the shapes that it gave when it was loaded");
}

bool needs_suppression(Layout layout) noexcept {
  return layout == Layout::Yolov5 || layout == Layout::Yolov8 || layout == Layout::Ssd;
}

void apply_to(InputForm& form, Layout layout) {
  switch (layout) {
    case Layout::Rfdetr:
    case Layout::Detr:  // the average of ImageNet's pictures
      form.mean = {0.485F, 0.456F, 0.406F};
      form.deviation = {0.229F, 0.224F, 0.225F};
      form.fit = Fit::Stretch;
      break;
    case Layout::Rtdetr:
    case Layout::Rtdetr6:
      form.fit = Fit::Stretch;
      break;
    case Layout::Ssd:  // (level - 127) / 128
      form.mean = {127 / 255.0F, 127 / 255.0F, 127 / 255.0F};
      form.deviation = {128 / 255.0F, 128 / 255.0F, 128 / 255.0F};
      form.fit = Fit::Stretch;
      break;
    default:
      break;
  }
}

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
