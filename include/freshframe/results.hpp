// Circles and Detections, the results of detectors and trackers.
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

/// A circle in pixels. (0, 0) is the centre of the top left pixel, which in the coordinates of Detection is
/// (0.5, 0.5).
struct Circle {
  float x = 0;
  float y = 0;
  float r = 0;
  float confidence = 0;  // the detector's confidence in this frame, 0 to 1
};

/// What a tracker knows about an object in addition to its position in this frame.
struct TrackInfo {
  float velocity_x = 0;  // pixels/s
  float velocity_y = 0;
  float track_age = 0;         // seconds since the object was first seen
  float track_confidence = 0;  // 0 to 1: weighted mean of the object's confidences; recent ones weigh more
};

/// Which members of TrackInfo are set. The trackers of this library set all.
struct TrackColumns {
  bool velocity = true;
  bool track_age = true;
  bool track_confidence = true;
};

/// The circles of one frame: sorted by confidence from a detector, by id from a tracker. `ids` and `tracks`
/// are empty without a tracker, otherwise as long as `circles`.
struct Circles {
  std::vector<Circle> circles;
  std::vector<std::int64_t> ids;
  std::vector<TrackInfo> tracks = {};
  bool tracked = false;  // whether a tracker produced this result, even if it is empty
  TrackColumns columns = {};
};
template <>
inline constexpr std::string_view kTypeName<Circles> = "Circles";

/// A detected object's bounding box in pixels. (0, 0) is the outer corner of the top left pixel, which in the
/// coordinates of Circle is (-0.5, -0.5). x2 and y2 are exclusive.
struct Detection {
  float x1 = 0;
  float y1 = 0;
  float x2 = 0;
  float y2 = 0;
  float confidence = 0;  // the detector's confidence in this frame, 0 to 1
  int class_id = 0;
};

/// Class names, indexed by class_id; empty string for a class without a name. Shared by all results of a
/// detector; null if unknown.
using ClassNames = std::shared_ptr<const std::vector<std::string>>;

/// Returns the name of a class, or its number if it has no name.
[[nodiscard]] inline std::string class_name(const ClassNames& names, int class_id) {
  const auto index = static_cast<std::size_t>(class_id);
  if (names && class_id >= 0 && index < names->size() && !(*names)[index].empty()) return (*names)[index];
  return std::to_string(class_id);
}

/// Columns of a program in another language that have no C++ type, such as Python objects. Only the bindings
/// can read them.
struct FurtherColumns {
  FurtherColumns() = default;
  FurtherColumns(const FurtherColumns&) = delete;
  FurtherColumns& operator=(const FurtherColumns&) = delete;
  virtual ~FurtherColumns() = default;
};

/// The boxes of one frame, sorted by id from a tracker. `ids` and `tracks` are empty without a tracker,
/// otherwise as long as `boxes`.
struct Detections {
  std::vector<Detection> boxes;
  ClassNames names = {};
  std::vector<std::int64_t> ids = {};
  std::vector<TrackInfo> tracks = {};
  bool tracked = false;  // whether a tracker produced this result, even if it is empty
  TrackColumns columns = {};
  std::vector<DataColumn> data = {};  // extra columns, with one row per box
  std::shared_ptr<const FurtherColumns> further = {};
  /// For each box the index of its row in `further`; nullopt means they are in the same order.
  std::optional<std::vector<std::int64_t>> rows = {};
};
template <>
inline constexpr std::string_view kTypeName<Detections> = "Detections";

/// Image size in pixels; 0 if unknown.
struct PictureSize {
  int width = 0;
  int height = 0;
  bool operator==(const PictureSize&) const = default;
};

/// A point in pixels, in the same coordinates as the tracks: those of Circle or those of Detection.
struct Point {
  float x = 0;
  float y = 0;
};

}  // namespace freshframe
