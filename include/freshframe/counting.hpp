// Counters of tracks that cross a line or are in zones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/line_counts.hpp"
#include "freshframe/node.hpp"
#include "freshframe/results.hpp"
#include "freshframe/zones.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

/// The point of an object that must cross a line or a border.
enum class Anchor : std::uint8_t { Center, Bottom };

/// Options of LineCounter.
struct LineCounterOptions {
  Point start = {};
  Point end = {};
  Anchor anchor = Anchor::Center;
  /// Pixels. An object is on a side of the line only when it is seen farther from it than this. nullopt means
  /// a twentieth of the object's size, at least one pixel.
  std::optional<float> margin = {};
  bool relative = false;  // `start` and `end` are shares of the picture's width and height, 0 to 1
};

/// Counts tracks that cross a line. An object has crossed when it was seen on one side and then on the other,
/// and the straight path between the sightings goes through the line. So dropped pictures do not change the
/// count. One count per source.
class LineCounter final : public EitherNode<Circles, Detections, LineCounts> {
 public:
  /// Throws OptionError.
  explicit LineCounter(const LineCounterOptions& options);
  ~LineCounter() override;
  [[nodiscard]] std::string default_name() const override { return "LineCounter"; }
  /// Moves the line from the next sample on. The counts go on; no object crosses by the move. Any thread. Throws
  /// OptionError, and nothing changes.
  void set_line(const Point& start, const Point& end);
  /// For programs without a pipeline, as BoxTracker::update(). `size`: of the picture, for `relative`.
  [[nodiscard]] LineCounts update(const Circles& tracks, double pts, int source = 0, PictureSize size = {});
  [[nodiscard]] LineCounts update(const Detections& tracks, double pts, int source = 0,
                                  PictureSize size = {});
  std::optional<LineCounts> process(const Sample<Circles>& sample, const Context& context) override;
  std::optional<LineCounts> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of one zone of a ZoneCounter.
struct ZoneOptions {
  std::vector<Point> corners = {};  // in order around the zone, 3 to 1000; edges must not cross
  Anchor anchor = Anchor::Center;
  std::optional<float> margin = {};  // as of LineCounterOptions
  double max_gap = 1;                // seconds for which an unseen object stays inside
  /// Seconds of a visit after which an object loiters: by the name of its class (as class_name() gives it),
  /// and of all other classes. Without a value none does.
  std::map<std::string, double> loiter_after_of = {};
  std::optional<double> loiter_after = {};
  bool relative = false;  // corners are shares of the picture's width and height, 0 to 1
};

/// One of the zones of a ZoneCounter.
struct NamedZone {
  std::string name = {};
  ZoneOptions options = {};
};

/// Counts tracks in zones. One count per zone and source.
class ZoneCounter final : public EitherNode<Circles, Detections, Zones> {
 public:
  static constexpr std::size_t kMost = 1000;

  /// Throws OptionError.
  explicit ZoneCounter(const std::vector<NamedZone>& zones);
  ~ZoneCounter() override;
  [[nodiscard]] std::string default_name() const override { return "ZoneCounter"; }
  /// Other zones from the next sample on. The counts of a zone whose name stays go on, and it has its new options. By a
  /// move nothing enters or leaves: an object that it puts inside has appeared, and the visit of an object that it puts
  /// outside has ended as lost. Any thread. Throws OptionError, and nothing changes.
  void set_zones(const std::vector<NamedZone>& zones);
  /// For programs without a pipeline, as BoxTracker::update(). `size`: of the picture, for `relative`.
  [[nodiscard]] Zones update(const Circles& tracks, double pts, int source = 0, PictureSize size = {});
  [[nodiscard]] Zones update(const Detections& tracks, double pts, int source = 0, PictureSize size = {});
  std::optional<Zones> process(const Sample<Circles>& sample, const Context& context) override;
  std::optional<Zones> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
