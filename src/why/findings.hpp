// Explains why results are old or lost in a running pipeline, with advice.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/why.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/watch/graph_state.hpp"
#include "why/quiet_times.hpp"
#include "why/rules.hpp"
#include "why/states.hpp"

namespace freshframe::core {

/// Judges windows of five seconds. A finding appears when two successive windows show it, and disappears
/// after three that do not. Nothing is judged in the first ten seconds of a run, from fewer than 30 samples,
/// or in a branch that has just changed or whose sources have an outage (see Note [Quiet branches]). A state,
/// such as a frozen image or a loss, appears at the first check that shows it (see States). Not thread-safe.
class Findings {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kUntilFirst{20};  // time from the first check to the first finding

  explicit Findings(Witness witness = {}) : witness_(std::move(witness)) {}
  [[nodiscard]] const Witness& witness() const noexcept { return witness_; }

  /// Call several times per second. `seen`: the state of the graph at `now`, whose quantiles are not used.
  void follow(const GraphState& seen, Time now);
  /// Updates only the states. Call at any time.
  void follow_states(const GraphState& seen, Time now);
  /// Returns the findings, the most severe first: stalls, then losses, then by the share of the latency that
  /// they explain. The first one only changes when another one explains a fifth more.
  [[nodiscard]] std::vector<Finding> present() const;
  /// Returns the time before which there can be no findings; nullopt: the pipeline is not running.
  [[nodiscard]] std::optional<Time> earliest() const;
  /// Returns the seconds for which each source has been away, by number.
  [[nodiscard]] std::map<int, double> away(Time now) const { return quiet_times_.away(now); }
  /// Returns the names of sources that are still in a quiet time, and of nodes and readers downstream of a
  /// recent change. Nodes all of whose sources are listed are not judged yet either: see Note [Quiet
  /// branches].
  [[nodiscard]] std::vector<std::string> list_unsettled(Time now) const { return quiet_times_.names(now); }

 private:
  struct Known {
    Cause cause;       // from the newest window that showed it
    int with = 0;      // number of windows that showed it; consecutive, unless Cause::lasts lets it skip some
    int in_a_row = 0;  // number of consecutive windows that showed it, up to the newest of them
    int without = 0;   // number of windows since then that did not show it

    [[nodiscard]] bool is_shown() const noexcept;
  };

  void begin_window(const GraphState& seen, Time now);
  /// `share`: how much of the window has passed.
  void count(const GraphState& seen, double share);
  void judge(const GraphState& seen, Time now);
  void remember(Causes&& causes);
  void choose_first();
  /// Returns the current causes. If a window has confirmed one, its version is used rather than the latest
  /// check's.
  [[nodiscard]] std::map<FindingKey, const Cause*> list_shown() const;
  /// Returns the keys of all findings, including those not shown yet, the most severe first.
  [[nodiscard]] std::vector<FindingKey> in_order() const;
  /// Returns the cause of a shown finding based on windows, or null.
  [[nodiscard]] const Cause* find_shown(const FindingKey& key) const;

  Witness witness_;
  std::optional<Time> quiet_until_;  // end of the quiet time after the start, without findings
  QuietTimes quiet_times_;
  std::optional<Window> window_;
  std::map<FindingKey, Known> known_;  // findings based on windows
  States looks_;
  Causes states_;  // findings of the latest check
  std::optional<FindingKey> first_;
};

}  // namespace freshframe::core
