// Circles and boxes: the results of detectors and trackers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/data_column.hpp"
#include "freshframe/sample.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe {

/// One circle: pixels. The centre of the top left pixel is (0, 0); Detection counts from the pixel's outer
/// corner, which is (-0.5, -0.5) here.
struct Circle {
  float x = 0;
  float y = 0;
  float r = 0;
  float confidence = 0;  // 0..1: the detector's, in this frame
};

/// A tracker's data about one object, besides its position in this frame.
struct TrackInfo {
  float velocity_x = 0;  // pixels/s
  float velocity_y = 0;
  float track_age = 0;         // seconds since the object was first seen
  float track_confidence = 0;  // 0..1: weighted mean of its confidences, the latest with the largest weight
};

/// The members of TrackInfo that have values. The trackers of this library fill all.
struct TrackColumns {
  bool velocity = true;
  bool track_age = true;
  bool track_confidence = true;
};

/// The circles of one frame: most confident first from a detector, by ascending id from a tracker. `ids` and
/// `tracks` are empty before a tracker, else as long as `circles`.
struct Circles {
  std::vector<Circle> circles;
  std::vector<std::int64_t> ids;
  std::vector<TrackInfo> tracks = {};
  bool tracked = false;  // made by a tracker, even when there is no circle
  TrackColumns columns = {};
};
template <>
inline constexpr std::string_view kTypeName<Circles> = "Circles";

/// A detected object as a box, in pixels. The outer corner of the top left pixel is (0, 0). x2 and y2 are
/// exclusive. Circle counts from the pixel's centre, which is (0.5, 0.5) here.
struct Detection {
  float x1 = 0;
  float y1 = 0;
  float x2 = 0;
  float y2 = 0;
  float confidence = 0;  // 0..1: the detector's, in this frame
  int class_id = 0;
};

/// The names of a detector's classes, by class_id; an empty text for a class without a name. All results of
/// one detector share them; null means not known.
using ClassNames = std::shared_ptr<const std::vector<std::string>>;

/// The name of a class, or its number as text where it has no name.
[[nodiscard]] inline std::string class_name(const ClassNames& names, int class_id) {
  const auto index = static_cast<std::size_t>(class_id);
  if (names && class_id >= 0 && index < names->size() && !(*names)[index].empty()) return (*names)[index];
  return std::to_string(class_id);
}

/// Columns of a program in another language that have no native form, such as objects. Only the bindings read
/// them.
struct FurtherColumns {
  FurtherColumns() = default;
  FurtherColumns(const FurtherColumns&) = delete;
  FurtherColumns& operator=(const FurtherColumns&) = delete;
  virtual ~FurtherColumns() = default;
};

/// The boxes of one frame, by ascending id from a tracker. `ids` and `tracks` are empty before a tracker,
/// else as long as `boxes`.
struct Detections {
  std::vector<Detection> boxes;
  ClassNames names = {};
  std::vector<std::int64_t> ids = {};
  std::vector<TrackInfo> tracks = {};
  bool tracked = false;  // made by a tracker, even when there is no box
  TrackColumns columns = {};
  std::vector<DataColumn> data = {};  // each with a row for each box
  std::shared_ptr<const FurtherColumns> further = {};
  /// Each box's row of `further`. nullopt means row i belongs to box i.
  std::optional<std::vector<std::int64_t>> rows = {};
};
template <>
inline constexpr std::string_view kTypeName<Detections> = "Detections";

/// The size of a picture in pixels; 0 means not known.
struct PictureSize {
  int width = 0;
  int height = 0;
};

/// A point of a picture in pixels, in the coordinates of the tracks, as in Circle or Detection.
struct Point {
  float x = 0;
  float y = 0;
};

}  // namespace freshframe
