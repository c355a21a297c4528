// The proofs from some seconds of a running pipeline: why results are old or lost, with a remedy.
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

/// Judges windows of five seconds. A finding is present when two successive windows show it, and gone after three
/// that do not. The first ten seconds of a run prove nothing, nor do fewer than 30 samples, nor a branch that has
/// just changed or whose sources have an outage (see Note [Quiet branches]). A state, such as a still picture or a
/// loss, is present from the first look that shows it (see States). For one thread.
class Findings {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kUntilFirst{20};  // from the first look to the first finding

  explicit Findings(Witness witness = {}) : witness_(std::move(witness)) {}
  [[nodiscard]] const Witness& witness() const noexcept { return witness_; }

  /// Several looks per second. `seen`: the state of the graph at `now`, whose quantiles are not used.
  void follow(const GraphState& seen, Time now);
  /// Follows the states alone, at any time.
  void follow_states(const GraphState& seen, Time now);
  /// The worst first: standstills, then losses, then by the share of the age that is explained. The first one stays
  /// so until another explains a fifth more.
  [[nodiscard]] std::vector<Finding> present() const;
  /// Returns until when no finding can be there; nullopt means the pipeline does not run.
  [[nodiscard]] std::optional<Time> earliest() const;
  /// The seconds for which each source has been away, by its number.
  [[nodiscard]] std::map<int, double> away(Time now) const { return quiet_times_.away(now); }
  /// Sources, and what is below a change of the graph: what is below these alone is not judged now.
  [[nodiscard]] std::vector<std::string> list_unsettled(Time now) const { return quiet_times_.names(now); }

 private:
  struct Known {
    Cause cause;       // cause of the newest window that had it
    int with = 0;      // windows that prove it, in a row unless it lasts
    int in_a_row = 0;  // windows that had it
    int without = 0;   // windows in a row that did not have it

    [[nodiscard]] bool is_shown() const noexcept;
  };

  void begin_window(const GraphState& seen, Time now);
  /// A look when this share of the window is over.
  void count(const GraphState& seen, double share);
  void judge(const GraphState& seen, Time now);
  void remember(Causes&& causes);
  void choose_first();
  /// The causes that are present. A window that has proven one knows more of it than a look.
  [[nodiscard]] std::map<FindingKey, const Cause*> list_shown() const;
  /// The worst first, including findings that are not shown yet.
  [[nodiscard]] std::vector<FindingKey> in_order() const;
  /// Returns the cause of a finding of windows that is shown, or null.
  [[nodiscard]] const Cause* find_shown(const FindingKey& key) const;

  Witness witness_;
  std::optional<Time> quiet_until_;  // no finding before this time after the start
  QuietTimes quiet_times_;
  std::optional<Window> window_;
  std::map<FindingKey, Known> known_;  // findings by windows
  States looks_;
  Causes states_;  // findings of the newest look
  std::optional<FindingKey> first_;
};

}  // namespace freshframe::core
