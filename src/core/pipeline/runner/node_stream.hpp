// The stream that begins at a node, of a source or of a node's own clock: numbers, times, last results.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/node.hpp"
#include "freshframe/sample.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/pipeline/runner/node_facts.hpp"

namespace freshframe::core {

/// The node's thread only.
class NodeStream {
 public:
  NodeStream(const NodeFacts& facts, const Clock& clock) : facts_(facts), clock_(clock) {}
  NodeStream(const NodeStream&) = delete;
  NodeStream& operator=(const NodeStream&) = delete;

  // ---- items of a source
  /// Throws Error when the item's number is not greater than the number of the item before.
  void check_seq(const SourceItem<Emitted>& item) const;
  /// The item's number, or else the next one.
  [[nodiscard]] std::int64_t take_seq(const SourceItem<Emitted>& item) noexcept {
    const auto seq = item.seq.value_or(next_seq_);
    next_seq_ = seq + 1;
    return seq;
  }
  /// The item's time, at most `now`. Logs a clock that is another one.
  [[nodiscard]] TimePoint choose_captured(const SourceItem<Emitted>& item, TimePoint now) {
    if (item.captured == TimePoint{}) return now;
    if (item.captured > now) warn_about_clock(item.captured - now);
    return std::min(item.captured, now);
  }
  /// The item's, or of a live source this machine's at `captured`.
  [[nodiscard]] Utc choose_utc(const SourceItem<Emitted>& item, TimePoint captured, bool is_live) const;
  /// The item leaves: what follows another source goes on after it.
  void note(const SourceItem<Emitted>& item, TimePoint captured) noexcept {
    if (item.pts > latest_.pts) latest_.step = item.pts - latest_.pts;
    latest_.pts = item.pts;
    latest_.captured = captured;
    if (!item.value.frame) return;
    latest_.width = item.value.frame.width();
    latest_.height = item.value.frame.height();
  }

  // ---- a source that has taken the place of another
  void begin_later() noexcept {
    added_.seq = next_seq_;
    is_later_ = is_first_ = true;
  }
  [[nodiscard]] bool is_later() const noexcept { return is_later_; }
  /// Makes an item follow the items of the source before. Returns true if its pictures have another size.
  bool continue_with(SourceItem<Emitted>& item, bool is_live);

  // ---- a node's own stream
  void begin_stream(TimePoint start) noexcept { start_ = start; }
  /// The sample that stands for a tick, or for the end.
  [[nodiscard]] AnySample own_sample(std::int64_t seq, TimePoint at) const;
  /// After a stop: false when last results have no time left, which is logged once.
  [[nodiscard]] bool takes_last_results();

 private:
  void warn_about_clock(TimePoint::duration ahead);

  const NodeFacts& facts_;
  const Clock& clock_;
  std::int64_t next_seq_ = 0;
  struct Latest {
    double pts = 0;
    double step = 0;  // between the last two
    TimePoint captured{};
    int width = 0;
    int height = 0;
  };
  Latest latest_;  // item
  struct Added {
    std::int64_t seq = 0;
    double pts = 0;
  };
  Added added_;            // to each item of a source that follows another
  bool is_later_ = false;  // the source follows another
  bool is_first_ = false;  // whether it has delivered nothing yet
  bool clock_logged_ = false;
  TimePoint start_{};                    // start of the pipeline
  std::optional<TimePoint> last_until_;  // see takes_last_results()
  bool last_ended_ = false;              // by it
};

}  // namespace freshframe::core
