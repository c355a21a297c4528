// The present holder of the GIL and its time, read from the GIL's record. The GIL itself is never touched.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "gil_watch/cpython/python_frames.hpp"
#include "gil_watch/watch/collections.hpp"
#include "gil_watch/watch/place.hpp"
#include "gil_watch/watch/stall.hpp"
#include <sys/types.h>

namespace freshframe::gil {

/// The addresses that the watch reads. Filled in with the GIL held, before a watch starts.
struct Target {
  std::uintptr_t gil = 0;  // find_gil()
  KnownTypes types;
  std::size_t pthread_id = 0;  // offset of the kernel's id in glibc's thread record; for CPython 3.10
};

/// Offset of the kernel's thread id in the record of pthread_self(); 0: not found.
std::size_t find_pthread_id() noexcept;

struct Holder {
  std::uintptr_t state = 0;  // its thread state; 0: none
  unsigned long python_id = 0;
  pid_t native_id = 0;
};

/// One uninterrupted hold, according to periodic observations.
struct Turn {
  Holder holder;
  unsigned long number = 0;  // the GIL's count of changes of the holder
  Clock::time_point first_seen;
  Clock::time_point still_since;  // since when it has been at `mark`
  PlaceMark mark;
  bool seen_before = false;  // this is not the first look at it
  bool moved = false;        // at the look before, it was elsewhere in its bytecode

  explicit operator bool() const { return holder.state != 0; }
};

/// Reads where one thread is. Async-signal-safe.
struct SpotReader {
  std::uintptr_t gil = 0;
  std::uintptr_t state = 0;  // of the thread
  FrameReader frames;

  /// Returns nothing when the thread does not hold the GIL, or cannot be read.
  [[nodiscard]] std::optional<Spot> read() const noexcept;
};

/// Follows the GIL from one observation to the next. For one thread.
class HolderWatch {
 public:
  explicit HolderWatch(const Target& target) : target_(target), frames_(target.types) {}

  /// Observes once. False: the GIL's record cannot be read.
  bool look(Clock::time_point now);
  /// Observes the holder of the last look several times within some microseconds. Two observations of a short
  /// loop that are milliseconds apart may well find the same place.
  void look_closer(Clock::time_point now);

  [[nodiscard]] const Turn& turn() const { return turn_; }
  /// For the holder of the last look.
  [[nodiscard]] SpotReader reader() const { return {target_.gil, turn_.holder.state, frames_}; }
  /// Where the holder of the last look is now; nothing when it has released the GIL or cannot be read.
  [[nodiscard]] std::optional<Spot> spot() const { return reader().read(); }
  /// Whether the holder of the last look is in a garbage collection, as the collector told.
  [[nodiscard]] bool collects() const {
    return Collections::instance().runs_at(turn_.holder.state, turn_.mark.frame);
  }
  /// sys.getswitchinterval()
  [[nodiscard]] Clock::duration interval() const { return interval_; }
  /// How often the holder has changed since the start of the interpreter.
  [[nodiscard]] unsigned long switches() const { return switches_; }
  [[nodiscard]] const FrameReader& frames() const { return frames_; }

  /// This thread is the watch's own: while it holds the GIL, the GIL counts as free.
  void ignore(unsigned long python_id) { ignored_ = python_id; }

 private:
  [[nodiscard]] Holder read_holder(std::uintptr_t state) const noexcept;

  Target target_;
  FrameReader frames_;
  Turn turn_;
  Clock::duration interval_{};
  unsigned long switches_ = 0;
  unsigned long ignored_ = 0;
};

}  // namespace freshframe::gil
