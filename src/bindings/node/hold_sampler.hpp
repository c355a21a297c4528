// The share of a node's call in which its thread held the GIL without computing.
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
#include <unordered_map>

#include "bindings/fork_guard.hpp"

namespace freshframe::python {

/// Note [Waiting with the GIL]
/// A call that sleeps has either released the GIL, or a C function blocks while it holds the GIL. The thread's
/// processor time is the same for both. So once a node's call has waited for long, a native thread reads the
/// interpreter's record of the GIL every 5 ms, without acquiring it, and counts how often the node's thread is the
/// holder. The sampling stops when no node's call has waited for two seconds. It starts with the first long wait,
/// which is therefore not counted.
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

    /// The thread has acquired the GIL.
    void begin() noexcept;
    /// The thread is about to release the GIL, and did not compute for so long. Returns the share of the time
    /// since begin() in which it held the GIL; nothing if that was not sampled.
    std::optional<double> share_held(Clock::duration waited);

   private:
    friend class HoldSampler;
    std::uintptr_t thread_ = 0;       // the interpreter's record of it; 0: unknown
    std::uint32_t looks_before_ = 0;  // when the thread got the GIL
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
  std::atomic<std::uint32_t> looks_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::uintptr_t, Seat*> seats_;  // by thread; guarded by mutex_
  Clock::time_point until_{};                        // guarded by mutex_: the end of the sampling
  bool stopping_ = false;                            // guarded by mutex_
  std::optional<std::thread> thread_;                // of the threads with the GIL
};

}  // namespace freshframe::python
