// The paths of tracked objects in the last seconds, for drawing.
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

/// Trails per source and id. Drops an id that was not seen for the length of a trail. One thread at a time.
class Trails {
 public:
  static constexpr std::size_t kMaxPoints = 2048;  // points of one trail; then its oldest are dropped

  /// `length` in seconds.
  explicit Trails(double length) : length_(length) {}

  /// The results have ids. A pts before the last one drops the source's trails.
  void add(const Circles& circles, int source, double pts);
  /// The point of a box is its middle. Points are in pixels counted from the centre of the top left one, as
  /// for circles.
  void add(const Detections& found, int source, double pts);
  /// Drops the source's trails when its frames change their size: the points are pixels of the former frames.
  void resize(int source, PictureSize size);
  void forget(int source) { sources_.erase(source); }
  /// Returns an empty trail when the id was not seen.
  [[nodiscard]] const Trail& find_trail(int source, std::int64_t id) const;

 private:
  struct Source {
    double pts = 0;
    std::map<std::int64_t, Trail> trails;
    PictureSize size;
  };

  /// Advances to the time of a picture; null means the time is not finite.
  [[nodiscard]] Source* at(int source, double pts);
  void shorten(Source& source) const;

  double length_;
  std::map<int, Source> sources_;
};

}  // namespace freshframe::vision
