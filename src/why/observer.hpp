// Looks at a pipeline several times per second, so that it can say why samples are old.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/why.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/look/graph_state.hpp"
#include "why/findings.hpp"
#include "why/predictions.hpp"

namespace freshframe::core {

class PipelineCore;

/// One for each pipeline, so that the page, `freshframe top` and why() say the same. Any thread. A dashboard looks anyway
/// and calls follow(). Without one why() starts a thread, which ends with the pipeline.
///
/// The observer's mutex is the first of all: the graph's is locked within it. Therefore it has no rank.
class Observer {
 public:
  explicit Observer(const PipelineCore& core);
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  ~Observer();

  void follow(const GraphState& seen);
  [[nodiscard]] std::vector<Finding> findings() const;
  /// Begins to look unless it looks already.
  [[nodiscard]] Why why();

 private:
  using Time = std::chrono::steady_clock::time_point;

  void run();
  void note(const GraphState& seen, Time now);
  [[nodiscard]] bool is_watched(Time now) const;

  const PipelineCore& core_;
  Predictions predictions_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Findings findings_;           // guarded by mutex_, as the next
  std::optional<Time> since_;   // of the watch; nullopt: the pipeline does not run
  std::optional<Time> looked_;  // the latest look
  bool stopping_ = false;
  bool running_ = false;  // the thread
  std::thread thread_;
};

/// The observer of a pipeline, made at the first call. Any thread.
[[nodiscard]] Observer& observer_of(PipelineCore& core);

}  // namespace freshframe::core
