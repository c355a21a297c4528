// Pairs of a Python line and a native stack that are certainly of one call.
// SPDX-License-Identifier: Apache-2.0
//
// Note [One call, one pair]
// The Python line and the native stack are read at different moments, and on a busy machine many milliseconds
// lie between them. They are a pair only if both are of one place: before and after each of them was read,
// the thread was at the same place of its bytecode, and the GIL had not changed hands. Everything else is
// thrown away. A stall without a native name is better than one with the name of another call.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "gil_watch/cpython/python_frames.hpp"
#include "gil_watch/stacks/stack_sample.hpp"
#include "gil_watch/stacks/task_state.hpp"
#include "gil_watch/watch/stall.hpp"

namespace freshframe::gil {

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
  int working_looks = 0;     // and certainly in none
  std::vector<PythonFrame>
      python;  // innermost first; empty: it runs no Python, or moved while they were read
  std::optional<StackSample> waiting;  // its stack where it waited most
  TaskState where;                     // the place of that wait
  int where_votes = 0;                 // looks that saw it there, less those that saw it elsewhere
  std::vector<StackSample> computing;  // its stacks on the CPU, oldest first

  [[nodiscard]] Clock::duration lasted() const { return last - first; }
  [[nodiscard]] bool blocked() const { return waiting_looks > running_looks; }
  /// Whether it collected garbage all the time: a call that makes many objects is in a collection now and
  /// then.
  [[nodiscard]] bool collects() const { return collecting_looks > 0 && working_looks == 0; }
  /// The samples of what it did for most of the time; of the other kind when there is none.
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

  /// From now on a stack on the CPU is awaited, for the present place.
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
  Clock::duration sampled_at_{};  // of the present place's time, when its last stack was kept
};

}  // namespace freshframe::gil
