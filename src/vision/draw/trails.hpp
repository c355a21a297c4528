// The recent paths of tracked objects, for drawing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

namespace freshframe::vision {

struct TrailPoint {
  double pts = 0;
  float x = 0;
  float y = 0;
};
using Trail = std::deque<TrailPoint>;  // oldest first

/// Trails per source and id. Drops ids not seen for the length of a trail. Not thread-safe.
class Trails {
 public:
  static constexpr std::size_t kMaxPoints = 2048;  // maximum points per trail; the oldest are dropped

  /// `length` in seconds.
  explicit Trails(double length) : length_(length) {}

  /// Adds the positions of results, which must have ids. If `pts` goes backwards, the source's trails are
  /// dropped.
  void add(const Circles& circles, int source, double pts);
  /// Uses the centers of the boxes, in pixels relative to the center of the top left pixel, as for circles.
  void add(const Detections& found, int source, double pts);
  /// Drops the source's trails if its frame size has changed, because they are in pixels of the old size.
  void resize(int source, PictureSize size);
  void forget(int source) { sources_.erase(source); }
  /// Returns an empty trail for an unknown id.
  [[nodiscard]] const Trail& find_trail(int source, std::int64_t id) const;

 private:
  struct Source {
    double pts = 0;
    std::map<std::int64_t, Trail> trails;
    PictureSize size;
  };

  /// Advances to an image's timestamp. Returns null if it is not finite.
  [[nodiscard]] Source* at(int source, double pts);
  void shorten(Source& source) const;

  double length_;
  std::map<int, Source> sources_;
};

}  // namespace freshframe::vision
