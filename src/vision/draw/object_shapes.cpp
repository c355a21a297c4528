// Checks of the columns' forms, and their rows.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/object_shapes.hpp"

#include "freshframe/error.hpp"

#include <cmath>
#include <span>
#include <string>
#include <utility>

namespace freshframe::vision {
namespace {

constexpr float kLeastConfidence = 0.5F;
constexpr float kToCentres = -0.5F;  // from the corner of the first pixel to its centre
constexpr std::size_t kPersonPoints = 17;

template <class Values>
const DataColumn* drawn_column(const Detections& found, bool is_read, const char* name,
                               bool (*fits)(const std::vector<std::size_t>&), const char* wanted) {
  const auto* column = is_read && !found.boxes.empty() ? find_column(found.data, name) : nullptr;
  if (column == nullptr) return nullptr;
  if (std::holds_alternative<Values>(column->values) && fits(column->shape)) return column;
  throw Error(std::string("Annotate draws the column '") + name + "' and needs " + wanted +
              ", or give the column another name");
}

std::span<const float> row_of(const DataColumn& column, std::size_t index) {
  const auto& all = std::get<std::vector<float>>(column.values);
  return std::span(all).subspan(index * column.width(), column.width());
}

}  // namespace

ObjectShapes::ObjectShapes(const Detections& found, const ShapeColumns& read)
    : mask_(drawn_column<std::vector<std::string>>(
          found, read.masks, "mask", [](const auto& shape) { return shape.empty(); },
          "the texts of encode_masks() in it")),
      key_points_(drawn_column<std::vector<float>>(
          found, read.key_points, "keypoints",
          [](const auto& shape) { return shape.size() == 2 && (shape[1] == 2 || shape[1] == 3); },
          "float32 of the shape (n, k, 2) or (n, k, 3) in it: convert it with astype(numpy.float32)")),
      corners_(drawn_column<std::vector<float>>(
          found, read.corners, "corners",
          [](const auto& shape) { return shape == std::vector<std::size_t>{4, 2}; },
          "float32 of the shape (n, 4, 2) in it: convert it with astype(numpy.float32)")) {}

std::optional<ObjectMask> ObjectShapes::mask(std::size_t index, int width, int height) const {
  if (mask_ == nullptr) return std::nullopt;
  return mask_of(std::get<std::vector<std::string>>(mask_->values)[index], width, height);
}

std::vector<KeyPoint> ObjectShapes::key_points(std::size_t index) const {
  std::vector<KeyPoint> points;
  if (key_points_ == nullptr) return points;
  const auto row = row_of(*key_points_, index);
  const auto step = key_points_->shape[1];
  for (std::size_t i = 0; i + step <= row.size(); i += step) {
    const bool sure = step == 2 || row[i + 2] >= kLeastConfidence;
    points.push_back({{row[i] + kToCentres, row[i + 1] + kToCentres},
                      sure && std::isfinite(row[i]) && std::isfinite(row[i + 1])});
  }
  return points;
}

std::vector<Point> ObjectShapes::corners(std::size_t index) const {
  std::vector<Point> points;
  if (corners_ == nullptr) return points;
  const auto row = row_of(*corners_, index);
  for (std::size_t i = 0; i + 1 < row.size(); i += 2) {
    if (!std::isfinite(row[i]) || !std::isfinite(row[i + 1])) return {};
    points.push_back({row[i] + kToCentres, row[i + 1] + kToCentres});
  }
  return points;
}

std::vector<std::pair<std::size_t, std::size_t>> bones_of(std::size_t key_points) {
  // The order of the key points: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left first.
  if (key_points != kPersonPoints) return {};
  return {{0, 1},  {0, 2},  {1, 3},  {2, 4},   {5, 6},   {5, 7},   {7, 9},   {6, 8},
          {8, 10}, {5, 11}, {6, 12}, {11, 12}, {11, 13}, {13, 15}, {12, 14}, {14, 16}};
}

}  // namespace freshframe::vision
