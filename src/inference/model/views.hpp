// The views of a track that a second model has seen, its result, and the best view that it has not seen.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/classification.hpp"
#include "freshframe/frame.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace freshframe::inference {

struct Looked {
  std::string name;
  float confidence = std::numeric_limits<float>::quiet_NaN();
  double pts = std::numeric_limits<double>::quiet_NaN();  // of the picture
};

/// A picture of a track, at the time `pts`.
struct View {
  std::int64_t id = 0;
  double pts = 0;
  Frame crop;
};

/// The tracks of one source. One thread at a time.
class Views {
 public:
  using Copy = std::function<Frame()>;

  /// Whether the model is to look at a view of that score, which then counts as looked at.
  bool take(std::int64_t id, double score, double pts);
  /// Keeps a copy of the view, if take() would and it is the best of those not seen.
  void offer(std::int64_t id, double score, double pts, const Copy& copy);
  /// The views that were the best ones for half a second: they count as looked at.
  [[nodiscard]] std::vector<View> due();
  void keep(std::int64_t id, const Looked& looked) { tracks_[id].looked = looked; }
  /// The result of the track's newest look; an empty one: there is none.
  [[nodiscard]] Looked of(std::int64_t id) const;
  /// Forgets tracks that were not seen for a minute. A step back in time forgets all.
  void advance(double pts);

 private:
  static constexpr int kMostLooks = 6;
  static constexpr double kBetter = 2;
  static constexpr double kGrown = 1.05;    // times the score: less is the detector's noise
  static constexpr double kPatience = 0.5;  // seconds
  static constexpr double kKept = 60;       // seconds

  struct Track {
    double best = 0;  // of the views that were looked at
    int looks = 0;
    double seen = 0;
    Looked looked;
    // The view that waits.
    double waiting = 0;  // its score; 0: there is none
    double since = 0;
    Frame crop = {};
  };

  [[nodiscard]] static bool is_wanted(const Track& track, double score) {
    return score > 0 && track.looks < kMostLooks && (track.looks == 0 || score >= kBetter * track.best);
  }
  static void count(Track& track, double score) {
    track.best = score;
    ++track.looks;
  }

  double now_ = 0;
  std::map<std::int64_t, Track> tracks_;
};

}  // namespace freshframe::inference
