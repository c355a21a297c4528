// The views of a track that a second model has seen, and its best result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/classification.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <string>

namespace freshframe::inference {

struct Looked {
  std::string name;
  float confidence = std::numeric_limits<float>::quiet_NaN();
};

/// The tracks of one source. One thread at a time.
class Views {
 public:
  /// Whether the model is to look at a view of that score, which then counts as looked at.
  bool take(std::int64_t id, double score, double pts);
  void keep(std::int64_t id, const Looked& looked) { tracks_[id].looked = looked; }
  /// The result of the track's newest look; an empty one: there is none.
  [[nodiscard]] Looked of(std::int64_t id) const;
  /// Forgets tracks that were not seen for a minute. A step back in time forgets all.
  void advance(double pts);

 private:
  static constexpr int kMostLooks = 6;
  static constexpr double kBetter = 2;
  static constexpr double kKept = 60;  // seconds

  struct Track {
    double best = 0;
    int looks = 0;
    double seen = 0;
    Looked looked;
  };

  double now_ = 0;
  std::map<std::int64_t, Track> tracks_;
};

}  // namespace freshframe::inference
