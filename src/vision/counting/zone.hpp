// One zone: who is in it, in each source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/counting.hpp"
#include "freshframe/frame.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vision/counting/placement.hpp"
#include "vision/counting/polygon.hpp"
#include "vision/counting/sightings.hpp"

namespace freshframe::vision {

/// What is known of an object and a zone.
struct ZoneState {
  double seen = 0;  // seconds
  double x = 0;
  double y = 0;
  double depth = 0;  // pixels from the border, positive inside
  int side = 0;      // the side where it was last seen clearly: 1 inside, -1 outside, 0 none
  int class_id = 0;
  bool gone = false;   // its visit has ended because it was not seen: it is seen as if for the first time
  double entered = 0;  // of the visit that lasts, while it is inside
  bool loiters = false;

  [[nodiscard]] bool is_inside() const noexcept { return !gone && (side == 0 ? depth > 0 : side > 0); }
};

/// One thread at a time.
class Zone {
 public:
  /// `who`: for messages, such as "ZoneCounter". Throws OptionError.
  Zone(std::string who, const ZoneCounterOptions& options);

  /// The counts of a source with the tracks of one more picture; without these tracks. Throws Error for tracks
  /// without ids, and without the size that relative corners need.
  template <class Found>
  [[nodiscard]] ZoneCounts update(const Found& found, double pts, int source, PictureSize size);
  /// Warns once per source when the zone is outside of the picture.
  void check_place(const Frame& frame, int source, const Context& context);
  void forget(int source) { sources_.erase(source); }
  /// From the next update() on. The counts go on.
  void change(const Zone& to);

 private:
  struct OfSource {
    Sightings<ZoneState> things;
    std::set<std::int64_t> inside;  // ids of `things` that are: most of a long time are not
    ZoneCounts counts;
    PictureSize size;
    std::optional<Polygon> area;
    bool is_moved = false;  // the zone, since the last sample
  };

  OfSource& of_source(int source, PictureSize size);
  [[nodiscard]] std::vector<Point> corners_in(PictureSize size) const;
  [[nodiscard]] std::optional<double> limit_of(const Circles& /*found*/, int /*class_id*/) const {
    return options_.loiter;
  }
  [[nodiscard]] std::optional<double> limit_of(const Detections& found, int class_id) const;
  /// Throws Error for loiter_of with a class that no object can have.
  void check_loiter(const Circles& found) const;
  void check_loiter(const Detections& found) const;
  void see(OfSource& of, const Sighting& seen) const;
  static void note(OfSource& of, std::int64_t id, const ZoneState& state);
  /// After a move of the zone: who is inside now.
  static void begin_again(OfSource& of);
  static void end_as_lost(ZoneCounts& counts, std::int64_t id, const ZoneState& state);
  /// Ends the visits of objects that were not seen for max_gap.
  void lose(OfSource& of, double pts) const;

  std::string who_;
  ZoneCounterOptions options_;
  std::map<int, OfSource> sources_;
  Placement placement_;
};

extern template ZoneCounts Zone::update(const Circles&, double, int, PictureSize);
extern template ZoneCounts Zone::update(const Detections&, double, int, PictureSize);

}  // namespace freshframe::vision
