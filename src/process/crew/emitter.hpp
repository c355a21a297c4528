// Passes results on in their order, so that the control thread never waits for a full edge.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "core/pipeline/runner.hpp"
#include "process/crew/bell.hpp"

namespace freshframe::process {

/// The outcome of one sample that was taken. Without an output nothing is emitted.
struct Outcome {
  AnySample from;
  std::optional<Emitted> output = {};
  bool processed = false;  // counted as such when its turn has come
};

/// Used by the control thread. A thread of its own, started when an edge is full for the first time, emits
/// the results that would wait.
class Emitter {
 public:
  Emitter(core::Runner& runner, bool ordered, std::shared_ptr<Bell> bell);
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;
  ~Emitter();

  /// One more sample was taken. Returns its place in the order.
  [[nodiscard]] std::uint64_t take_ticket();
  void offer(std::uint64_t ticket, Outcome outcome);
  /// Samples that were taken and whose outcome has not been passed on yet.
  [[nodiscard]] std::size_t outstanding() const noexcept {
    return outstanding_.load(std::memory_order_acquire);
  }
  /// Waits until all offered results have been emitted.
  void finish();

 private:
  void pass_on(Outcome outcome);
  [[nodiscard]] bool is_idle();
  void run();
  void done() noexcept;

  core::Runner& runner_;
  const bool ordered_;
  const std::shared_ptr<Bell> bell_;
  std::map<std::uint64_t, Outcome> early_;  // outcomes that wait for earlier ones; used by the control thread
  std::uint64_t next_ticket_ = 0;
  std::uint64_t next_out_ = 0;
  std::atomic<std::size_t> outstanding_{0};

  Mutex mutex_;
  Condition changed_;
  std::deque<Outcome> queue_ FRESHFRAME_GUARDED_BY(mutex_);
  bool busy_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool ends_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the control thread's
};

}  // namespace freshframe::process
