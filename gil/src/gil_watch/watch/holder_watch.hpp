// Tracks the holder of the GIL and its holding time by reading CPython's GIL structure. Never touches the GIL
// itself.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gil_watch/cpython/python_frames.hpp"
#include "gil_watch/stacks/stack_sample.hpp"
#include "gil_watch/stacks/task_state.hpp"
#include "gil_watch/watch/collections.hpp"
#include "gil_watch/watch/stall.hpp"
#include <sys/types.h>

namespace freshframe::gil {

// Pairs of a Python line and a native stack that are certainly of one call.
// Note [One call, one pair]
// The Python line and the native stack are read at different moments, and on a busy machine many milliseconds
// lie between them. They are a pair only if both are of one place: before and after each of them was read,
// the thread was at the same place of its bytecode, and the GIL had not changed hands. Everything else is
// thrown away. A stall without a native name is better than one with the name of another call.

/// The position of a thread while it holds the GIL.
struct Spot {
  unsigned long turn = 0;  // number of changes of the GIL's holder
  PlaceMark mark;

  /// A hash of the spot; never 0.
  [[nodiscard]] std::uint64_t digest() const noexcept;
  friend bool operator==(const Spot&, const Spot&) = default;
};

/// A thread at one spot: usually within one call of native code.
struct Place {
  Spot spot;
  Clock::time_point first;  // first and last observation at this place
  Clock::time_point last;
  int waiting_looks = 0;  // observations in which the thread was waiting in the kernel
  int running_looks = 0;
  int collecting_looks = 0;  // observations in which the thread was certainly in a garbage collection
  int working_looks = 0;     // observations in which the thread was certainly running and not in a collection
  /// The Python frames, innermost first. Empty if the thread runs no Python code, or moved while they were
  /// read.
  std::vector<PythonFrame> python;
  std::optional<StackSample> waiting;  // stack of the thread's most frequent wait
  TaskState where;                     // state of the thread in its most frequent wait
  int where_votes = 0;                 // observations of that wait minus observations of other waits
  std::vector<StackSample> computing;  // stacks on the CPU, oldest first

  [[nodiscard]] Clock::duration lasted() const { return last - first; }
  [[nodiscard]] bool blocked() const { return waiting_looks > running_looks; }
  /// Returns true if the thread was in a garbage collection at all observations. A call that creates many
  /// objects is in one only now and then.
  [[nodiscard]] bool collects() const { return collecting_looks > 0 && working_looks == 0; }
  /// Returns the samples of the thread's more frequent state, waiting or running, or those of the other state
  /// if there are none.
  [[nodiscard]] std::vector<const StackSample*> samples() const;
};

/// The places of a thread during a stall: the current one, and the one where it stayed longest.
class Places {
 public:
  static constexpr std::size_t kMostSamples = 6;

  /// Records that the thread was seen at `spot`.
  void see(const Spot& spot, Clock::time_point now);
  /// Counts an observation of the thread at the current place, running or waiting.
  void count(bool running) { ++(running ? now_.running_looks : now_.waiting_looks); }

  /// Counts an observation that the thread is in a garbage collection, or is not. Ignored unless `after`,
  /// which was read later, is still the current place.
  void count_collecting(bool collects, const std::optional<Spot>& after);

  // Each of the following is kept only if the thread was still at the current place `after` it was read.

  void keep_frames(std::vector<PythonFrame> frames, const std::optional<Spot>& after);
  /// Stores a CPU sample that await() requested. A sample with a witness is only kept if the thread was at
  /// this place when it was taken.
  void keep_computing(StackSample sample, const std::optional<Spot>& after);
  /// Stores a stack sampled during the wait `state`.
  void keep_waiting(StackSample sample, const TaskState& state, const std::optional<Spot>& after);
  /// Counts a wait as the same as before, or as another one. Returns true if its stack should be sampled.
  bool wants_waiting(const TaskState& state);

  /// Requests a CPU sample at the current place.
  void await() { awaited_ = now_.spot; }
  [[nodiscard]] bool awaits() const { return awaited_ == now_.spot; }
  /// Returns true if another CPU sample at the current place is useful. They are spread over time: the first
  /// immediately, further ones each time the stay here has doubled.
  [[nodiscard]] bool wants_computing() const;

  [[nodiscard]] const Place& present() const { return now_; }
  [[nodiscard]] const Place& longest() const { return now_.lasted() >= longest_.lasted() ? now_ : longest_; }

 private:
  Place now_;
  Place longest_;
  std::optional<Spot> awaited_;
  Clock::duration sampled_at_{};  // time spent at this place when the last stack was kept
};

/// The addresses that the watch reads. Set with the GIL held, before a watch starts.
struct Target {
  std::uintptr_t gil = 0;  // see find_gil()
  KnownTypes types;
  // offset of the kernel thread id in glibc's thread structure; CPython 3.10 only
  std::size_t pthread_id = 0;
};

/// Offset of the kernel thread id in the structure that pthread_self() points to, or 0 if not found.
std::size_t find_pthread_id() noexcept;

struct Holder {
  std::uintptr_t state = 0;  // thread state, or 0
  unsigned long python_id = 0;
  pid_t native_id = 0;
};

/// One uninterrupted hold of the GIL, as seen by periodic observations.
struct Turn {
  Holder holder;
  unsigned long number = 0;  // number of changes of the GIL's holder
  Clock::time_point first_seen;
  Clock::time_point still_since;  // start of the thread's stay at `mark`
  PlaceMark mark;
  bool seen_before = false;  // true if an earlier observation saw this turn, too
  bool moved = false;        // whether the bytecode has moved since the previous observation

  explicit operator bool() const { return holder.state != 0; }
};

/// Reads the position of one thread. Async-signal-safe.
struct SpotReader {
  std::uintptr_t gil = 0;
  std::uintptr_t state = 0;  // thread state
  FrameReader frames;

  /// Returns nullopt if the thread does not hold the GIL or cannot be read.
  [[nodiscard]] std::optional<Spot> read() const noexcept;
};

/// Follows the GIL from one observation to the next. Not thread-safe.
class HolderWatch {
 public:
  explicit HolderWatch(const Target& target) : target_(target), frames_(target.types) {}

  /// Observes once. Returns false if the GIL structure cannot be read.
  bool look(Clock::time_point now);
  /// Observes the last holder several times within microseconds. Observations that are milliseconds apart may
  /// find a short loop at the same place by chance.
  void look_closer(Clock::time_point now);

  [[nodiscard]] const Turn& turn() const { return turn_; }
  /// For the last observed holder.
  [[nodiscard]] SpotReader reader() const { return {target_.gil, turn_.holder.state, frames_}; }
  /// The current position of the last observed holder; nullopt if it has released the GIL or cannot be read.
  [[nodiscard]] std::optional<Spot> spot() const { return reader().read(); }
  /// Returns true if the last observed holder is in a garbage collection, as reported by the collector.
  [[nodiscard]] bool collects() const {
    return Collections::instance().runs_at(turn_.holder.state, turn_.mark.frame);
  }
  /// sys.getswitchinterval()
  [[nodiscard]] Clock::duration interval() const { return interval_; }
  /// Number of changes of the holder since the interpreter started.
  [[nodiscard]] unsigned long switches() const { return switches_; }
  [[nodiscard]] const FrameReader& frames() const { return frames_; }

  /// Ignores a thread of the watch: while it holds the GIL, the GIL counts as free.
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
