// Deletes the oldest segments of a recorder before its limits are exceeded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "media/ffmpeg/write/disk_room.hpp"
#include "platform/machine.hpp"
#include "sinks/recording/segments/own_files.hpp"

namespace freshframe::media {

/// Limits for the finished files of a recording; at least one is set. Before a limit would be exceeded, the
/// oldest files are deleted one at a time.
struct Keep {
  std::optional<double> days = {};               // maximum age relative to the newest segment, greater than 0
  std::optional<std::uint64_t> bytes = {};       // maximum size on disk of all files, including the open ones
  std::optional<std::uint64_t> free_bytes = {};  // bytes that must remain free on the disk
  FileOrder order = FileOrder::Number;
  std::string_view what = "segment";  // what a file is called in messages
};

/// Throws OptionError for 0.
void check_keep_bytes(std::optional<std::uint64_t> bytes);
/// The limits in a video file's options; nullopt if there are none. Throws OptionError for a limit out of
/// range.
[[nodiscard]] std::optional<Keep> make_keep(const VideoFileOptions& options);

// Detects steps of the wall clock by comparing it to the time since boot.

/// Both in seconds.
struct MachineClocks {
  std::function<double()> wall;     // Unix time; steps when the clock is set
  std::function<double()> running;  // since boot, including suspend

  [[nodiscard]] static MachineClocks real() {
    return {.wall = [] { return Seconds(std::chrono::system_clock::now().time_since_epoch()).count(); },
            .running = [] { return Seconds(platform::time_since_boot()).count(); }};
  }
};

/// Not thread-safe.
class ClockSteps {
 public:
  explicit ClockSteps(MachineClocks clocks) : clocks_(std::move(clocks)), difference_(difference()) {}

  /// Seconds by which the wall clock was set since the previous call; 0 for up to a minute.
  [[nodiscard]] double step() {
    constexpr double kSmallest = 60;  // corrections by NTP are smaller
    const double now = difference();
    const double by = now - difference_;
    difference_ = now;
    return std::abs(by) > kSmallest ? by : 0;
  }
  [[nodiscard]] double wall() const { return clocks_.wall(); }
  [[nodiscard]] double running() const { return clocks_.running(); }

 private:
  [[nodiscard]] double difference() const { return clocks_.wall() - clocks_.running(); }

  MachineClocks clocks_;
  double difference_;
};

// The finished segments of one recorder, in the order of deletion.

/// What a deletion depends on, besides the list.
struct DiskUse {
  std::uint64_t open_bytes = 0;            // size of the open files
  std::uint64_t reserve = 0;               // bytes that may be written before the next check
  std::optional<std::uint64_t> free = {};  // free bytes on disk; nullopt if unknown
  bool by_age = true;                      // false if the clock cannot be trusted
};

/// Sorted from old to new by the number in the name, or else by modification time. Segments passed to add()
/// stay in their order, whatever the clock says. Not thread-safe.
class KeepList {
 public:
  /// Must be called before a scan, which may miss files added from now on.
  void begin_scan() noexcept;
  /// Merges the result of a scan. Known segments keep their position, and segments marked by leave() are
  /// considered again. Segments that were not found are dropped, unless they were added during the scan.
  void merge(std::vector<OwnFile> found);
  /// Adds a segment that has just been finished.
  void add(const OwnFile& file);
  /// Adds a file that has just been closed, and that may have been written long before.
  void add_in_order(const OwnFile& file);
  void forget(const std::string& name);
  /// Its time of modification, as shift() has moved it; nullopt if it is not in the list.
  [[nodiscard]] std::optional<double> find_written(const std::string& name);
  /// Excludes a segment from deletion until the next merge(), because it is pinned or could not be deleted.
  /// It still counts towards the size.
  void leave(const std::string& name);
  /// Must be called when the wall clock was set by `seconds`: moves known times accordingly.
  void shift(double seconds);

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return files_.size(); }
  /// Unix time of the newest segment; nullopt if there are none.
  [[nodiscard]] std::optional<double> newest() const;
  /// The name of an exceeded limit, "keep_days", "keep_bytes" or "keep_free_bytes", or nullptr.
  [[nodiscard]] const char* find_passed(const Keep& limits, const DiskUse& use) const;
  /// The oldest segment that can be deleted, or nullptr.
  [[nodiscard]] const OwnFile* oldest() const;

 private:
  struct Entry {
    OwnFile file;
    bool left = false;
    bool is_new = false;  // added since the last scan began
  };

