// How much of a node's call had the GIL while the thread did not compute.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "bindings/fork_guard.hpp"

namespace freshframe::python {

/// Note [Waiting with the GIL]
/// A call that sleeps has let the GIL go, or a C function blocks with it and keeps it from all others. The
/// thread's processor time is the same for both. So once a node's call has waited for long, a native thread
/// looks at the interpreter's record of its lock every 5 ms, without taking it, and counts how often the
/// node's thread has it. It sleeps again when no node's call has waited for two seconds, and there is none
/// while no call ever does: the first long wait of a node is not counted.
class HoldSampler {
 public:
  using Clock = std::chrono::steady_clock;

  /// One node thread's place. Made, used and destroyed by that thread with the GIL held.
  class Seat {
   public:
    Seat();
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    /// The thread got the GIL.
    void begin() noexcept;
    /// The thread is about to let it go, and did not compute for so long. Returns the share of the time since
    /// begin() in which it had it; nothing while that was not looked at.
    std::optional<double> share_held(Clock::duration waited);

   private:
    friend class HoldSampler;
    std::uintptr_t thread_ = 0;  // the interpreter's record of it; 0: cannot be told
    std::atomic<std::uint32_t> looks_{0};
    std::atomic<std::uint32_t> held_{0};
    std::shared_ptr<HoldSampler> sampler_;
    ForkGuard guard_;
  };

  explicit HoldSampler(std::uintptr_t lock) : lock_(lock) {}
  ~HoldSampler();
  HoldSampler(const HoldSampler&) = delete;
  HoldSampler& operator=(const HoldSampler&) = delete;

 private:
  void add(Seat& seat);
  void remove(Seat& seat);
  void look_on();
  void run();
  void look_locked();

  const std::uintptr_t lock_;  // the record's address
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seat*> seats_;           // guarded by mutex_
  Clock::time_point until_{};          // guarded by mutex_: looks are made until then
  bool stopping_ = false;              // guarded by mutex_
  std::optional<std::thread> thread_;  // of the threads with the GIL
};

}  // namespace freshframe::python
