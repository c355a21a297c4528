// Circles and boxes: found in one frame, tracked over time, drawn.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/data_column.hpp"
#include "freshframe/node.hpp"
#include "freshframe/region.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
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
  float age = 0;               // seconds since the object was first seen
  float track_confidence = 0;  // 0..1: weighted mean of its confidences, the latest with the largest weight
};

/// The members of TrackInfo that have values. The trackers of this library fill all.
struct TrackColumns {
  bool velocity = true;
  bool age = true;
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

/// Options of CircleFinder and CircleDetector.
struct CircleDetectorOptions {
  /// Pixels. A reported radius may exceed this range by the measuring error: half a pixel, or 3 % of the
  /// radius.
  float min_radius = 6;
  float max_radius = 200;
  int max_circles = 64;         // 1 to 500; the best are kept
  float min_confidence = 0.5F;  // 0..1
  /// True: report all circles around one centre, as in targets and wheels. False: only the best of them.
  bool concentric = false;
  /// Only this part of a picture is searched. The circles are in the coordinates of the whole picture.
  std::optional<Region> roi = {};
  bool operator==(const CircleDetectorOptions&) const = default;
};

/// Finds circles in a grey picture. Keeps scratch memory between calls; one thread at a time.
class CircleFinder {
 public:
  explicit CircleFinder(const CircleDetectorOptions& options = {});
  CircleFinder(CircleFinder&&) noexcept;
  CircleFinder& operator=(CircleFinder&&) noexcept;
  ~CircleFinder();

  /// `luma`: one byte per pixel, any size from 1x1. Most confident first.
  [[nodiscard]] std::vector<Circle> find(const Plane& luma);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of CircleTracker.
struct CircleTrackerOptions {
  CircleDetectorOptions detector = {.max_circles = 16, .min_confidence = 0.3F};
  /// Seconds for which an unseen circle keeps its id; twice as long if no picture arrived meanwhile.
  double max_gap = 0.5;
  /// Of CircleTracker: seconds between searches of the whole picture. In between it searches the predicted
  /// positions of its tracks, and the places that have changed since their last search. That costs a third or
  /// less. 0: it searches the whole of every picture.
  double full_every = 1;
};

/// Gives circles identities over time, without pictures. Time is in seconds, so dropped frames need no
/// special case. At most 512 tracks at a time. Of more than 1024 circles the most confident are considered.
/// Non-finite circles, and those beyond 1e7 pixels, are ignored. One thread at a time.
class CircleAssociator {
 public:
  explicit CircleAssociator(const CircleTrackerOptions& options = {});
  CircleAssociator(CircleAssociator&&) noexcept;
  CircleAssociator& operator=(CircleAssociator&&) noexcept;
  ~CircleAssociator();

  /// `pts` in seconds, ascending (a step back ends all tracks). Returns the circles whose track is confirmed.
  [[nodiscard]] Circles update(double pts, const std::vector<Circle>& found);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

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
/// one detector share them; null: not known.
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
  /// Each box's row of `further`. nullopt: row i belongs to box i.
  std::optional<std::vector<std::int64_t>> rows = {};
};
template <>
inline constexpr std::string_view kTypeName<Detections> = "Detections";

class Ground;  // in freshframe/ground.hpp

/// The size of a picture in pixels; 0: not known.
struct PictureSize {
  int width = 0;
  int height = 0;
};

/// Options of BoxTracker.
struct BoxTrackerOptions {
  double max_gap = 1;           // as of CircleTrackerOptions
  float min_confidence = 0.1F;  // boxes below are ignored
  /// Least overlap (intersection over union) of a track's predicted box and the box that continues it. If the
  /// prediction is uncertain, both are first enlarged by the uncertainty.
  float iou = 0.3F;
  /// The plane that the objects stand on. With it, results have the columns place, ground_velocity, speed and
  /// speed_error.
  std::shared_ptr<const Ground> ground = {};
};

/// A tracker's result for the boxes of one picture: those whose track is confirmed, by ascending id.
struct TrackedBoxes {
  std::vector<std::int64_t> rows;  // indices of the given boxes
  std::vector<std::int64_t> ids;
  std::vector<TrackInfo> tracks;
};

/// Gives boxes identities over time, as CircleAssociator does for circles. A track keeps its class. At most
/// 512 tracks at a time. Of more than 1024 boxes the most confident are considered. Boxes that are not
/// finite, lie beyond 1e7 pixels or have right < left or bottom < top are ignored. One thread at a time.
class BoxAssociator {
 public:
  explicit BoxAssociator(const BoxTrackerOptions& options = {});
  BoxAssociator(BoxAssociator&&) noexcept;
  BoxAssociator& operator=(BoxAssociator&&) noexcept;
  ~BoxAssociator();

