// Checks a pipeline several times per second, to explain latency and losses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil_findings.hpp"
#include "freshframe/why.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/watch/graph_state.hpp"
#include "why/findings.hpp"

namespace freshframe::core {

class PipelineCore;

/// One per pipeline, so that the page, `freshframe top` and why() agree. Thread-safe. A dashboard calls
/// follow() itself; otherwise why() starts a thread, which ends with the pipeline.
///
/// Its mutex is locked before all others, including the graph's, so it has no rank.
class Observer {
 public:
  explicit Observer(const PipelineCore& core);
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  ~Observer();

  /// `gil`: the findings of a GIL watch.
  void follow(const GraphState& seen, GilFindings gil);
  [[nodiscard]] std::vector<Finding> findings() const;
  /// Returns the seconds for which each source has been away, by number.
  [[nodiscard]] std::map<int, double> away() const;
  /// Sets after how many seconds without a connection a source is reported.
  void limit_away(double seconds);
  /// Starts checking, unless already started.
  [[nodiscard]] Why why();

 private:
  using Time = std::chrono::steady_clock::time_point;

  void run();
  void begin_watch();
  void note(const GraphState& seen, Time now);
  [[nodiscard]] bool is_watched(Time now) const;
  [[nodiscard]] Circumstances circumstances() const;

  const PipelineCore& core_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  GilFindings gil_;                   // guarded by mutex_, as is the next member
  std::optional<double> away_limit_;  // seconds
  Findings findings_;
  std::optional<Time> since_;   // start of the watch; nullopt if the pipeline is not running
  std::optional<Time> looked_;  // the latest check of the running pipeline
  bool stopping_ = false;
  bool running_ = false;  // whether the thread is running
  std::thread thread_;
};

/// Returns the pipeline's observer, creating it on the first call. Thread-safe.
[[nodiscard]] Observer& get_observer(PipelineCore& core);

}  // namespace freshframe::core
