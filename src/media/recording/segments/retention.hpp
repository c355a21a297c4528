// Deletes the oldest segments of one recorder before its limits are passed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "media/ffmpeg/write/disk_room.hpp"
#include "media/recording/segments/clock_steps.hpp"
#include "media/recording/segments/keep_list.hpp"
#include "media/recording/segments/own_files.hpp"

namespace freshframe::media {

/// Throws OptionError for limits that are none or out of range.
void check_keep(const Keep& limits);

/// Note [Limits kept]
/// Before each flush of the open file the sum of the finished segments, of the open one and of a reserve must be
/// within the limits. The reserve is the most that the file has grown between two flushes, and a quarter more.
/// The thread deletes when twice the reserve no longer fits, so the recorder waits for it only where the disk
/// is slow.
///
/// Note [Age of segments]
/// The age of a segment is the time from its last change to that of the newest one. So nothing ages while
/// nothing is recorded, and the clock's own time does not count. When the wall clock is set by more than a
/// minute, or is behind the files at the start, nothing is deleted by age for a day, and the times that are
/// known are moved with the clock.
///
/// Deletions are on a thread of its own, because those of large files take long.
class Retention final : public DiskRoom {
 public:
  Retention(const SegmentPattern& pattern, const Keep& limits, MachineClocks clocks = MachineClocks::real());
  ~Retention() override;

  // The recorder's thread.

  /// A segment of this name, below the pattern's base, is about to be written. It is never deleted.
  void begin(const std::string& name);
  /// Notes that the file is complete.
  void finish() noexcept;
  void before_flush() noexcept override;
  [[nodiscard]] bool after_full() noexcept override;
  /// Waits until the thread has looked again, at most 2 s.
  void catch_up();

  /// What the finished segments take, as far as it is known. Any thread.
  [[nodiscard]] std::uint64_t finished_bytes() const;

 private:
  void run();
  void look_around() FRESHFRAME_REQUIRES(mutex_);
  void note_clock() FRESHFRAME_REQUIRES(mutex_);
  void delete_passed() FRESHFRAME_REQUIRES(mutex_);
  /// Returns false if there is none that can be deleted.
  [[nodiscard]] bool delete_oldest(const char* limit) FRESHFRAME_REQUIRES(mutex_);
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
  std::string open_ FRESHFRAME_GUARDED_BY(mutex_);  // name of the open segment; empty: there is none
  std::uint64_t open_bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  std::uint64_t reserve_ FRESHFRAME_GUARDED_BY(mutex_);
  std::uint64_t asks_ FRESHFRAME_GUARDED_BY(mutex_) = 0;     // calls that the thread should answer
  std::uint64_t answers_ FRESHFRAME_GUARDED_BY(mutex_) = 0;  // those that it has
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