  [[nodiscard]] std::deque<Entry>::iterator find(const std::string& name);
  void insert(Entry entry);

  std::deque<Entry> files_;
  std::uint64_t bytes_ = 0;
};

/// Note [Limits kept] Before each flush of an open file, the total size of the finished segments, the open
/// ones and a reserve must be within the limits. The reserve is the largest growth between two flushes plus a
/// quarter. The thread starts to delete when twice the reserve no longer fits, so the recorder waits for it
/// only if the disk is slow. Note [Age of segments] The age of a segment is the time from its last
/// modification to that of the newest one. So segments do not age while nothing is recorded, and the current
/// time does not matter. If the wall clock is set by more than a minute, or is earlier than the files at the
/// start, nothing is deleted by age for a day, and known times are moved with the clock. Deletions run on a
/// separate thread, because deleting large files takes long.
class Retention final : public DiskRoom {
 public:
  Retention(const SegmentPattern& pattern, const Keep& limits, MachineClocks clocks = MachineClocks::real());
  ~Retention() override;

  // begin_file() and the two finish() are thread-safe; the others are called on the recorder's thread.

  /// Call before a file with this name, relative to the pattern's base, is written. It is not deleted while
  /// it is open.
  void begin_file(const std::string& name);
  /// Marks this open file as complete. Does nothing if no such file is open.
  void finish(const std::string& name) noexcept;
  /// Marks all open files as complete.
  void finish() noexcept;
  void before_flush() noexcept override;
  [[nodiscard]] bool after_full() noexcept override;
  /// Waits until the thread has checked the limits again, at most 2 s.
  void catch_up();

  /// The known size of the finished segments. Thread-safe.
  [[nodiscard]] std::uint64_t finished_bytes() const;

 private:
  /// What was known about a file before it was opened.
  struct Before {
    std::optional<OwnFile> on_disk;  // nullopt if the file did not exist
    std::optional<double> written;   // modification time of the file in the list
  };

  void run();
  void look_around() FRESHFRAME_REQUIRES(mutex_);
  void note_clock() FRESHFRAME_REQUIRES(mutex_);
  void delete_passed() FRESHFRAME_REQUIRES(mutex_);
  /// The disk is full: deletes the oldest segment that may be deleted. Returns false if there is none.
  [[nodiscard]] bool make_room() FRESHFRAME_REQUIRES(mutex_);
  void take_removal(const OwnFile& file, const char* limit) FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] DiskUse use(std::uint64_t reserve) const FRESHFRAME_REQUIRES(mutex_);
  void wait_for(std::uint64_t asked) FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] std::uint64_t ask() FRESHFRAME_REQUIRES(mutex_);
  void measure_open() FRESHFRAME_REQUIRES(mutex_);
  void add_finished(const std::string& name, const Before& before) FRESHFRAME_REQUIRES(mutex_);
  void tell(std::optional<double>& told, const std::string& line) FRESHFRAME_REQUIRES(mutex_);
  void log_lines() FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool is_over(std::uint64_t reserve) const FRESHFRAME_REQUIRES(mutex_);

  const OwnFiles files_;
  const std::string shown_;  // the base path, for messages
  const Keep limits_;
  mutable Mutex mutex_;
  Condition asked_;
  Condition done_;
  ClockSteps clock_ FRESHFRAME_GUARDED_BY(mutex_);
  KeepList list_ FRESHFRAME_GUARDED_BY(mutex_);
  std::map<std::string, Before> open_ FRESHFRAME_GUARDED_BY(mutex_);  // by the names of the open files
  std::uint64_t open_bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  std::uint64_t reserve_ FRESHFRAME_GUARDED_BY(mutex_);
  std::uint64_t asks_ FRESHFRAME_GUARDED_BY(mutex_) = 0;     // number of requests to the thread
  std::uint64_t answers_ FRESHFRAME_GUARDED_BY(mutex_) = 0;  // number of answered requests
  std::uint64_t deleted_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  bool is_full_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // set when the disk is full: delete one more segment
  bool ends_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool has_looked_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  std::vector<std::string> lines_ FRESHFRAME_GUARDED_BY(mutex_);  // warnings to be logged
  double looked_ FRESHFRAME_GUARDED_BY(mutex_) = 0;  // time of the last check, in seconds since boot
  std::optional<double> no_age_until_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<double> told_stuck_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<double> told_refused_ FRESHFRAME_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace freshframe::media
