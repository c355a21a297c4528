// Deletes the oldest segments of one recorder before its limits are passed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "media/ffmpeg/write/disk_room.hpp"
#include "platform/machine.hpp"
#include "sinks/recording/segments/own_files.hpp"

namespace freshframe::media {

/// Which finished segments of a recording stay on the disk: as long as no limit is passed. At least one is given.
/// Otherwise the oldest goes, before the limit is passed, and one at a time.
struct Keep {
  std::optional<double> days = {};               // age against the newest segment, above 0
  std::optional<std::uint64_t> bytes = {};       // size of all segments, with the open one, on the disk
  std::optional<std::uint64_t> free_bytes = {};  // bytes that the disk should have left
};

/// The limits among the options of a video file; nullopt if it has none. Throws OptionError for a limit that is out of
/// range.
[[nodiscard]] std::optional<Keep> make_keep(const VideoFileOptions& options);

// Steps of the wall clock, found by comparison with the time since the machine was started.

/// Both in seconds.
struct MachineClocks {
  std::function<double()> wall;     // Unix time, which can be set
  std::function<double()> running;  // since the machine started: counts on while the machine sleeps

  [[nodiscard]] static MachineClocks real() {
    return {.wall = [] { return Seconds(std::chrono::system_clock::now().time_since_epoch()).count(); },
            .running = [] { return Seconds(platform::time_since_boot()).count(); }};
  }
};

/// One thread.
class ClockSteps {
 public:
  explicit ClockSteps(MachineClocks clocks) : clocks_(std::move(clocks)), difference_(difference()) {}

  /// Seconds by which the wall clock was set since the last call; 0 for a minute or less.
  [[nodiscard]] double step() {
    constexpr double kSmallest = 60;  // corrections of a time server are smaller
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

// The finished segments of one recorder, and which of them goes next.

/// The facts that decide a deletion, apart from the list.
struct DiskUse {
  std::uint64_t open_bytes = 0;            // size of the file that is being written
  std::uint64_t reserve = 0;               // bytes that may come before the next look
  std::optional<std::uint64_t> free = {};  // bytes on the disk; nullopt means unknown
  bool by_age = true;                      // false means the clock cannot be trusted
};

/// Oldest first: by the number in the name, or else by the time of the last change. Segments that this process
/// has finished are in their order, whatever the clock says. One thread.
class KeepList {
 public:
  /// A scan of the folders begins: it may not see what is added from now on.
  void begin_scan() noexcept;
  /// The result of a scan. Known segments stay where they are, and a segment that a removal has left stays left
  /// no longer. Segments that were not found are forgotten, unless they were added during the scan.
  void merge(std::vector<OwnFile> found);
  /// A segment that was finished now.
  void add(const OwnFile& file);
  void forget(const std::string& name);
  /// Cannot be deleted, until the next merge(): it is pinned, or the system refuses. It stays in the sum.
  void leave(const std::string& name);
  /// The wall clock was set by `seconds`: known times are moved with it.
  void shift(double seconds);

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return files_.size(); }
  /// Unix time of the newest one; nullopt without segments.
  [[nodiscard]] std::optional<double> newest() const;
  /// The limit that is passed: "keep_days", "keep_bytes" or "keep_free_bytes"; nullptr: none.
  [[nodiscard]] const char* find_passed(const Keep& limits, const DiskUse& use) const;
  /// Returns the oldest segment that can be deleted, or nullptr.
  [[nodiscard]] const OwnFile* oldest() const;

 private:
  struct Entry {
    OwnFile file;
    bool left = false;
    bool is_new = false;  // was added since the last scan began
  };

  [[nodiscard]] std::deque<Entry>::iterator find(const std::string& name);
  void insert(const OwnFile& file);

  std::deque<Entry> files_;
  std::uint64_t bytes_ = 0;
};

/// Note [Limits kept]
/// Before each flush of the open file the sum of the finished segments, of the open one and of a reserve must be
/// within the limits. The reserve is the most by which the file grew between two flushes, and a quarter more.
/// The thread deletes when twice the reserve no longer fits, so the recorder waits for it only where the disk
/// is slow.
///
/// Note [Age of segments]
/// The age of a segment is the time from its last change to the last change of the newest one. So nothing ages while
/// nothing is recorded, and the clock's own time does not count. When the wall clock is set by more than a
/// minute, or is earlier than the files at the start, nothing is deleted by age for a day, and the times that are
/// known are moved with the clock.
///
/// Deletions run on a separate thread, because deleting large files takes long.
class Retention final : public DiskRoom {
 public:
  Retention(const SegmentPattern& pattern, const Keep& limits, MachineClocks clocks = MachineClocks::real());
  ~Retention() override;

  // The recorder's thread.

  /// A segment of this name, below the pattern's base, is about to be written. It is never deleted.
  void begin_file(const std::string& name);
  /// Notes that the file is complete.
  void finish() noexcept;
  void before_flush() noexcept override;
  [[nodiscard]] bool after_full() noexcept override;
  /// Waits until the thread has looked again, at most 2 s.
  void catch_up();

  /// Returns the known size of the finished segments. Any thread.
  [[nodiscard]] std::uint64_t finished_bytes() const;

 private:
  void run();
  void look_around() FRESHFRAME_REQUIRES(mutex_);
  void note_clock() FRESHFRAME_REQUIRES(mutex_);
  void delete_passed() FRESHFRAME_REQUIRES(mutex_);
  /// Deletes the oldest segment that may be, on a full disk. Returns false if no segment may be deleted.
  [[nodiscard]] bool make_room() FRESHFRAME_REQUIRES(mutex_);
  void take_removal(const OwnFile& file, const char* limit) FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] DiskUse use(std::uint64_t reserve) const FRESHFRAME_REQUIRES(mutex_);
  void wait_for(std::uint64_t asked) FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] std::uint64_t ask() FRESHFRAME_REQUIRES(mutex_);
  void measure_open() FRESHFRAME_REQUIRES(mutex_);
  void tell(std::optional<double>& told, const std::string& line) FRESHFRAME_REQUIRES(mutex_);
  void log_lines() FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool is_over(std::uint64_t reserve) const FRESHFRAME_REQUIRES(mutex_);

  const OwnFiles files_;
  const std::string shown_;  // the base, for messages
  const Keep limits_;
  mutable Mutex mutex_;
  Condition asked_;
  Condition done_;
  ClockSteps clock_ FRESHFRAME_GUARDED_BY(mutex_);
  KeepList list_ FRESHFRAME_GUARDED_BY(mutex_);
  std::string open_ FRESHFRAME_GUARDED_BY(mutex_);  // name of the open segment; empty when no segment is open
  std::uint64_t open_bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  std::uint64_t reserve_ FRESHFRAME_GUARDED_BY(mutex_);
  std::uint64_t asks_ FRESHFRAME_GUARDED_BY(mutex_) = 0;     // calls that the thread should answer
  std::uint64_t answers_ FRESHFRAME_GUARDED_BY(mutex_) = 0;  // existing ones
  std::uint64_t deleted_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  bool is_full_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // the disk: one more must go
  bool ends_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool has_looked_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  std::vector<std::string> lines_ FRESHFRAME_GUARDED_BY(mutex_);  // warnings for the log
  double looked_ FRESHFRAME_GUARDED_BY(mutex_) = 0;               // seconds of the machine's running time
  std::optional<double> no_age_until_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<double> told_stuck_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<double> told_refused_ FRESHFRAME_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace freshframe::media
