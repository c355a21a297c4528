// Emits results in order, so that the control thread never waits for a full edge.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/runner/runner.hpp"
#include "process/crew/bell.hpp"

namespace freshframe::process {

/// The outcome of a sample, or the end of a source.
struct Outcome {
  AnySample from;
  std::vector<Emitted> results = {};
  bool processed = false;                     // counted as processed when it is emitted
  std::optional<core::GoneSource> gone = {};  // emitted after the results of all earlier samples
  core::Call call = {};                       // record of the call; only used if `processed` is set
};

/// Used by the control thread. When an edge is full for the first time, it starts a separate thread that
/// emits the results which have to wait.
class Emitter {
 public:
  /// `refuse` is called on the control thread for a result whose time goes backwards.
  using Refuse = std::function<void(const std::exception_ptr& error, const AnySample& from)>;
  Emitter(core::Runner& runner, bool ordered, std::shared_ptr<Bell> bell, Refuse refuse);
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;
  ~Emitter();

  /// Must be called for each sample taken. Returns its position in the order.
  [[nodiscard]] std::uint64_t take_ticket();
  void offer(std::uint64_t ticket, Outcome outcome);
  /// Must be called when a source has ended: downstream nodes are told after all samples taken so far.
  void end_source(const core::GoneSource& gone);
  /// Number of samples taken whose outcome has not been emitted.
  [[nodiscard]] std::size_t outstanding() const noexcept {
    return outstanding_.load(std::memory_order_acquire);
  }
  /// Waits until all results have been emitted.
  void finish();

 private:
  void pass_on(Outcome outcome);
  [[nodiscard]] bool begin_thread();
  /// Passes on the ends of sources whose samples are all done. Only without ordering.
  void pass_ends();
  /// The samples for the results; if one is refused, only those before it.
  [[nodiscard]] std::vector<AnySample> stamp_results(Outcome& outcome);
  /// The results of an outcome, or the end of a source.
  struct Leaving {
    std::vector<AnySample> samples;
    std::optional<core::GoneSource> gone;
  };
  void send(Leaving& leaving);
  [[nodiscard]] bool is_idle();
  void run();
  void done() noexcept;

  core::Runner& runner_;
  const bool ordered_;
  const std::shared_ptr<Bell> bell_;
  const Refuse refuse_;
  std::map<std::uint64_t, Outcome> early_;  // outcomes that wait for earlier ones; used by the control thread
  std::uint64_t next_ticket_ = 0;
  std::uint64_t next_out_ = 0;
  // Without ordering, used by the control thread: tickets of samples in progress, and ends of sources that
  // wait for them.
  std::set<std::uint64_t> open_;
  std::deque<std::pair<std::uint64_t, core::GoneSource>> ends_of_sources_;
  std::atomic<std::size_t> outstanding_{0};

  Mutex mutex_;
  Condition changed_;
  std::deque<Leaving> queue_ FRESHFRAME_GUARDED_BY(mutex_);
  bool busy_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool ends_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // started and joined by the control thread
};

}  // namespace freshframe::process
