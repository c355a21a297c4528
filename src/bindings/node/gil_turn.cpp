// Measures for how long node threads wait for the GIL and hold it.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/gil_turn.hpp"

#include "freshframe/forks.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>

#include "bindings/border/fork_guard.hpp"
#include "core/turnstile.hpp"
#include "platform/thread.hpp"

namespace freshframe::python {
namespace {

// In shorter turns, no node function can release the GIL for a significant time.
constexpr std::chrono::microseconds kShort{20};

double seconds(GilTurn::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

// Note [Letting others in]
//
// A free GIL goes to the first thread that asks for it. A thread that sleeps on it must wake up before it can
// ask, and node threads that return immediately always ask first. The sleeping thread does not get the switch
// that the interpreter grants after 5 ms either, because every release wakes it and its 5 ms start again:
// next to a source that never waited, a game loop got the GIL twice a second. So once the node threads of the
// process have passed the GIL among themselves for `patience`, all of them leave it free for as long as a
// wake-up takes. If another thread used that time, patience becomes one turn. While none does, patience
// doubles, up to the interpreter's own 5 ms, which keeps the cost near one percent.
class NodeThreads {
 public:
  using Clock = GilTurn::Clock;

  // Sleeps if other threads should have the GIL now. Returns whether it slept.
  bool let_others_in(Clock::time_point now) {
    if (now - released_.load(std::memory_order_relaxed) > kWakeUp) {
      stretch_began_.store(now, std::memory_order_relaxed);  // other threads have already had the GIL
      return false;
    }
    if (now - stretch_began_.load(std::memory_order_relaxed) < patience_.load(std::memory_order_relaxed))
      return false;
    std::this_thread::sleep_for(kWakeUp);
    stretch_began_.store(Clock::now(), std::memory_order_relaxed);
    return true;
  }

  // Call after sleeping, when the thread has waited for the GIL for `waited`.
  void note_sleep(Clock::duration waited) {
    const auto patience = patience_.load(std::memory_order_relaxed);
    const bool used = waited > kFree;
    patience_.store(
        used ? Clock::duration(GilTurn::kLongest) : std::min<Clock::duration>(2 * patience, kSwitchInterval),
        std::memory_order_relaxed);
  }

  void note_release(Clock::time_point now) { released_.store(now, std::memory_order_relaxed); }

 private:
  static constexpr std::chrono::microseconds kWakeUp{50};
  // if getting the GIL took longer than this, another thread had it
  static constexpr std::chrono::microseconds kFree{2};
  static constexpr std::chrono::milliseconds kSwitchInterval{5};

  std::atomic<Clock::time_point> stretch_began_{};
  std::atomic<Clock::time_point> released_{};
  std::atomic<Clock::duration> patience_{GilTurn::kLongest};
};

// NOLINTNEXTLINE(bugprone-throwing-static-initialization): nothing runs at the start
constinit NodeThreads node_threads;

}  // namespace

// Note [Leaving in a queue]
//
// At the end of a pipeline every node's thread wants the GIL, to close its node and to finish. Each thread
// that waits for the GIL wakes every 5 ms to ask for a switch, so thousands of them leave no CPU time for
// anything else. So only a few threads of all pipelines ask at a time. But one node's close() may wait for
// another's, so more threads are let in when none has left for long.
struct GilTurn::WayOut {
  static constexpr std::size_t kPlaces = 16;
  static constexpr Seconds kPatience{0.1};

  ForkGuard guard;
  core::Turnstile turnstile{freshframe::Clock::real(), kPlaces, kPatience};

  // A forked child has its own queue, because the parent's threads do not exist there.
  static WayOut& instance() { return forks::PerProcess<WayOut>::get(); }
};

GilTurn::~GilTurn() {
  if (way_out_ != nullptr && !way_out_->guard.has_forked()) way_out_->turnstile.leave();
}

void GilTurn::queue_to_leave() {
  auto& way_out = WayOut::instance();
  way_out.turnstile.enter();
  way_out_ = &way_out;
}

GilTurn::Clock::time_point GilTurn::let_others_in() {
  const auto now = Clock::now();
  let_in_ = node_threads.let_others_in(now);
  return let_in_ ? Clock::now() : now;
}

void GilTurn::begin_turn(core::Runner& runner, Clock::time_point wanted) {
  began_ = Clock::now();
  if (std::exchange(let_in_, false)) node_threads.note_sleep(began_ - wanted);
  runner.meter().begin_gil_turn(seconds(began_ - wanted));
  seat_.begin_hold(was_long_);
  if (!seat_.is_seen() && was_long_) computed_ = seconds(platform::processor_time());
}

// In a short turn, the GIL counts as held throughout. In a long turn, sampling measures how long it was held
// (see Note [Sampling the GIL]). Without sampling, the thread's CPU time is used, which is wrong for
// functions that compute without the GIL or sleep with it. A turn after a short one is expected to be short;
// if it is not, the CPU time since it was last read is used, which is slightly too much.
void GilTurn::end_turn(core::Runner& runner) {
  const auto now = Clock::now();
  node_threads.note_release(now);
  const auto lasted = now - began_;
  was_long_ = lasted > kShort;
  const auto seen = seat_.end_hold(was_long_);
  if (seen || !was_long_) {
    const auto [held, waited] = seen.value_or(HoldSampler::Seen{.held = seconds(lasted)});
    runner.meter().end_gil_turn(waited, held);
    return;
  }
  const auto computed = seconds(platform::processor_time());
  runner.meter().end_gil_turn(0, std::min(seconds(lasted), computed - std::exchange(computed_, computed)));
}

}  // namespace freshframe::python
