// The files of one recorder, one after the other: their names, their limits, and who is notified of them.
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

/// The message for a recording in one file that gets pictures of another source. `what`: "frames" or "packets".
[[nodiscard]] std::string another_source(const std::string& path, const std::string& what);

/// The part of a file that survives a failure.
struct SavedPart {
  std::uint64_t pictures = 0;
  std::uint64_t bytes = 0;
  platform::FilePlace place = platform::FilePlace::Same;
};

/// One thread, except next_segment().
class RecordingFiles {
 public:
  /// Throws OptionError for a path or options that do not suit each other.
  RecordingFiles(std::string path, const VideoFileOptions& options);

  /// Returns the path as given: for segments the pattern.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The path of the newest file, from the root on; empty means there was none.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Seconds of a segment; nullopt means the recording is one file.
  [[nodiscard]] const std::optional<double>& segment() const noexcept { return segment_; }
  /// The length of a segment in seconds of `pts`, which may run at another pace than time (Stamp::pace).
  [[nodiscard]] double segment_in_pts(float pace) const { return segment_.value() * pace; }

  /// Makes a file of that path.
  using Make = std::function<void(const std::string& path, FileOpening opening)>;

  /// The pipeline starts. `make` removes its file again. Throws Error if a segment could not be written.
  void open(const Context& context, const Make& make);
  void begin_file(const Make& make);
  /// Notes a picture of the file. The first `kept` pictures would survive a failure.
  void note(const Stamp& stamp, std::uint64_t kept) {
    facts_.note(stamp);
    facts_.keep(kept);
  }
  /// The file ends: `end` closes it and returns its bytes. It is reported if it has pictures. Where `end` throws,
  /// give_up() must follow.
  void end_file(bool has_pictures, const std::function<std::uint64_t()>& end);
  /// The file ends by a failure: `close` closes it. It is reported if it has pictures and is where its name says, now or
  /// when a later file begins or the recording ends.
  /// Returns how many of the pictures that were noted are lost. begin_file() begins the next file.
  [[nodiscard]] std::uint64_t give_up(const SavedPart& kept, const std::function<void()>& close);
  /// Ends the files: `finish` ends the last one. They are closed even when it throws.
  void close(const std::function<void()>& finish);
  /// Does the work of VideoFile::next_segment().
  [[nodiscard]] std::optional<Segment> next_segment() { return finished_.next(); }

 private:
  /// A segment whose folder was away when it failed.
  struct AwaySegment {
    Segment segment;
    platform::FileId file;
  };

  void close() noexcept;
  void report(std::uint64_t bytes) { report(facts_.take(name_, bytes)); }
  void report(Segment segment);
  /// Reports the segments that are where their names say again.
  void report_returned();
  /// Calls `make` for the next name that no other program takes. Returns the path.
  [[nodiscard]] std::string make_segment(const Make& make, Retention* retention);
  [[nodiscard]] std::string make_single(const Make& make) const;
  [[nodiscard]] double now() const { return clock_->unix_time(clock_->now()); }

  std::string path_;
  std::string place_;  // that path, settled by open()
  std::string name_;
  std::string broken_;     // the failed file that the next one continues, or empty
  bool has_file_ = false;  // a file of the recording has had the name: what is there now is not replaced
  std::optional<double> segment_;
  std::optional<Keep> keep_;
  bool reports_;
  std::optional<SegmentNames> names_;  // names of segments
  const Clock* clock_ = nullptr;
  SegmentFacts facts_;
  std::optional<platform::FileId> file_;  // the newest file, if it is a regular one
  std::vector<AwaySegment> away_;
  FinishedSegments finished_;
  std::optional<PatternClaim> claim_;
  std::unique_ptr<Retention> retention_;
};

}  // namespace freshframe::media
