// Passes results on in their order, so that the control thread never waits for a full edge.
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

/// The outcome of one sample that was taken, or the end of a source.
struct Outcome {
  AnySample from;
  std::vector<Emitted> results = {};
  bool processed = false;                     // counted as such when its turn has come
  std::optional<core::GoneSource> gone = {};  // after the results of all samples that were taken before
  core::Call call = {};                       // if it was processed
};

/// Used by the control thread. A separate thread, started when an edge is full for the first time, emits
/// the results that would wait.
class Emitter {
 public:
  /// The control thread calls `refuse` for a result that goes backwards.
  using Refuse = std::function<void(const std::exception_ptr& error, const AnySample& from)>;
  Emitter(core::Runner& runner, bool ordered, std::shared_ptr<Bell> bell, Refuse refuse);
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;
  ~Emitter();

  /// One more sample was taken. Returns its place in the order.
  [[nodiscard]] std::uint64_t take_ticket();
  void offer(std::uint64_t ticket, Outcome outcome);
  /// Notes that a source gives nothing more: its children learn it when all samples that have a ticket now
  /// are done.
  void end_source(const core::GoneSource& gone);
  /// Samples that were taken and whose outcome has not been passed on yet.
  [[nodiscard]] std::size_t outstanding() const noexcept {
    return outstanding_.load(std::memory_order_acquire);
  }
  /// Waits until all offered results have been emitted.
  void finish();

 private:
  void pass_on(Outcome outcome);
  [[nodiscard]] bool begin_thread();
  /// Passes the ends of sources whose samples are all done, if there is no order.
  void pass_ends();
  /// The samples that the results become; only the samples before a refused one.
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
  // Without an order, used by the control thread: the tickets of samples that are not done, and the ends of
  // sources that wait for those before them.
  std::set<std::uint64_t> open_;
  std::deque<std::pair<std::uint64_t, core::GoneSource>> ends_of_sources_;
  std::atomic<std::size_t> outstanding_{0};

  Mutex mutex_;
  Condition changed_;
  std::deque<Leaving> queue_ FRESHFRAME_GUARDED_BY(mutex_);
  bool busy_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool ends_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the control thread's
};

}  // namespace freshframe::process
