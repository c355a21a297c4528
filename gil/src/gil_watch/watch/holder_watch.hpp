// The present holder of the GIL and its time, read from the GIL's record. The GIL itself is never touched.
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

/// Where a thread is while it holds the GIL.
struct Spot {
  unsigned long turn = 0;  // the GIL's count of changes of the holder
  PlaceMark mark;

  /// Not 0; differs from that of other spots, as far as 64 bits can.
  [[nodiscard]] std::uint64_t digest() const noexcept;
  friend bool operator==(const Spot&, const Spot&) = default;
};

/// A thread at one spot: usually within one call of native code.
struct Place {
  Spot spot;
  Clock::time_point first;  // the looks that saw the thread here
  Clock::time_point last;
  int waiting_looks = 0;  // how often it was seen waiting in the kernel here
  int running_looks = 0;
  int collecting_looks = 0;  // how often it was certainly in a garbage collection here
  int working_looks = 0;     // looks at a working holder, certainly in no call
  /// Innermost first, or empty if it runs no Python or moved while they were read.
  std::vector<PythonFrame> python;
  std::optional<StackSample> waiting;  // its stack where it waited most
  TaskState where;                     // the place of that wait
  int where_votes = 0;                 // looks that saw it there, less the looks that saw it elsewhere
  std::vector<StackSample> computing;  // its stacks on the CPU, oldest first

  [[nodiscard]] Clock::duration lasted() const { return last - first; }
  [[nodiscard]] bool blocked() const { return waiting_looks > running_looks; }
  /// Whether it collected garbage all the time: a call that makes many objects is in a collection now and
  /// then.
  [[nodiscard]] bool collects() const { return collecting_looks > 0 && working_looks == 0; }
  /// The samples of what it did for most of the time; of the other kind without them.
  [[nodiscard]] std::vector<const StackSample*> samples() const;
};

/// The places of one thread during a stall: the present one, and the one where it stayed longest.
class Places {
 public:
  static constexpr std::size_t kMostSamples = 6;

  /// The thread was seen at `spot`.
  void see(const Spot& spot, Clock::time_point now);
  /// The thread was seen at the present place, on the CPU or in a wait.
  void count(bool running) { ++(running ? now_.running_looks : now_.waiting_looks); }

  /// Whether the thread collected garbage at the present place; counts if `after` that it was still there.
  void count_collecting(bool collects, const std::optional<Spot>& after);

  // Each of the following is kept only if `after` it was read the thread was still at the present place.

  void keep_frames(std::vector<PythonFrame> frames, const std::optional<Spot>& after);
  /// A stack on the CPU, asked for by await(). One with a witness is kept if the thread was here when it was
  /// taken.
  void keep_computing(StackSample sample, const std::optional<Spot>& after);
  /// A stack in the wait `state`.
  void keep_waiting(StackSample sample, const TaskState& state, const std::optional<Spot>& after);
  /// Notes the same wait as before, or another one. Returns true if its stack is wanted.
  bool wants_waiting(const TaskState& state);

  /// From now on a stack on the CPU is awaited at the present place.
  void await() { awaited_ = now_.spot; }
  [[nodiscard]] bool awaits() const { return awaited_ == now_.spot; }
  /// Whether a further stack on the CPU would say more about the present place. They are spread over its
  /// time: the first at once, the next whenever the time here has doubled.
  [[nodiscard]] bool wants_computing() const;

  [[nodiscard]] const Place& present() const { return now_; }
  [[nodiscard]] const Place& longest() const { return now_.lasted() >= longest_.lasted() ? now_ : longest_; }

 private:
  Place now_;
  Place longest_;
  std::optional<Spot> awaited_;
  Clock::duration sampled_at_{};  // time in the present place when its last stack was kept
};

/// The addresses that the watch reads. Filled in with the GIL held, before a watch starts.
struct Target {
  std::uintptr_t gil = 0;  // find_gil()
  KnownTypes types;
  std::size_t pthread_id = 0;  // offset of the kernel's id in glibc's thread record; for CPython 3.10
};

/// Offset of the kernel's thread id in the record of pthread_self(); 0 means not found.
std::size_t find_pthread_id() noexcept;

struct Holder {
  std::uintptr_t state = 0;  // its thread state, or 0
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
  std::uintptr_t state = 0;  // state of the thread
  FrameReader frames;

  /// Returns nothing when the thread does not hold the GIL, or cannot be read.
  [[nodiscard]] std::optional<Spot> read() const noexcept;
};

/// Follows the GIL from one observation to the next. For one thread.
class HolderWatch {
 public:
  explicit HolderWatch(const Target& target) : target_(target), frames_(target.types) {}

  /// Observes once. False means the GIL's record cannot be read.
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
