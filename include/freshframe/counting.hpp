// Counts tracked objects that cross a line or are inside zones.
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

/// The point of an object that has to cross a line or border.
enum class Anchor : std::uint8_t { Center, Bottom };

/// Options of LineCounter.
struct LineCounterOptions {
  Point start = {};
  Point end = {};
  Anchor anchor = Anchor::Center;
  /// In pixels. Hysteresis against jitter: an object counts as being on a side of the line only when it is
  /// farther away from it than this. Default: 1/20 of the object's size, at least one pixel.
  std::optional<float> margin = {};
  bool relative = false;  // `start` and `end` are fractions of the image's width and height, 0 to 1
};

/// Counts tracks that cross a line. An object crosses if it is seen on one side and later on the other, and
/// the straight path between the two goes through the line, so dropped frames do not change the count.
/// Sources are counted separately.
class LineCounter final : public EitherNode<Circles, Detections, LineCounts> {
 public:
  /// Throws OptionError.
  explicit LineCounter(const LineCounterOptions& options);
  ~LineCounter() override;
  [[nodiscard]] std::string default_name() const override { return "LineCounter"; }
  /// Moves the line, starting with the next sample. Counts are kept, and the move itself does not make any
  /// object cross. Thread-safe. Throws OptionError without changing anything.
  void set_line(const Point& start, const Point& end);
  /// For use without a pipeline, like BoxTracker::update(). `size` is the image size, needed for `relative`.
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
  std::vector<Point> corners = {};  // the polygon's corners in order, 3 to 1000; edges must not intersect
  Anchor anchor = Anchor::Center;
  std::optional<float> margin = {};  // see LineCounterOptions
  double max_gap = 1;                // how long an object stays inside while it is not seen, in seconds
  /// Seconds inside the zone after which an object counts as loitering: by class name (see class_name()), and
  /// for all other classes. Unset means never.
  std::map<std::string, double> loiter_after_of = {};
  std::optional<double> loiter_after = {};
  bool relative = false;  // corners are fractions of the image's width and height, 0 to 1
};

/// A zone of a ZoneCounter.
struct NamedZone {
  std::string name = {};
  ZoneOptions options = {};
};

/// Counts tracks in zones, separately for each zone and source.
class ZoneCounter final : public EitherNode<Circles, Detections, Zones> {
 public:
  static constexpr std::size_t kMost = 1000;

  /// Throws OptionError.
  explicit ZoneCounter(const std::vector<NamedZone>& zones);
  ~ZoneCounter() override;
  [[nodiscard]] std::string default_name() const override { return "ZoneCounter"; }
  /// Replaces the zones, starting with the next sample. A zone keeps its counts if its name stays. Nothing
  /// enters or leaves because of the change: an object that is now inside has appeared, and the visit of one
  /// that is now outside ends as lost. Thread-safe. Throws OptionError without changing anything.
  void set_zones(const std::vector<NamedZone>& zones);
  /// For use without a pipeline, like BoxTracker::update(). `size` is the image size, needed for `relative`.
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