  /// `pts` in seconds, ascending (a step back ends all tracks).
  [[nodiscard]] TrackedBoxes update(double pts, std::span<const Detection> found);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Finds the circles of each frame, independently of other frames.
class CircleDetector final : public Node<Frame, Circles> {
 public:
  explicit CircleDetector(const CircleDetectorOptions& options = {});
  [[nodiscard]] std::string default_name() const override { return "CircleDetector"; }
  std::optional<Circles> process(const Sample<Frame>& sample, const Context& context) override;

 private:
  CircleFinder finder_;
};

/// Detector and associator in one node; one set of tracks per source below a merge.
class CircleTracker final : public Node<Frame, Circles> {
 public:
  explicit CircleTracker(const CircleTrackerOptions& options = {});
  ~CircleTracker() override;
  [[nodiscard]] std::string default_name() const override { return "CircleTracker"; }
  /// The circles of one picture that have an identity, for programs without a pipeline. `time` in seconds,
  /// ascending (a step back ends all tracks). Each source has tracks of its own.
  [[nodiscard]] Circles update(const Frame& frame, double time, int source = 0);
  std::optional<Circles> process(const Sample<Frame>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A tracker of boxes as a node; one set of tracks per source.
class BoxTracker final : public Node<Detections, Detections> {
 public:
  explicit BoxTracker(const BoxTrackerOptions& options = {});
  ~BoxTracker() override;
  [[nodiscard]] std::string default_name() const override { return "BoxTracker"; }
  /// The boxes of one picture that have an identity, for programs without a pipeline. `time` in seconds,
  /// ascending (a step back ends all tracks). Each source has tracks of its own. `size`: of the picture, in
  /// which a box at the edge is cut off: with a ground it has no foot.
  [[nodiscard]] Detections update(const Detections& found, double time, int source = 0,
                                  PictureSize size = {});
  std::optional<Detections> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A point of a picture in pixels, in the coordinates of the tracks: those of Circle or of Detection.
struct Point {
  float x = 0;
  float y = 0;
};

/// The point of an object that must cross a line or a border.
enum class Anchor : std::uint8_t { Center, Bottom };

/// One object that crossed a line or a zone's border.
struct Crossing {
  std::int64_t id = 0;
  int class_id = 0;
  bool forward = true;  // of a zone: into it
  Point at = {};        // the place, on the straight path between two sightings
  double pts = 0;       // the time on that path, in seconds
};

/// Options of LineCounter.
struct LineCounterOptions {
  Point start = {};
  Point end = {};
  Anchor anchor = Anchor::Center;
  /// Pixels. An object is on a side of the line only when it is seen farther from it than this. nullopt: a
  /// twentieth of the object's size, at least one pixel.
  std::optional<float> margin = {};
};

/// Numbers of crossings in both directions.
struct DirectionCounts {
  std::int64_t forward = 0;
  std::int64_t backward = 0;
};

/// The crossings of a line since the start. Forward is to the right, seen from `start` towards `end`:
/// downwards for a line drawn from left to right.
struct LineCounts : DirectionCounts {
  Point start = {};
  Point end = {};
  std::map<int, DirectionCounts> classes = {};  // by class_id
  std::vector<Crossing> crossings = {};         // events: found with this sample or one that its edge dropped
  std::variant<Circles, Detections> tracks = {};

  [[nodiscard]] bool has_events() const noexcept { return !crossings.empty(); }
  void absorb(std::span<const LineCounts* const> older);
};
template <>
inline constexpr std::string_view kTypeName<LineCounts> = "LineCounts";

/// Counts tracks that cross a line. An object has crossed when it was seen on one side and then on the other,
/// and the straight path between the sightings goes through the line. So dropped pictures do not change the
/// count. One count per source.
class LineCounter final : public EitherNode<Circles, Detections, LineCounts> {
 public:
  /// Throws OptionError.
  explicit LineCounter(const LineCounterOptions& options);
  ~LineCounter() override;
  [[nodiscard]] std::string default_name() const override { return "LineCounter"; }
  /// For programs without a pipeline, as BoxTracker::update().
  [[nodiscard]] LineCounts update(const Circles& tracks, double time, int source = 0);
  [[nodiscard]] LineCounts update(const Detections& tracks, double time, int source = 0);
  std::optional<LineCounts> process(const Sample<Circles>& sample, const Context& context) override;
  std::optional<LineCounts> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of ZoneCounter.
struct ZoneCounterOptions {
  std::vector<Point> corners = {};  // in order around the zone, 3 to 1000; edges must not cross
  Anchor anchor = Anchor::Center;
  std::optional<float> margin = {};  // as of LineCounterOptions
  double max_gap = 1;                // seconds for which an unseen object stays inside
  /// Seconds of a visit after which an object loiters: by the name of its class (as class_name() gives it),
  /// and of all other classes. Without a value none does.
  std::map<std::string, double> loiter_of = {};
  std::optional<double> loiter = {};
};

/// One stay of an object in a zone. Times are the samples' pts, in seconds.
struct Visit {
  enum class End : std::uint8_t { Left, Lost };
  std::int64_t id = 0;
  int class_id = 0;
  double entered = 0;  // the crossing of the border, or the first sight if that was inside
  double ended = 0;    // the last sight inside
  End how = End::Left;
  [[nodiscard]] double dwell() const noexcept { return ended - entered; }
};

/// The objects in a zone, and the crossings of its border since the start.
struct ZoneCounts {
  std::vector<Point> corners = {};
  std::int64_t entered = 0;  // an object that is first seen inside has not entered
  std::int64_t left = 0;
  std::int64_t appeared = 0;              // objects that were first seen inside
  std::int64_t lost = 0;                  // objects that were inside when they were last seen
  std::vector<std::int64_t> inside = {};  // ids, ascending
  /// Seconds from the begin of the visit of each id of `inside` to its last sight.
  std::vector<double> seconds = {};
  std::vector<std::int64_t> loitering = {};  // ids of `inside` that are there for longer than `loiter`
  std::vector<Crossing> crossings = {};      // events, as of LineCounts
  std::vector<Visit> visits = {};            // events: visits that have ended
  std::vector<std::int64_t> loitered = {};   // events: ids that have begun to loiter
  std::variant<Circles, Detections> tracks = {};

  [[nodiscard]] bool has_events() const noexcept {
    return !crossings.empty() || !visits.empty() || !loitered.empty();
  }
  void absorb(std::span<const ZoneCounts* const> older);
};
template <>
inline constexpr std::string_view kTypeName<ZoneCounts> = "ZoneCounts";

/// Counts tracks in a zone. One count per source.
class ZoneCounter final : public EitherNode<Circles, Detections, ZoneCounts> {
 public:
  /// Throws OptionError.
  explicit ZoneCounter(const ZoneCounterOptions& options);
  ~ZoneCounter() override;
  [[nodiscard]] std::string default_name() const override { return "ZoneCounter"; }
  /// For programs without a pipeline, as BoxTracker::update().
  [[nodiscard]] ZoneCounts update(const Circles& tracks, double time, int source = 0);
  [[nodiscard]] ZoneCounts update(const Detections& tracks, double time, int source = 0);
  std::optional<ZoneCounts> process(const Sample<Circles>& sample, const Context& context) override;
  std::optional<ZoneCounts> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of Annotate.
struct AnnotateOptions {
  bool ids = true;
  bool names = true;                     // of classes, where they are known
  std::optional<bool> confidences = {};  // nullopt: of boxes only
  double trail = 1.0;                    // seconds of path drawn behind a tracked object; 0: none
  float line_width = 0;                  // pixels; 0: chosen from the picture's size
};

/// Draws circles or boxes, their labels and trails, and counts, into a copy of the sample's frame in the
/// frame's own format. A gray frame becomes I420. A circle has the colour of its id or, without one, of its
/// confidence. A box has the colour of its class. Circles and boxes that are not finite or lie beyond 1e6
/// pixels are left out. Labels are in ASCII: accents are removed, and every other letter is drawn as an empty
/// box.
class Annotate final : public NodeBase {
 public:
  using Output = Frame;
  template <class In>
  static constexpr bool kTakes = std::is_same_v<In, Circles> || std::is_same_v<In, Detections> ||
                                 std::is_same_v<In, LineCounts> || std::is_same_v<In, ZoneCounts>;

  explicit Annotate(const AnnotateOptions& options = {});
  ~Annotate() override;
  [[nodiscard]] std::string default_name() const override { return "Annotate"; }
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const override;
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return type_of<Frame>(); }
  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) override;
  void source_gone(int source) override;
  /// Draws one picture, for programs without a pipeline. `value` is one of the four types. `time` in seconds,
  /// for trails; nullopt: without trails.
  [[nodiscard]] Frame draw(const Frame& frame, const ValueRef& value, std::optional<double> time = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe
