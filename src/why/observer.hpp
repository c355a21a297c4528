// Looks at a pipeline several times per second, so that it can say why samples are old.
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

  /// `gil`: of a watch.
  void follow(const GraphState& seen, GilFindings gil);
  [[nodiscard]] std::vector<Finding> findings() const;
  /// The seconds for which each source has been away, by its number.
  [[nodiscard]] std::map<int, double> away() const;
  /// From now on a source that has no connection for longer than this is ill, in seconds.
  void limit_away(double seconds);
  /// Begins to look unless it looks already.
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
  GilFindings gil_;                   // guarded by mutex_, like the next
  std::optional<double> away_limit_;  // seconds
  Findings findings_;
  std::optional<Time> since_;   // begin of the watch; nullopt means the pipeline does not run
  std::optional<Time> looked_;  // the latest look
  bool stopping_ = false;
  bool running_ = false;  // the thread
  std::thread thread_;
};

/// The observer of a pipeline, made at the first call. Any thread.
[[nodiscard]] Observer& get_observer(PipelineCore& core);

}  // namespace freshframe::core
