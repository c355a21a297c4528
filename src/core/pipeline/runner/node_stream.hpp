// The stream that starts at a source or at a node with ticks: sequence numbers, timestamps, final results.
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

/// For the node's thread only.
class NodeStream {
 public:
  NodeStream(const NodeFacts& facts, const Clock& clock) : facts_(facts), clock_(clock) {}
  NodeStream(const NodeStream&) = delete;
  NodeStream& operator=(const NodeStream&) = delete;

  // ---- items of a source

  /// Throws Error unless the item's sequence number is greater than the previous one.
  void check_seq(const SourceItem<Emitted>& item) const;
  /// Returns the item's sequence number or, if it has none, the next one.
  [[nodiscard]] std::int64_t take_seq(const SourceItem<Emitted>& item) noexcept {
    const auto seq = item.seq.value_or(next_seq_);
    next_seq_ = seq + 1;
    return seq;
  }
  /// Returns the item's capture time, or `now` if that is earlier. Warns once if it is over a second later.
  [[nodiscard]] TimePoint choose_captured(const SourceItem<Emitted>& item, TimePoint now) {
    if (item.captured == TimePoint{}) return now;
    if (item.captured > now) warn_about_clock(item.captured - now);
    return std::min(item.captured, now);
  }
  /// Returns the item's UTC time or, for a live source without one, this machine's time at `captured`.
  [[nodiscard]] Utc choose_utc(const SourceItem<Emitted>& item, TimePoint captured, bool is_live) const;
  /// Call when an item is sent, so that a replacement can continue after it.
  void note(const SourceItem<Emitted>& item, TimePoint captured) noexcept {
    if (item.pts > latest_.pts) latest_.step = item.pts - latest_.pts;
    latest_.pts = item.pts;
    latest_.captured = captured;
    if (!item.value.frame) return;
    latest_.width = item.value.frame.width();
    latest_.height = item.value.frame.height();
  }

  // ---- for a source that replaced another one
  void begin_later() noexcept {
    added_.seq = next_seq_;
    is_later_ = is_first_ = true;
  }
  [[nodiscard]] bool is_later() const noexcept { return is_later_; }
  /// Makes an item continue the previous source's stream. Returns true if its frames have another size.
  bool continue_with(SourceItem<Emitted>& item, bool is_live);

  // ---- a node's own stream
  void begin_stream(TimePoint start) noexcept { start_ = start; }
  /// Returns a sample without a value, whose stamp the results of on_tick() or finish() get. `at`: the time
  /// of the tick or of the end.
  [[nodiscard]] AnySample own_sample(std::int64_t seq, TimePoint at) const;
  /// Returns false once there is no time left for final results after a stop, which is logged once.
  [[nodiscard]] bool takes_last_results();

 private:
  void warn_about_clock(TimePoint::duration ahead);

  const NodeFacts& facts_;
  const Clock& clock_;
  std::int64_t next_seq_ = 0;
  struct Latest {
    double pts = 0;
    double step = 0;  // pts difference between the last two items
    TimePoint captured{};
    int width = 0;
    int height = 0;
  };
  Latest latest_;  // last item
  struct Added {
    std::int64_t seq = 0;
    double pts = 0;
    TimePoint earliest{};  // lower limit of `captured`: the last item of the replaced source
  };
  Added added_;            // added to the fields of each item of a replacement
  bool is_later_ = false;  // whether the source replaced another one
  bool is_first_ = false;  // whether the source has not delivered anything yet
  bool clock_logged_ = false;
  TimePoint start_{};                    // start of the pipeline
  std::optional<TimePoint> last_until_;  // see takes_last_results()
  bool last_ended_ = false;              // whether there was no time left for final results
};

}  // namespace freshframe::core
