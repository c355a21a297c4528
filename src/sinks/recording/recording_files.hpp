// The successive files of one recorder: their names, limits and notifications.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/write/output_file.hpp"
#include "platform/file.hpp"
#include "sinks/recording/segments/finished_segments.hpp"
#include "sinks/recording/segments/pattern_claim.hpp"
#include "sinks/recording/segments/retention.hpp"
#include "sinks/recording/segments/segment_facts.hpp"
#include "sinks/recording/segments/segment_names.hpp"

namespace freshframe::media {

/// The error for a recording to a single file that receives frames of a second source. `what`: "frames" or
/// "packets".
[[nodiscard]] std::string another_source(const std::string& path, const std::string& what);

/// The part of a file that is left after a failure.
struct SavedPart {
  std::uint64_t pictures = 0;
  std::uint64_t bytes = 0;
  platform::FilePlace place = platform::FilePlace::Same;
};

/// Not thread-safe, except next_segment().
class RecordingFiles {
 public:
  /// Throws OptionError if the path and the options are incompatible.
  RecordingFiles(std::string path, const VideoFileOptions& options);

  /// The path as given; with segments this is the pattern.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The absolute path of the newest file; empty if there is none.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Segment length in seconds; nullopt if the recording is one file.
  [[nodiscard]] const std::optional<double>& segment() const noexcept { return segment_; }
  /// Segment length in seconds of `pts`, which may run at another rate than real time (Stamp::pace).
  [[nodiscard]] double segment_in_pts(float pace) const { return segment_.value() * pace; }

  /// Declares that frames are `seconds` apart, so that this is not reported as gaps.
  void expect_gaps(double seconds) { facts_.expect_gaps(seconds); }

  /// Creates a file at that path.
  using Make = std::function<void(const std::string& path, FileOpening opening)>;

  /// Called at the start of the pipeline. `make` must remove its file again. Throws Error if a segment cannot
  /// be written.
  void open(const Context& context, const Make& make);
  void begin_file(const Make& make);
  /// Records that a frame was added to the file. The first `kept` frames would survive a failure.
  void note(const Stamp& stamp, std::uint64_t kept) {
    facts_.note(stamp);
    facts_.keep(kept);
  }
  /// Ends a file. `end` closes it and returns its size in bytes. The file is reported if it has frames. If
  /// `end` throws, give_up() must be called.
  void end_file(bool has_pictures, const std::function<std::uint64_t()>& end);
  /// Ends a file after a failure. `close` closes it. If it has frames, it is reported as soon as it exists
  /// under its name: now, when a later file begins, or when the recording ends. Returns the number of
  /// recorded frames that are lost. begin_file() starts the next file.
  [[nodiscard]] std::uint64_t give_up(const SavedPart& kept, const std::function<void()>& close);
  /// Ends the recording. `finish` ends the last file. All files are closed even if it throws.
  void close(const std::function<void()>& finish);
  /// Implements VideoFile::next_segment().
  [[nodiscard]] std::optional<Segment> next_segment() { return finished_.next(); }

 private:
  /// A segment that failed while its folder was missing, such as an unmounted disk.
  struct AwaySegment {
    Segment segment;
    platform::FileId file;
  };

  void close() noexcept;
  void report(std::uint64_t bytes) { report(facts_.take(name_, bytes)); }
  void report(Segment segment);
  /// Reports such segments whose folder exists again.
  void report_returned();
  /// Calls `make` with the next unused name. Returns the path.
  [[nodiscard]] std::string make_segment(const Make& make, Retention* retention);
  [[nodiscard]] std::string make_single(const Make& make) const;
  [[nodiscard]] double now() const { return clock_->unix_time(clock_->now()); }

  std::string path_;
  std::string place_;  // path_, made absolute by open()
  std::string name_;
  std::string broken_;     // the failed file that the next one continues; empty if there is none
  bool has_file_ = false;  // this recording has created a file with this name, which must not be replaced
  std::optional<double> segment_;
  std::optional<Keep> keep_;
  bool reports_;
  std::optional<SegmentNames> names_;  // names of segments
  const Clock* clock_ = nullptr;
  SegmentFacts facts_;
  std::optional<platform::FileId> file_;  // the newest file, if it is a regular file
  std::vector<AwaySegment> away_;
  FinishedSegments finished_;
  std::optional<PatternClaim> claim_;
  std::unique_ptr<Retention> retention_;
};

}  // namespace freshframe::media
